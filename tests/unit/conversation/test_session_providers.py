"""Conversations while a provider is slow, silent or down: nobody waits for two seconds, every call ends well."""

import pytest

from dialer.domain.intent import Action, Reading, Source
from dialer.domain.outcome import Decision
from tests.support.fake_world import Customer, FakeWorld, bot_lines, call, stays_silent


def test_a_deaf_recogniser_leads_to_keys() -> None:
    def prepare(world: FakeWorld) -> None:
        world.recognizer.down = True

    async def story(customer: Customer) -> None:
        await customer.bot_is_done()
        await customer.say("Да, подтверждаю")
        await customer.bot_is_done()
        customer.press("1")

    world, talk = call(story, prepare)

    assert bot_lines(talk)[1].startswith("Нажмите один")
    assert talk.outcome.decision is Decision.CONFIRMED
    assert max(world.waits()) < 2.0


def test_a_recogniser_that_never_answers_leads_to_keys_without_a_silence() -> None:
    def prepare(world: FakeWorld) -> None:
        world.recognizer.delay_s = 60.0

    async def story(customer: Customer) -> None:
        await customer.bot_is_done()
        await customer.say("Да, подтверждаю")
        await customer.wait(12)
        customer.press("1")

    world, talk = call(story, prepare)

    lines = bot_lines(talk)
    assert lines[1] == "Одну секунду."
    assert any(line.startswith("Нажмите один") for line in lines)
    assert talk.outcome.decision is Decision.CONFIRMED
    assert max(world.waits()) < 2.0


@pytest.mark.parametrize("delay_s", [0.3, 1.0, 2.0, 6.0])
def test_nobody_waits_two_seconds_for_a_slow_model(delay_s: float) -> None:
    def prepare(world: FakeWorld) -> None:
        world.understanding.delay_s = delay_s
        world.understanding.open_reading = Reading(Action.CANCEL, source=Source.LLM, confidence=0.9)

    async def story(customer: Customer) -> None:
        await customer.bot_is_done()
        await customer.say("Фиолетовый самовар летит на дачу")

    world, talk = call(story, prepare)

    assert talk.outcome.decision is Decision.CANCELLED
    assert max(world.waits()) < 2.0
    assert world.longest_silence() < 2.0
    assert ("Одну секунду." in bot_lines(talk)) is (delay_s >= 1.0)


def test_nobody_waits_two_seconds_for_a_slow_voice() -> None:
    def prepare(world: FakeWorld) -> None:
        world.voice.delay_s = 1.5

    async def story(customer: Customer) -> None:
        await customer.bot_is_done()
        await customer.say("Нет, хочу изменить адрес")
        await customer.bot_is_done()
        await customer.bot_is_done()
        await customer.say("улица Садовая дом семь квартира двенадцать")
        await customer.bot_is_done()
        await customer.wait(3)
        customer.press("1")

    world, _ = call(story, prepare)

    assert max(world.waits()) < 2.0


def test_words_into_the_goodbye_that_cannot_be_heard_do_not_silence_it() -> None:
    async def story(customer: Customer) -> None:
        await customer.bot_is_done()
        customer.press("1")
        await customer.bot_speaks(1.0)
        customer.line.handlers.on_digit("9")
        await customer.say("Спасибо большое")

    def prepare(world: FakeWorld) -> None:
        world.recognizer.down = True

    world, talk = call(story, prepare)

    assert talk.outcome.decision is Decision.CONFIRMED
    assert world.longest_silence() < 2.0
    assert [line for line in talk.transcript.lines if line.who == "bot"][-1].heard_in_full


def test_a_voice_that_fails_altogether_hands_the_order_to_an_operator() -> None:
    def prepare(world: FakeWorld) -> None:
        world.voice.down = True

    _, talk = call(stays_silent, prepare)

    assert talk.outcome.decision is Decision.NEEDS_OPERATOR
    assert talk.outcome.data == {"reason": "voice_failed"}
