"""The brief's conversations and every persona, by audio, on the simulated PBX and on a real Asterisk."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest

from dialer.conversation.notes import Talk
from dialer.domain.outcome import Decision, Disposition
from dialer.embedded.asterisk import EmbeddedAsterisk
from dialer.embedded.asterisk_program import find_asterisk
from tests.e2e.conversations import Bot, behind_asterisk, bot_for, simulated, world_of
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


@pytest.fixture(scope="module")
def older_asterisk(asterisk: EmbeddedAsterisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAsterisk]:
    """Without the media WebSocket: bot and customers talk over AudioSocket."""
    with asterisk_without(tmp_path_factory.mktemp("older"), "chan_websocket") as running:
        yield running


@pytest.fixture(params=["simulated", pytest.param("asterisk", marks=pytest.mark.asterisk)])
async def bot(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bot]:
    world = world_of(PERSONAS)
    async with AsyncExitStack() as stack:
        if request.param == "simulated":
            ari = await stack.enter_async_context(simulated(world))
        else:
            ari = await stack.enter_async_context(behind_asterisk(request.getfixturevalue(request.param), world))
        yield await stack.enter_async_context(bot_for(ari, world, tmp_path))


def phone_of(persona: str) -> str:
    return f"+797000001{PERSONAS.index(persona):02}"


def words(talk: Talk) -> list[tuple[str, str]]:
    return [(line.who, line.text) for line in sorted(talk.transcript.lines, key=lambda line: line.at_s)]


async def test_the_briefs_two_conversations_word_for_word(bot: Bot, tmp_path: Path) -> None:
    confirmed, changed = await asyncio.gather(bot.call(phone_of("confirms")), bot.call(phone_of("changes_address")))

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
@pytest.mark.parametrize("bot", ["older_asterisk"], indirect=True)
async def test_an_asterisk_without_the_media_websocket_serves_as_well(
    bot: Bot, older_asterisk: EmbeddedAsterisk, tmp_path: Path
) -> None:
    confirmed = await bot.call(phone_of("confirms"))

    assert isinstance(confirmed, Talk)
    assert words(confirmed) == CONFIRMED
    _assert_both_sides_are_heard(confirmed, tmp_path / "call.wav")
    assert older_asterisk.problems() == []


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


async def test_every_persona_ends_as_it_should(bot: Bot) -> None:
    talks = await asyncio.gather(*(bot.call(phone_of(persona)) for persona in PERSONAS))

    ended = {}
    for persona, talk in zip(PERSONAS, talks, strict=True):
        if isinstance(talk, Talk):
            ended[persona] = talk.outcome.decision or talk.outcome.disposition
        else:
            ended[persona] = talk
    assert ended == EXPECTED


async def test_the_second_greeting_of_the_brief(bot: Bot) -> None:
    talk = await bot.call(phone_of("confirms"), script="personal")

    assert isinstance(talk, Talk)
    assert words(talk)[0][1] == (
        "Здравствуйте, уважаемый клиент! Вас беспокоит магазин «Твой выбор». Вы оформили заказ номер 45678 на сумму "
        "3 200 рублей. Доставка запланирована на 25 ноября с 10 до 14 часов. Подтверждаете заказ?"
    )
    assert talk.outcome.decision is Decision.CONFIRMED
