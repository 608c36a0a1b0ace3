"""What tells machines from people."""

import numpy as np
import pytest

from dialer.conversation.machine import BeepDetector, is_machine
from dialer.speech.offline import OfflineSynthesizer
from tests.support.ears import quiet


@pytest.mark.parametrize(
    "words",
    [
        "Оставьте сообщение после сигнала",
        "Вы позвонили на автоответчик",
        "Абонент временно недоступен, перезвоните позже",
        "Аппарат абонента выключен или находится вне зоны действия сети",
        "Вас приветствует голосовой помощник",
        "Говорите после звукового сигнала, затем нажмите решётку",
    ],
)
def test_machines_say_this(words: str) -> None:
    assert is_machine(words, 3.0)


@pytest.mark.parametrize(
    "words",
    [
        "Алло, да, слушаю вас",
        "Алло, кто это",
        "Да, здравствуйте, говорите, пожалуйста, я вас внимательно слушаю, только побыстрее, я за рулём",
        "Я сейчас не могу говорить, перезвоните позже",
        "",
    ],
)
def test_people_say_this_however_long(words: str) -> None:
    assert not is_machine(words, 12.0)


def test_a_short_phrase_is_a_persons() -> None:
    assert not is_machine("Абонент занят", 0.9)


def sine(seconds: float, *hz: float, level: float = 0.2) -> bytes:
    at = np.arange(round(seconds * 8000)) / 8000
    wave = sum(np.sin(2 * np.pi * each * at) for each in hz) * level * 32767 / len(hz)
    return np.asarray(wave).astype("<i2").tobytes()


def beeps(sound: bytes) -> bool:
    detector = BeepDetector()
    return any(detector.feed(sound[at : at + 320]) for at in range(0, len(sound), 320))


@pytest.mark.parametrize("hz", [440.0, 800.0, 1000.0, 1400.0])
def test_a_steady_tone_is_a_beep(hz: float) -> None:
    assert beeps(quiet(0.5) + sine(0.4, hz) + quiet(0.2))


def test_a_beep_in_line_noise_is_a_beep() -> None:
    sound = np.frombuffer(sine(0.6, 1000.0), "<i2") + np.random.default_rng(1).normal(0, 150, 4800)

    assert beeps(sound.astype("<i2").tobytes())


@pytest.mark.parametrize(
    "sound",
    [sine(0.1, 1000.0), sine(1.0, 770.0, 1336.0), sine(1.0, 1000.0, level=0.01), quiet(2.0)],
    ids=["short", "DTMF", "faint", "silence"],
)
def test_other_tones_are_not(sound: bytes) -> None:
    assert not beeps(sound)


@pytest.mark.parametrize("variant", ["ru+m1", "ru+f4", "ru+m7"])
def test_voices_are_not(variant: str) -> None:
    words = "Алло, да, слушаю вас. Аааа, подождите, пожалуйста, ууу, минуту"

    assert not beeps(OfflineSynthesizer(variant).render(words))
