"""The simulated customers' recogniser: by sound alone, over a telephone line, in other voices than its references."""

import json
from pathlib import Path

import numpy as np
import pytest

from dialer.errors import ConfigError
from dialer.speech import pcm
from dialer.speech.features import features
from dialer.speech.offline import OfflineSynthesizer
from dialer.speech.phrase_bank import PhraseBankRecognizer
from dialer.speech.ports import Hypothesis
from dialer.speech.warping import warped_distances
from tests.support.lines import over_the_line

PHRASES = [
    "Да",
    "Ага",
    "Угу",
    "Нет",
    "Да, подтверждаю",
    "Подтверждаю",
    "Да, всё верно",
    "Нет, хочу изменить адрес",
    "Нет, хочу изменить дату",
    "Нет, отмените заказ",
    "Повторите, пожалуйста",
    "Перезвоните через час",
    "Соедините с оператором",
    "улица Ленина дом пять квартира сорок два",
    "улица Ленина дом семь квартира сорок три",
    "улица Садовая дом пять квартира двенадцать",
]


@pytest.fixture(scope="module")
def bank() -> PhraseBankRecognizer:
    made = PhraseBankRecognizer(PHRASES)
    made.prepare()
    return made


@pytest.mark.parametrize("phrase", PHRASES)
@pytest.mark.parametrize(("variant", "pitch"), [("ru+m1", 45), ("ru+f4", 60)])
@pytest.mark.parametrize(("gain_db", "noise_dbfs"), [(0, -90), (-10, -56)])
def test_every_phrase_is_told_by_a_strangers_voice(
    bank: PhraseBankRecognizer, phrase: str, variant: str, pitch: int, gain_db: float, noise_dbfs: float
) -> None:
    spoken = OfflineSynthesizer(variant, words_per_minute=160, pitch=pitch, longest_pause_s=0.1).render(phrase)

    heard = bank.match(over_the_line(spoken, gain_db=gain_db, noise_dbfs=noise_dbfs))

    assert heard.text == phrase
    assert heard.final
    assert heard.confidence is not None
    assert 0 < heard.confidence < 1


@pytest.mark.parametrize(
    "stranger", ["сколько сейчас времени", "у меня собака лает", "а где мой курьер", "ну не знаю", "алло", "что", "эй"]
)
def test_what_the_bank_does_not_hold_is_not_recognised(bank: PhraseBankRecognizer, stranger: str) -> None:
    heard = bank.match(over_the_line(OfflineSynthesizer("ru+m1").render(stranger)))

    assert heard == Hypothesis("", final=True, confidence=0.0)


@pytest.mark.parametrize("sound", [b"", b"\0\0", bytes(32000)])
def test_silence_says_nothing(bank: PhraseBankRecognizer, sound: bytes) -> None:
    assert bank.match(sound).text == ""


async def test_it_speaks_the_ports_language(bank: PhraseBankRecognizer) -> None:
    sound = over_the_line(OfflineSynthesizer("ru+m1").render("Да, подтверждаю"))

    heard = [hypothesis async for hypothesis in bank.transcribe(sound, hint="Подтверждаете заказ?")]

    assert [(each.text, each.final) for each in heard] == [("Да, подтверждаю", True)]


class CountingVoice:
    """Counts what it had to speak."""

    voice = "counting"

    def __init__(self) -> None:
        self.spoken = 0

    def render(self, text: str) -> bytes:
        self.spoken += 1
        return OfflineSynthesizer("ru+f2").render(text)


def test_references_are_made_once_and_kept_until_the_phrases_change(tmp_path: Path) -> None:
    cache, voice = tmp_path / "bank.npz", CountingVoice()
    PhraseBankRecognizer(["да", "нет"], [voice], cache).prepare()

    again = PhraseBankRecognizer(["да", "нет"], [voice], cache)
    again.prepare()
    spoken_twice = voice.spoken
    PhraseBankRecognizer(["да", "нет", "угу"], [voice], cache).prepare()

    assert spoken_twice == 2
    assert voice.spoken == 5
    assert again.match(voice.render("нет")).text == "нет"


def test_a_spoiled_cache_is_made_anew(tmp_path: Path) -> None:
    cache, voice = tmp_path / "bank.npz", CountingVoice()
    cache.write_bytes(b"no archive")

    PhraseBankRecognizer(["да"], [voice], cache).prepare()

    assert voice.spoken == 1


def test_a_bank_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "bank.json"
    path.write_text(json.dumps({"phrases": ["Да, подтверждаю", "Нет"]}), "utf-8")

    bank = PhraseBankRecognizer.from_file(path)

    assert bank.match(OfflineSynthesizer("ru+m3").render("Да, подтверждаю")).text == "Да, подтверждаю"
    assert path.with_suffix(".features.npz").is_file()


@pytest.mark.parametrize("content", ["no json", "[]", '{"phrases": "да"}', '{"phrases": [1]}'])
def test_a_file_that_is_no_bank_is_explained(tmp_path: Path, content: str) -> None:
    path = tmp_path / "bank.json"
    path.write_text(content, "utf-8")

    with pytest.raises(ConfigError, match=r"bank\.json"):
        PhraseBankRecognizer.from_file(path)


def test_an_empty_bank_knows_nothing() -> None:
    assert PhraseBankRecognizer([]).match(OfflineSynthesizer().render("да")).text == ""


def test_loudness_and_silence_around_do_not_change_the_features() -> None:
    sound = pcm.silence(0.3) + OfflineSynthesizer().render("Повторите, пожалуйста") + pcm.silence(0.3)
    quieter = pcm.to_slin(pcm.to_floats(sound) * np.float32(0.1))

    one, other = features(sound), features(pcm.silence(0.6) + quieter)

    assert float(warped_distances(one, [other])[0]) < 0.4
