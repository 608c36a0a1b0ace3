"""The brief's conversations and every persona, by audio, on the simulated PBX and on a real Asterisk."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from dialer.conversation.notes import Talk
from dialer.domain.outcome import Decision, Disposition
from dialer.embedded.asterisk import EmbeddedAsterisk
from dialer.embedded.asterisk_program import find_asterisk
from tests.e2e.conversations import behind_asterisk, bot_for, simulated, world_of
from tests.support.lesser_asterisk import asterisk_without
from tests.support.real_parts import missing_asterisk

GREETING = (
    "Здравствуйте! Это интернет-магазин «Твой выбор». Вы оформили заказ номер 45678 на сумму 3 200 рублей. "
    "Хотите подтвердить доставку на 25 ноября по адресу Москва, ул. Лесная, д. 5?"
)
CONFIRMED = [
    ("bot", GREETING),
    ("customer", "Да, подтверждаю"),
    ("bot", "Отлично! Заказ подтверждён. Ожидайте звонка курьера. Хорошего дня!"),
]
#: What a call of each persona must come to: a decision, or a disposition without one.
EXPECTED: dict[str, Decision | Disposition] = {
    "confirms": Decision.CONFIRMED,
    "cancels": Decision.CANCELLED,
    "changes_address": Decision.ADDRESS_CHANGED,
    "changes_date": Decision.DATE_CHANGED,
    "asks_again": Decision.CONFIRMED,
    "mumbles": Decision.CONFIRMED,
    "silent": Decision.NEEDS_OPERATOR,
    "hangs_up_early": Disposition.HUNG_UP,
    "busy": Disposition.BUSY,
    "no_answer": Disposition.NO_ANSWER,
    "rejects": Disposition.REJECTED,
    "congested": Disposition.TRUNK_FAILURE,
    "wrong_number": Disposition.INVALID_NUMBER,
    "voicemail": Disposition.VOICEMAIL,
    "wrong_person": Decision.WRONG_PERSON,
    "do_not_call": Decision.DO_NOT_CALL,
    "call_later": Disposition.ANSWERED,
    "backchannel": Decision.CONFIRMED,
    "barges_in": Decision.CONFIRMED,
    "asks_operator": Decision.NEEDS_OPERATOR,
}
PERSONAS = list(EXPECTED)


@pytest.fixture(scope="module")
def asterisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAsterisk]:
    if find_asterisk() is None:
        missing_asterisk()
    with EmbeddedAsterisk(tmp_path_factory.mktemp("asterisk")) as running:
        yield running


@dataclass(frozen=True)
class Calls:
    """What all calls of one PBX, placed at once, came to: a conversation, or how dialing failed."""

    by_persona: dict[str, Talk | Disposition]
    second_greeting: Talk | Disposition


@pytest.fixture(scope="module", params=["simulated", pytest.param("asterisk", marks=pytest.mark.asterisk)])
def calls(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Calls:
    world = world_of([*PERSONAS, "confirms"])
    if request.param == "simulated":
        pbx = simulated(world)
    else:
        pbx = behind_asterisk(request.getfixturevalue("asterisk"), world)

    async def place() -> Calls:
        async with pbx as ari, bot_for(ari, world, tmp_path_factory.mktemp(request.param)) as bot:
            *talks, second = await asyncio.gather(
                *(bot.call(phone_of(number)) for number in range(len(PERSONAS))),
                bot.call(phone_of(len(PERSONAS)), script="personal"),
            )
        return Calls(dict(zip(PERSONAS, talks, strict=True)), second)

    return asyncio.run(place())


def phone_of(number: int) -> str:
    return f"+797000001{number:02}"


def words(talk: Talk) -> list[tuple[str, str]]:
    return [(line.who, line.text) for line in sorted(talk.transcript.lines, key=lambda line: line.at_s)]


def test_the_briefs_two_conversations_word_for_word(calls: Calls, tmp_path: Path) -> None:
    confirmed, changed = calls.by_persona["confirms"], calls.by_persona["changes_address"]

    assert isinstance(confirmed, Talk)
    assert words(confirmed) == CONFIRMED
    assert isinstance(changed, Talk)
    assert words(changed) == [
        ("bot", GREETING),
        ("customer", "Нет, хочу изменить адрес"),
        ("bot", "Назовите новый адрес доставки"),
        ("customer", "улица Ленина дом пять квартира сорок два"),
        ("bot", "Проверяю... Новый адрес: улица Ленина, дом 5, квартира 42. Верно?"),
        ("customer", "Да"),
        ("bot", "Адрес обновлён. Заказ подтверждён. До свидания!"),
    ]
    assert changed.outcome.data == {"address": "улица Ленина, дом 5, квартира 42"}
    for talk in (confirmed, changed):
        assert talk.outcome.disposition is Disposition.ANSWERED
        _assert_both_sides_are_heard(talk, tmp_path / "call.wav")


@pytest.mark.asterisk
async def test_an_asterisk_without_the_media_websocket_serves_as_well(
    asterisk: EmbeddedAsterisk, tmp_path: Path
) -> None:
    """Bot and customers talk over AudioSocket."""
    world = world_of(["confirms"])
    with asterisk_without(tmp_path / "older", "chan_websocket") as older:
        async with behind_asterisk(older, world) as ari, bot_for(ari, world, tmp_path) as bot:
            confirmed = await bot.call(phone_of(0))
        problems = older.problems()

    assert isinstance(confirmed, Talk)
    assert words(confirmed) == CONFIRMED
    _assert_both_sides_are_heard(confirmed, tmp_path / "call.wav")
    assert problems == []


def _assert_both_sides_are_heard(talk: Talk, path: Path) -> None:
    """The recording is stereo, both sides speak, and they do not speak at once for long."""
    talk.save_recording(path)
    with wave.open(str(path)) as recording:
        assert (recording.getnchannels(), recording.getframerate()) == (2, 8000)
        sound = np.frombuffer(recording.readframes(recording.getnframes()), "<i2").reshape(-1, 2)
    whole = len(sound) // 160 * 160
    loud = np.abs(sound[:whole].astype(float)).reshape(-1, 160, 2).mean(axis=1) > 200
    bot_s, customer_s, both_s = loud[:, 0].sum() / 50, loud[:, 1].sum() / 50, (loud[:, 0] & loud[:, 1]).sum() / 50
    assert bot_s > 8
    assert customer_s > 0.4
    assert both_s < 0.3


def test_every_persona_ends_as_it_should(calls: Calls) -> None:
    ended = {
        persona: talk.outcome.decision or talk.outcome.disposition if isinstance(talk, Talk) else talk
        for persona, talk in calls.by_persona.items()
    }

    assert ended == EXPECTED


def test_the_second_greeting_of_the_brief(calls: Calls) -> None:
    talk = calls.second_greeting

    assert isinstance(talk, Talk)
    assert words(talk)[0][1] == (
        "Здравствуйте, уважаемый клиент! Вас беспокоит магазин «Твой выбор». Вы оформили заказ номер 45678 на сумму "
        "3 200 рублей. Доставка запланирована на 25 ноября с 10 до 14 часов. Подтверждаете заказ?"
    )
    assert talk.outcome.decision is Decision.CONFIRMED
