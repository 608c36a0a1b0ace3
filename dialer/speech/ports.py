"""What a conversation needs of speech providers.

All audio in the dialer is 16-bit signed little-endian PCM, mono, 8000 Hz ("slin"): 320 bytes are 20 ms.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Protocol

SAMPLE_RATE_HZ = 8000
BYTES_PER_SECOND = SAMPLE_RATE_HZ * 2
FRAME_MS = 20
FRAME_BYTES = BYTES_PER_SECOND * FRAME_MS // 1000


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What was heard. Interim hypotheses may be revised; the last one of an utterance is final.

    `confidence` is 0..1, or None where the provider gives none. Empty `text` means: no words.
    """

    text: str
    final: bool
    confidence: float | None = None


class Recognizer(Protocol):
    """Speech to text, one utterance at a time."""

    #: Short name for transcripts and metrics, for example "openai" or "phrase_bank".
    name: str

    def transcribe(self, pcm: bytes, *, hint: str = "") -> AsyncIterator[Hypothesis]:
        """Hear one utterance (8 kHz slin); yields interim hypotheses, then exactly one final.

        `hint` is the question that was asked (a prompt for providers that take one). Cancelling the consumer
        cancels the request. Raises ProviderError.
        """
        ...


class Synthesizer(Protocol):
    """Text to speech."""

    #: Short name for the cache key and metrics.
    name: str
    #: Voice name: part of the cache key.
    voice: str

    def speak(self, text: str) -> AsyncIterator[bytes]:
        """Speak `text` (already written out for the ear); yields chunks of 8 kHz slin as they come.

        Chunks have whole samples and any length. Raises ProviderError.
        """
        ...


class PromptVoice(Protocol):
    """The bot's voice as a conversation uses it. Texts are already written out for the ear."""

    async def prompt(self, text: str) -> bytes:
        """The whole text as 8 kHz slin. Raises ProviderError."""
        ...

    def stream(self, text: str) -> AsyncGenerator[bytes, None]:
        """The text piece by piece, as it is synthesised. Raises ProviderError."""
        ...

    async def at_once(self, text: str) -> bytes:
        """The text without waiting for a provider. Raises ProviderError when there is no other way to say it."""
        ...


async def collect(chunks: AsyncIterator[bytes]) -> bytes:
    """All chunks as one buffer."""
    return b"".join([chunk async for chunk in chunks])


def duration_s(pcm: bytes) -> float:
    """Length of 8 kHz slin audio in seconds."""
    return len(pcm) / BYTES_PER_SECOND
