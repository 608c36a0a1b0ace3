"""Whole conversations: a real script, real ears and real rules on a fake line, in virtual time."""

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from dialer.conversation.moves import Step
from dialer.domain.outcome import Decision, Disposition
from tests.support.fake_world import Customer, FakeWorld, bot_lines, call, confirms, stays_silent


def test_a_confirmed_call_word_for_word() -> None:
    world, talk = call(confirms)

    assert talk.outcome.disposition is Disposition.ANSWERED
    assert talk.outcome.decision is Decision.CONFIRMED
    assert bot_lines(talk) == [
        "Здравствуйте! Это интернет-магазин «Твой выбор». Вы оформили заказ номер 45678 на сумму 3 200 рублей. "
        "Хотите подтвердить доставку на 25 ноября по адресу Москва, улица Ленина, дом 5?",
        "Отлично! Заказ подтверждён. Ожидайте звонка курьера. Хорошего дня!",
    ]
    assert all(line.heard_in_full for line in talk.transcript.lines if line.who == "bot")
    assert world.line.names() == ["pause", "resume"] or world.line.names() == []


def test_a_changed_address_word_for_word() -> None:
    async def story(customer: Customer) -> None:
        for line in ("Нет, хочу изменить адрес", "улица Садовая дом семь квартира двенадцать", "Да"):
            await customer.bot_is_done()
            await customer.say(line)

    _, talk = call(story)

    assert talk.outcome.decision is Decision.ADDRESS_CHANGED
    assert bot_lines(talk)[1] == "Назовите новый адрес доставки"
    assert bot_lines(talk)[2].startswith("Проверяю... Новый адрес: ")
    assert bot_lines(talk)[2].endswith(". Верно?")
    assert bot_lines(talk)[3] == "Адрес обновлён. Заказ подтверждён. До свидания!"
    assert "Садовая" in talk.outcome.data["address"]


def test_talking_over_the_bot_pauses_and_flushes_it() -> None:
    async def story(customer: Customer) -> None:
        await customer.bot_speaks(2.0)
        await customer.say("Отмените заказ")

    world, talk = call(story)

    begun, _ = world.customer.spoke[0]
    paused = next(at for at, name in world.line.commands if name == "pause")
    assert world.line.names()[:2] == ["pause", "flush"]
    assert paused - begun < 0.2
    assert talk.outcome.decision is Decision.CANCELLED
    greeting = next(line for line in talk.transcript.lines if line.who == "bot")
    assert greeting.heard_in_full is False
    assert greeting.text == "Здравствуйте!"


@pytest.mark.parametrize("murmur", ["Угу", "Ага"])
def test_a_backchannel_in_the_greeting_does_not_cut_it(murmur: str) -> None:
    async def story(customer: Customer) -> None:
        await customer.bot_speaks(2.5)
        await customer.say(murmur)
        await confirms(customer)

    world, talk = call(story)

    assert "flush" not in world.line.names()
    assert world.line.names()[:2] == ["pause", "resume"]
    assert bot_lines(talk)[0].endswith("?")
    assert talk.outcome.decision is Decision.CONFIRMED


def test_a_cough_only_holds_the_bot_for_a_moment() -> None:
    noise = np.random.default_rng(1).normal(0, 9000, 1600) * np.exp(-np.arange(1600) / 300)
    cough = np.clip(noise, -32000, 32000).astype("<i2").tobytes()

    async def story(customer: Customer) -> None:
        await customer.bot_speaks(2.5)
        await customer.sound(cough)
        await confirms(customer)

    world, talk = call(story)

    assert "flush" not in world.line.names()
    assert len(talk.transcript.lines) == 3
    assert talk.outcome.decision is Decision.CONFIRMED


def test_a_yes_before_the_question_answers_nothing() -> None:
    async def story(customer: Customer) -> None:
        await customer.wait(0.2)
        await customer.say("Да, алло")
        await customer.bot_is_done()
        await customer.say("Нет, отмените заказ")

    _world, talk = call(story)

    assert talk.outcome.decision is Decision.CANCELLED
    assert "Хотите подтвердить" in " ".join(bot_lines(talk))


@pytest.mark.parametrize(
    ("digit", "decision"), [("1", Decision.CONFIRMED), ("2", Decision.CANCELLED), ("0", Decision.NEEDS_OPERATOR)]
)
@pytest.mark.parametrize("after_s", [0.1, 3.0, 14.0])
def test_keys_count_at_any_time(digit: str, decision: Decision, after_s: float) -> None:
    async def story(customer: Customer) -> None:
        await customer.wait(after_s)
        customer.press(digit)

    _, talk = call(story)

    assert talk.outcome.decision is decision
    assert talk.sources == {"dtmf": 1}


def test_silence_is_timed_by_the_clock_and_ends_with_an_operator() -> None:
    world, talk = call(stays_silent)

    lines = bot_lines(talk)
    assert [line for line in lines if line.startswith("Алло, вы меня слышите?")]
    assert any(line.startswith("Нажмите один") for line in lines)
    assert talk.outcome.decision is Decision.NEEDS_OPERATOR
    assert talk.outcome.data["reason"] == "silence"
    assert world.line.now < 90


def test_an_answer_is_waited_for_from_the_end_of_a_question_however_short_it_was() -> None:
    world, _ = call(stays_silent)

    waits = [later - end for (_, end), (later, _) in pairwise(world.line.heard)]
    assert len(waits) >= 4
    assert min(waits) > 4.5


def test_the_last_word_counts() -> None:
    async def story(customer: Customer) -> None:
        await customer.bot_is_done()
        await customer.say("Да, подтверждаю")
        await customer.bot_speaks(0.5)
        await customer.say("Ой нет, отмените заказ")

    world, talk = call(story)

    assert talk.outcome.decision is Decision.CANCELLED
    assert [result and result.decision for result in world.results] == [Decision.CONFIRMED, Decision.CANCELLED]


@pytest.mark.parametrize("after_s", [0.0, 0.05, 2.0, 13.5, 16.0])
def test_a_hang_up_at_any_moment_ends_the_call_cleanly(after_s: float) -> None:
    async def story(customer: Customer) -> None:
        await customer.wait(after_s)
        customer.line.end(16)

    _, talk = call(story)

    assert talk.outcome.disposition is Disposition.HUNG_UP
    assert talk.outcome.decision is None
    assert talk.outcome.cause == 16


def test_a_hang_up_during_the_closing_words_keeps_the_decision() -> None:
    async def story(customer: Customer) -> None:
        await confirms(customer)
        await customer.bot_speaks(0.5)
        customer.line.end(16)

    _, talk = call(story)

    assert talk.outcome.decision is Decision.CONFIRMED
    assert [line for line in talk.transcript.lines if line.who == "bot"][-1].heard_in_full is False


def test_a_hang_up_while_the_answer_is_being_understood() -> None:
    def prepare(world: FakeWorld) -> None:
        world.recognizer.delay_s = 3.0

    async def story(customer: Customer) -> None:
        await confirms(customer)
        await customer.wait(1.0)
        customer.line.end(16)

    _, talk = call(story, prepare)

    assert talk.outcome.disposition is Disposition.HUNG_UP


def test_an_operator_takes_over_and_the_line_lives_until_they_have_talked() -> None:
    async def answers() -> bool:
        return True

    def prepare(world: FakeWorld) -> None:
        world.line.operator = answers

    async def story(customer: Customer) -> None:
        await customer.bot_is_done()
        await customer.say("Соедините с оператором")
        await customer.wait(60)
        customer.line.end(16)

    world, talk = call(story, prepare)

    assert world.line.transfers == [
        (
            "PJSIP/operator",
            {
                "ORDER_ID": "45678",
                "ORDER_AMOUNT": "3200.00",
                "ORDER_DELIVERY_DATE": "2026-11-25",
                "ORDER_DELIVERY_WINDOW": "10:00-14:00",
            },
        )
    ]
    assert talk.outcome.decision is Decision.NEEDS_OPERATOR
    assert talk.outcome.data == {"transferred": True}
    assert talk.outcome.talk_s > 60
    assert world.results[-1].data == {"transferred": True}


def test_the_customer_hears_it_ring_until_somebody_answers() -> None:
    async def answers_late() -> bool:
        await asyncio.sleep(9)
        return True

    def prepare(world: FakeWorld) -> None:
        world.line.operator = answers_late

    async def story(customer: Customer) -> None:
        await customer.bot_is_done()
        await customer.say("Соедините с оператором")
        await customer.wait(30)
        customer.line.end(16)

    world, _ = call(story, prepare)

    rings = [end - begin for begin, end in world.line.heard if end - begin == pytest.approx(1.0, abs=0.05)]
    assert len(rings) >= 2  # the first may join the last words before it


def test_an_operator_who_does_not_answer_will_call() -> None:
    async def story(customer: Customer) -> None:
        await customer.bot_is_done()
        await customer.say("Соедините с оператором")

    world, talk = call(story)

    assert len(world.line.transfers) == 1
    assert bot_lines(talk)[-1] == "Вам перезвонит наш оператор. До свидания!"
    assert talk.outcome.data == {"reason": "operator_unavailable"}


def test_without_an_operator_endpoint_nobody_is_rung() -> None:
    def prepare(world: FakeWorld) -> None:
        world.operator_endpoint = ""

    async def story(customer: Customer) -> None:
        await customer.bot_speaks(1)
        customer.press("0")

    world, talk = call(story, prepare)

    assert world.line.transfers == []
    assert talk.outcome.decision is Decision.NEEDS_OPERATOR


def test_a_call_ends_before_its_cap() -> None:
    def prepare(world: FakeWorld) -> None:
        world.max_call_s = 40.0

    async def story(customer: Customer) -> None:
        while True:
            await customer.bot_is_done()
            await customer.say("Повторите, пожалуйста")

    _world, talk = call(story, prepare)

    assert talk.outcome.decision is Decision.NEEDS_OPERATOR
    assert talk.outcome.talk_s <= 40.0


def uninterruptible(script: Any) -> Any:
    timings = {
        **script.timings,
        Step.CONFIRM_ORDER: script.timings[Step.CONFIRM_ORDER].model_copy(update={"interruptible": False}),
    }
    return replace(script, timings=timings)


def test_an_uninterruptible_step_is_said_to_its_end() -> None:
    def prepare(world: FakeWorld) -> None:
        world.adapt = uninterruptible

    async def story(customer: Customer) -> None:
        await customer.bot_speaks(2.0)
        await customer.say("Отмените заказ")
        await confirms(customer)

    world, talk = call(story, prepare)

    assert "pause" not in world.line.names()
    assert "flush" not in world.line.names()
    assert talk.outcome.decision is Decision.CONFIRMED


def test_every_customer_line_tells_who_when_what_action_source_and_latency() -> None:
    _, talk = call(confirms)

    line = next(line for line in talk.transcript.lines if line.who == "customer")
    assert (line.text, line.action, line.source) == ("Да, подтверждаю", "confirm", "rules")
    assert line.at_s > 10
    assert line.latency_ms.keys() == {"stt_after_turn", "understanding", "end_pause", "reply"}
    assert 300 <= line.latency_ms["reply"] < 600
