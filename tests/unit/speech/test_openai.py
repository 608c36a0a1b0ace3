"""The OpenAI adapters: the real client against a local server, with everything that can go wrong."""

from collections.abc import AsyncIterator

import numpy as np
import pytest
from pydantic import SecretStr

from dialer.domain.breaker import Breaker
from dialer.errors import ConfigError, ProviderBusyError, ProviderError, ProviderTimeoutError
from dialer.settings import OpenAISettings
from dialer.speech import pcm
from dialer.speech.health import Guard, GuardedRecognizer, Limits
from dialer.speech.openai import OpenAIRecognizer, OpenAISynthesizer
from dialer.speech.ports import Hypothesis, collect, duration_s
from tests.support.openai_audio import AudioRoutes, Failure, serving, tone_24k

SOUND = bytes(range(256)) * 20


@pytest.fixture
async def audio() -> AudioRoutes:
    return AudioRoutes()


@pytest.fixture
async def api(audio: AudioRoutes) -> AsyncIterator[OpenAISettings]:
    async with serving(audio.add_to, closing=audio.closing) as base_url:
        yield OpenAISettings(
            base_url=base_url, api_key=SecretStr("secret"), transcribe_timeout_s=0.4, speech_timeout_s=0.4
        )


@pytest.fixture
async def recognizer(api: OpenAISettings) -> AsyncIterator[OpenAIRecognizer]:
    made = OpenAIRecognizer(api)
    yield made
    await made.close()


@pytest.fixture
async def synthesizer(api: OpenAISettings) -> AsyncIterator[OpenAISynthesizer]:
    made = OpenAISynthesizer(api)
    yield made
    await made.close()


async def test_words_come_as_they_are_understood(audio: AudioRoutes, recognizer: OpenAIRecognizer) -> None:
    heard = [each async for each in recognizer.transcribe(SOUND, hint="Подтверждаете заказ?")]

    assert heard == [
        Hypothesis("да", final=False),
        Hypothesis("да, подтверждаю", final=False),
        Hypothesis("да, подтверждаю", final=True),
    ]
    (request,) = audio.requests
    assert request["pcm"] == SOUND
    assert (request["rate"], request["language"], request["stream"]) == (8000, "ru", "true")
    assert (request["model"], request["prompt"]) == ("gpt-4o-mini-transcribe", "Подтверждаете заказ?")


async def test_a_server_without_streaming_is_understood(audio: AudioRoutes, recognizer: OpenAIRecognizer) -> None:
    audio.one_piece = True

    assert [each async for each in recognizer.transcribe(SOUND)] == [Hypothesis("да, подтверждаю", final=True)]


async def test_speech_comes_in_chunks_at_8_khz(audio: AudioRoutes, synthesizer: OpenAISynthesizer) -> None:
    audio.speech = tone_24k(2.0)

    chunks = [chunk async for chunk in synthesizer.speak("Здравствуйте!")]

    sound = b"".join(chunks)
    expected = pcm.to_floats(tone_24k(2.0))[::3]
    assert len(chunks) > 3
    assert all(len(chunk) % 2 == 0 for chunk in chunks)
    assert duration_s(sound) == pytest.approx(2.0, abs=0.001)
    assert np.abs(pcm.to_floats(sound)[50:-50] - expected[50:-50]).max() < 0.01
    assert audio.requests == [
        {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "Здравствуйте!", "response_format": "pcm"}
    ]


async def test_blank_text_asks_nobody(audio: AudioRoutes, synthesizer: OpenAISynthesizer) -> None:
    assert await collect(synthesizer.speak(" ")) == b""
    assert audio.requests == []


FAILURES = [
    (Failure.BUSY, ProviderBusyError, False),
    (Failure.NO_QUOTA, ProviderBusyError, True),
    (Failure.BROKEN, ProviderError, False),
    (Failure.REFUSED, ProviderError, True),
    (Failure.SILENT, ProviderTimeoutError, False),
    (Failure.MALFORMED, ProviderError, False),
    (Failure.DROPPED, ProviderError, False),
    (Failure.STALLED, ProviderTimeoutError, False),
    (Failure.EMPTY, ProviderError, False),
]


@pytest.mark.parametrize(("failure", "kind", "permanent"), FAILURES)
async def test_every_failure_of_hearing_is_a_provider_error(
    audio: AudioRoutes, recognizer: OpenAIRecognizer, failure: Failure, kind: type[ProviderError], permanent: bool
) -> None:
    audio.fail_next = [failure]

    with pytest.raises(ProviderError) as raised:
        [_ async for _ in recognizer.transcribe(SOUND)]

    assert type(raised.value) is kind
    assert raised.value.permanent is permanent
    assert len(audio.requests) == 1


@pytest.mark.parametrize(("failure", "kind", "permanent"), FAILURES)
async def test_every_failure_of_speaking_is_a_provider_error(
    audio: AudioRoutes, synthesizer: OpenAISynthesizer, failure: Failure, kind: type[ProviderError], permanent: bool
) -> None:
    audio.fail_next = [failure]

    with pytest.raises(ProviderError) as raised:
        await collect(synthesizer.speak("да"))

    assert type(raised.value) is kind
    assert raised.value.permanent is permanent


async def test_a_server_that_is_not_there_is_a_provider_error() -> None:
    recognizer = OpenAIRecognizer(OpenAISettings(base_url="http://127.0.0.1:9/v1", api_key=SecretStr("secret")))

    with pytest.raises(ProviderError, match="connection"):
        [_ async for _ in recognizer.transcribe(SOUND)]
    await recognizer.close()


def test_a_missing_key_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="OPENAI__API_KEY"):
        OpenAIRecognizer(OpenAISettings())


async def test_a_guarded_recogniser_asks_again_and_then_leaves_the_provider_alone(
    audio: AudioRoutes, recognizer: OpenAIRecognizer
) -> None:
    limits = Limits(first_s=1.0, retries=1, backoff_s=0.0)
    guarded = GuardedRecognizer(recognizer, Guard("openai", limits, Breaker(threshold=3, open_s=60)))
    audio.fail_next = [Failure.BROKEN]

    heard = [each async for each in guarded.transcribe(SOUND)]
    assert heard[-1].text == "да, подтверждаю"
    audio.fail_next = [Failure.BROKEN] * 3
    for _ in range(2):
        with pytest.raises(ProviderError):
            [_ async for _ in guarded.transcribe(SOUND)]

    assert not guarded.healthy
    assert len(audio.requests) == 5
