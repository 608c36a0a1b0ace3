"""A stand-in for speech recognition, for simulated customers only: it knows a closed list of phrases by their sound.

This is NOT speech to text. Each phrase of the bank is spoken by several offline voices; what was heard is compared
with all of them by dynamic time warping over `features`, and the nearest phrase is the answer, unless none is near.
What the bank does not hold is never recognised. It takes audio and nothing else, so a simulated call is heard through
its line.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import structlog
from numpy.typing import NDArray

from dialer.errors import ConfigError
from dialer.speech.features import features, sketch
from dialer.speech.offline import OfflineSynthesizer
from dialer.speech.pcm import silence
from dialer.speech.ports import BYTES_PER_SECOND, Hypothesis
from dialer.speech.warping import warped_distances

Floats = NDArray[np.float32]

log = structlog.get_logger()

#: Distance beyond which nothing in the bank was meant. Measured: phrases of the bank in other voices and over noise
#: lie at 0.9 to 2.1, phrases outside it from 2.27 on.
TOO_FAR = 2.25
#: A word under half a second ("угу" in noise) may lie this far, if the next phrase lies further by this factor.
TOO_FAR_IF_CLEAR = 2.8
CLEAR_LEAD = 1.24
_SHORT_FRAMES = 25
#: How many references are compared in full.
CANDIDATES = 48
#: References shorter or longer than the utterance by more than this are not compared.
LENGTH_RATIO = 1.7
#: Longer utterances are matched by their beginning.
MAX_SECONDS = 8
_MAX_BYTES = MAX_SECONDS * BYTES_PER_SECOND
#: Part of the cache key: raise it when `features` changes.
_FORMAT = "3"


class Renderer(Protocol):
    """A voice for the references."""

    voice: str

    def render(self, text: str) -> bytes:
        """8 kHz slin, in the calling thread."""
        ...


def reference_voices() -> list[Renderer]:
    """A woman and two men, none of them a customer's voice."""
    return [
        OfflineSynthesizer("ru+f2", words_per_minute=155, pitch=55, longest_pause_s=0.1),
        OfflineSynthesizer("ru+m2", words_per_minute=150, pitch=45, longest_pause_s=0.1),
        OfflineSynthesizer("ru+m5", words_per_minute=165, pitch=40, longest_pause_s=0.1),
    ]


class PhraseBankRecognizer:
    """`ports.Recognizer` over a closed list of phrases. References are made on the first use, or by `prepare`."""

    name = "phrase_bank"

    def __init__(
        self, phrases: Sequence[str], voices: Sequence[Renderer] | None = None, cache: Path | None = None
    ) -> None:
        self._phrases = list(dict.fromkeys(phrases))
        self._voices = list(voices) if voices is not None else reference_voices()
        self._cache = cache
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="phrase-bank")
        self._references: list[Floats] = []
        self._sketches: Floats = np.zeros((0, 0), dtype=np.float32)
        self._lengths: NDArray[np.int64] = np.zeros(0, dtype=np.int64)

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read `{"phrases": ["да подтверждаю", ...]}`; references are kept beside it as `NAME.features.npz`.

        Raises ConfigError when the file is not a bank.
        """
        try:
            phrases = json.loads(path.read_text(encoding="utf-8"))["phrases"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"speech.phrase_bank: {path} is not a phrase bank: {error}") from error
        if not isinstance(phrases, list) or not all(isinstance(phrase, str) for phrase in phrases):
            raise ConfigError(f"speech.phrase_bank: {path}: `phrases` must be a list of texts")
        bank = cls(phrases, cache=path.with_suffix(".features.npz"))
        bank.prepare()
        return bank

    def prepare(self) -> None:
        """Load the references, or make them (about 5 ms each) and keep them; blocks."""
        key = self._key()
        references = self._read(key)
        if references is None:
            references = [self._reference(phrase, voice) for phrase in self._phrases for voice in self._voices]
            self._write(key, references)
        self._sketches = np.stack([sketch(each) for each in references]) if references else self._sketches
        self._lengths = np.array([len(each) for each in references])
        self._references = references

    async def transcribe(self, pcm: bytes, *, hint: str = "") -> AsyncIterator[Hypothesis]:
        """See `ports.Recognizer`: one final hypothesis, with empty text when nothing in the bank is near."""
        yield await asyncio.get_running_loop().run_in_executor(self._pool, self.match, pcm)

    def match(self, pcm: bytes) -> Hypothesis:
        """The nearest phrase, in the calling thread."""
        if not self._references and self._phrases:
            self.prepare()
        heard = features(pcm[:_MAX_BYTES])
        chosen = self._candidates(heard)
        if not len(chosen):
            return Hypothesis("", final=True, confidence=0.0)
        distances = warped_distances(heard, [self._references[index] for index in chosen])
        spoken = chosen // len(self._voices)
        best = int(np.argmin(distances))
        distance = float(distances[best])
        others = distances[spoken != spoken[best]]
        if distance > self._limit(len(heard), distance, float(others.min()) if len(others) else None):
            return Hypothesis("", final=True, confidence=0.0)
        return Hypothesis(self._phrases[spoken[best]], final=True, confidence=1 - distance / TOO_FAR_IF_CLEAR / 2)

    def close(self) -> None:
        """End the worker threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    @staticmethod
    def _limit(frames: int, distance: float, next_phrase: float | None) -> float:
        """How far the nearest phrase may lie: further for a short word, if no other phrase lies near."""
        clear = next_phrase is not None and next_phrase >= distance * CLEAR_LEAD
        return TOO_FAR_IF_CLEAR if frames <= _SHORT_FRAMES and clear else TOO_FAR

    @staticmethod
    def _reference(phrase: str, voice: Renderer) -> Floats:
        """With silence around it, as a turn has it: `features` measures the line's noise there."""
        beginning = (silence(0.24) + voice.render(phrase))[:_MAX_BYTES]
        return features(beginning + silence(0.12))

    def _candidates(self, heard: Floats) -> NDArray[np.intp]:
        """Indexes of the references worth comparing in full: near in length, then in sketch."""
        if not len(heard) or not self._references:
            return np.zeros(0, dtype=np.intp)
        near = np.nonzero((self._lengths * LENGTH_RATIO >= len(heard)) & (self._lengths <= len(heard) * LENGTH_RATIO))[
            0
        ]
        away = np.square(self._sketches[near] - sketch(heard)).sum(axis=1)
        return near[np.argsort(away)[:CANDIDATES]]

    def _key(self) -> str:
        parts = [_FORMAT, *(voice.voice for voice in self._voices), *self._phrases]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def _read(self, key: str) -> list[Floats] | None:
        if self._cache is None or not self._cache.is_file():
            return None
        try:
            with np.load(self._cache) as stored:
                if str(stored["key"]) != key:
                    return None
                ends = np.cumsum(stored["lengths"])
                return [np.ascontiguousarray(part) for part in np.split(stored["frames"], ends[:-1])]
        except (OSError, ValueError, KeyError) as error:
            log.warning("phrase_bank.cache_unreadable", error=str(error))
            return None

    def _write(self, key: str, references: list[Floats]) -> None:
        if self._cache is None or not references:
            return
        own = self._cache.with_name(f".{self._cache.name}.{os.getpid()}")
        with own.open("wb") as file:
            lengths = np.array([len(each) for each in references])
            np.savez(file, key=key, lengths=lengths, frames=np.concatenate(references))
        own.replace(self._cache)
