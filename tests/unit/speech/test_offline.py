"""The offline voice: real espeak-ng, in process."""

import asyncio
import builtins

import numpy as np
import pytest

from dialer.errors import ConfigError
from dialer.speech import offline, pcm
from dialer.speech.offline import OfflineSynthesizer
from dialer.speech.ports import collect, duration_s

GREETING = "Здравствуйте! Это интернет-магазин «Твой выбор». Хотите подтвердить доставку?"


async def test_a_greeting_is_spoken_at_telephone_level_without_clipping() -> None:
    sound = await collect(OfflineSynthesizer("ru+f3").speak(GREETING))

    samples = pcm.to_floats(sound)
    assert 3.0 < duration_s(sound) < 9.0
    assert pcm.speech_level_db(samples) == pytest.approx(offline.LEVEL_DBFS, abs=1.5)
    assert float(np.abs(samples).max()) <= 0.9


@pytest.mark.parametrize("text", ["да", "Верно?", "квартира сорок два?", "Хорошего дня!", "До свидания!"])
@pytest.mark.parametrize("words_per_minute", [140, 150, 165, 180])
def test_the_last_vowel_fades_out_and_is_not_cut(text: str, words_per_minute: int) -> None:
    samples = pcm.to_floats(OfflineSynthesizer(words_per_minute=words_per_minute).render(text))

    assert float(np.abs(samples[-160:]).max()) < 0.03
    assert float(np.abs(samples[-1600:]).max()) > 0.03


async def test_nothing_lies_above_the_telephone_band() -> None:
    samples = pcm.to_floats(await collect(OfflineSynthesizer().speak(GREETING)))

    power = np.abs(np.fft.rfft(samples)) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / 8000)

    assert power[frequencies > 3900].sum() < 0.02 * power.sum()


async def test_two_voices_at_once_do_not_mix() -> None:
    woman, man = OfflineSynthesizer("ru+f3"), OfflineSynthesizer("ru+m3", pitch=20)
    alone = [woman.render("да, подтверждаю"), man.render("нет, отмените заказ")]

    together = await asyncio.gather(
        *(collect(voice.speak(text)) for _ in range(8) for voice, text in _pairs(woman, man)),
    )

    assert all(_alike(sound, alone[index % 2]) for index, sound in enumerate(together))


def _pairs(woman: OfflineSynthesizer, man: OfflineSynthesizer) -> list[tuple[OfflineSynthesizer, str]]:
    return [(woman, "да, подтверждаю"), (man, "нет, отмените заказ")]


def _alike(one: bytes, other: bytes) -> bool:
    """espeak's aspiration noise differs from run to run, its length and envelope do not."""
    return abs(len(one) - len(other)) < 1600


async def test_blank_text_makes_no_sound() -> None:
    assert await collect(OfflineSynthesizer().speak("  ")) == b""


async def test_an_unknown_voice_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="no voice"):
        await collect(OfflineSynthesizer("xx-nobody").speak("да"))


def test_a_missing_wheel_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without_espeak(name: str, *rest: object, **named: object) -> object:
        if name == "espeakng_loader":
            raise ImportError(name)
        return real_import(name, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without_espeak)
    # Past the cache: espeak-ng must not be started twice in one process.
    with pytest.raises(ConfigError, match=r"order-dialer\[embedded\]"):
        offline._load.__wrapped__()


@pytest.mark.parametrize("text", ["Это интернет-магазин", "Адрес обновлён.", "Отлично!"])
def test_a_first_vowel_does_not_click(text: str) -> None:
    samples = np.abs(np.frombuffer(OfflineSynthesizer().render(text), "<i2").astype(int))

    assert samples[:8].max() < 0.1 * samples.max()
