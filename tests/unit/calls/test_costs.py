"""The cost line of a call."""

from pathlib import Path

import pytest

from dialer.calls.costs import Prices, cost_rub, load_prices
from dialer.domain.usage import Usage
from dialer.errors import ConfigError
from dialer.settings import SpeechSettings, config_dir
from tests.support.fake_world import FakeWorld, call, confirms

ONLINE = SpeechSettings(recognizer="openai", synthesizer="openai")
OFFLINE = SpeechSettings(recognizer="phrase_bank", synthesizer="offline")
TABLE = Prices.model_validate(
    {
        "telephony": {"minute": 1.2, "billing_unit_s": 1},
        "stt": {"openai": 0.6},
        "tts": {"openai": 2.0},
        "llm": {"input": 0.01, "output": 0.05},
    }
)
USED = Usage(stt_s=6.0, tts_characters=500, llm_input_tokens=400, llm_output_tokens=30)


def test_every_unit_has_its_price() -> None:
    assert cost_rub(TABLE, USED, 30.0, ONLINE) == {"telephony": 0.6, "stt": 0.06, "tts": 1.0, "llm": 0.0055}


def test_offline_speech_is_free() -> None:
    parts = cost_rub(TABLE, USED, 30.0, OFFLINE)

    assert (parts["stt"], parts["tts"]) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("unit_s", "talk_s", "paid"), [(60, 61.0, 2.4), (60, 60.0, 1.2), (1, 59.2, 1.2), (60, 0.0, 0.0)]
)
def test_a_started_unit_is_paid_in_full(unit_s: float, talk_s: float, paid: float) -> None:
    table = Prices.model_validate({"telephony": {"minute": 1.2, "billing_unit_s": unit_s}})

    assert cost_rub(table, Usage(), talk_s, OFFLINE)["telephony"] == pytest.approx(paid)


def test_the_shipped_table_is_sound() -> None:
    shipped = load_prices(config_dir() / "prices.toml")

    assert shipped.telephony.minute > 0
    assert shipped.stt.keys() == {"openai", "phrase_bank"}
    assert shipped.tts.keys() == {"openai", "offline"}


def test_no_table_means_no_known_costs(tmp_path: Path) -> None:
    assert sum(cost_rub(load_prices(tmp_path / "prices.toml"), USED, 30.0, ONLINE).values()) == 0


@pytest.mark.parametrize("content", ["[telephony]\nminute = -1", "oops", "[sms]\nprice = 1"])
def test_a_wrong_table_is_explained(tmp_path: Path, content: str) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(content, "utf-8")

    with pytest.raises(ConfigError, match=r"prices\.toml"):
        load_prices(path)


def test_a_call_counts_the_audio_that_it_sent_to_the_recogniser() -> None:
    world, talk = call(confirms)

    said_s = sum(end - begin for begin, end in world.customer.spoke)
    assert said_s <= talk.usage.stt_s <= 2 * said_s + 1.0


def test_two_calls_count_apart() -> None:
    async def silent(customer: object) -> None:
        return None

    def short(world: FakeWorld) -> None:
        world.max_call_s = 20.0

    _, silent_talk = call(silent, short)

    assert silent_talk.usage.stt_s == 0.0
