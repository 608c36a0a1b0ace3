"""Hearing and speaking through OpenAI's API or any server that speaks it (`openai.base_url`).

The official client does HTTP and parsing; its own retries are off, for `health.Guard` retries and breaks. Errors of the
library and of its HTTP transport become ProviderErrors here and nowhere else.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import json
import wave
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

import openai
from openai import AsyncOpenAI
from openai.types.audio import TranscriptionTextDeltaEvent, TranscriptionTextDoneEvent

from dialer.errors import ConfigError, ProviderBusyError, ProviderError, ProviderTimeoutError
from dialer.settings import OpenAISettings
from dialer.speech import pcm as slin
from dialer.speech.health import Limits
from dialer.speech.ports import SAMPLE_RATE_HZ, Hypothesis
from dialer.speech.resample import Resampler

PROVIDER = "openai"
#: Sample rate of `response_format="pcm"` (platform documentation, "Text to speech": 24 kHz 16-bit little-endian mono).
SPEECH_HZ = 24_000
_CHUNK_BYTES = 4800  # 100 ms

# A body that breaks off raises the transport's own error; the library wraps only what happens before the body.
_TRANSPORT = importlib.import_module("httpx2" if importlib.util.find_spec("httpx2") else "httpx")
_TransportError: type[Exception] = _TRANSPORT.HTTPError
_TransportTimeout: type[Exception] = _TRANSPORT.TimeoutException


def client_of(settings: OpenAISettings, timeout_s: float) -> AsyncOpenAI:
    """The official client. Raises ConfigError without a key (a local server may want none: give any word)."""
    key = settings.api_key.get_secret_value()
    if not key:
        raise ConfigError("openai.api_key: set DIALER_OPENAI__API_KEY")
    return AsyncOpenAI(api_key=key, base_url=settings.base_url, timeout=timeout_s, max_retries=0)


def recognizer_limits(settings: OpenAISettings) -> Limits:
    """How long hearing may take: the whole answer within `transcribe_timeout_s`, each try."""
    timeout_s = settings.transcribe_timeout_s
    return Limits(first_s=timeout_s, stall_s=timeout_s, total_s=timeout_s, retries=settings.retries)


class OpenAIRecognizer:
    """`ports.Recognizer`: the utterance goes out as a WAV, its words come back as they are understood."""

    name = PROVIDER

    def __init__(self, settings: OpenAISettings, client: AsyncOpenAI | None = None) -> None:
        self._model = settings.transcribe_model
        self._client = client or client_of(settings, settings.transcribe_timeout_s)

    async def transcribe(self, pcm: bytes, *, hint: str = "") -> AsyncGenerator[Hypothesis, None]:
        """See `ports.Recognizer`. A server that ignores `stream` and answers in one piece is understood too."""
        with _mapped_errors():
            async with self._client.audio.transcriptions.with_streaming_response.create(
                file=("utterance.wav", _wav(pcm), "audio/wav"),
                model=self._model,
                language="ru",
                prompt=hint,
                response_format="json",
                stream=True,
            ) as response:
                if "event-stream" not in response.headers.get("content-type", ""):
                    yield Hypothesis(_text_of(await response.text()), final=True)
                    return
                text, done = "", False
                async for event in await response.parse():
                    if isinstance(event, TranscriptionTextDeltaEvent):
                        text += event.delta
                        yield Hypothesis(text, final=False)
                    elif isinstance(event, TranscriptionTextDoneEvent):
                        text, done = event.text, True
                if not done:
                    raise ProviderError(PROVIDER, "the transcription broke off")
                yield Hypothesis(text, final=True)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


class OpenAISynthesizer:
    """`ports.Synthesizer`: speech comes as 24 kHz PCM and goes on as 8 kHz slin while it comes."""

    name = PROVIDER

    def __init__(self, settings: OpenAISettings, client: AsyncOpenAI | None = None) -> None:
        self._model = settings.speech_model
        self._speaker = settings.speech_voice
        self.voice = f"{settings.speech_model}-{settings.speech_voice}"
        self._client = client or client_of(settings, settings.speech_timeout_s)

    async def speak(self, text: str) -> AsyncGenerator[bytes, None]:
        """See `ports.Synthesizer`."""
        if not text.strip():
            return
        resampler, odd, came = Resampler(SPEECH_HZ), b"", False
        with _mapped_errors():
            async with self._client.audio.speech.with_streaming_response.create(
                model=self._model, voice=self._speaker, input=text, response_format="pcm"
            ) as response:
                if "json" in response.headers.get("content-type", ""):
                    raise ProviderError(PROVIDER, "answered JSON instead of speech")
                async for chunk in response.iter_bytes(_CHUNK_BYTES):
                    data = odd + chunk
                    whole = len(data) // 2 * 2
                    odd = data[whole:]
                    narrow = resampler.feed(slin.to_floats(data[:whole]))
                    if len(narrow):
                        came = True
                        yield slin.to_slin(narrow)
        if not came:
            raise ProviderError(PROVIDER, "answered without speech")
        yield slin.to_slin(resampler.finish())

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


@contextmanager
def _mapped_errors() -> Iterator[None]:
    """Errors of the library, of its transport and of what it parsed, as ProviderErrors."""
    try:
        yield
    except (openai.OpenAIError, _TransportError, ValueError) as error:
        raise _mapped(error) from error


def _mapped(error: Exception) -> ProviderError:
    if isinstance(error, openai.APITimeoutError | _TransportTimeout):
        return ProviderTimeoutError(PROVIDER, "missed its deadline")
    if isinstance(error, openai.RateLimitError):
        # An exhausted account also answers 429, and it will not go away by itself.
        return ProviderBusyError(PROVIDER, "limits our rate", permanent=error.code == "insufficient_quota")
    if isinstance(error, openai.APIStatusError):
        status = error.status_code
        return ProviderError(PROVIDER, f"answered {status}", permanent=400 <= status < 500 and status not in (408, 409))
    if isinstance(error, openai.APIConnectionError | _TransportError):
        return ProviderError(PROVIDER, "the connection failed")
    return ProviderError(PROVIDER, f"answered what cannot be understood ({type(error).__name__})")


def _wav(pcm: bytes) -> bytes:
    """8 kHz slin as a WAV file in memory."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(pcm)
    return buffer.getvalue()


def _text_of(body: str) -> str:
    """The words of an answer in one piece. Raises ProviderError (or ValueError for what is no JSON)."""
    match json.loads(body):
        case {"text": str(text)}:
            return text
        case _:
            raise ProviderError(PROVIDER, "answered without a text")
