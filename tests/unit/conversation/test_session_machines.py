"""Answering machines and the people who are not to be taken for them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dialer.domain.outcome import Decision, Disposition
from tests.support.fake_world import Customer, FakeWorld, bot_lines, call, confirms

GREETING = (
    "Здравствуйте, вы позвонили на автоответчик, абонент сейчас не может ответить, оставьте сообщение после сигнала"
)


def beep(seconds: float = 0.6) -> bytes:
    at = np.arange(round(seconds * 8000)) / 8000
    return np.asarray(8000 * np.sin(2 * np.pi * 1000 * at)).astype("<i2").tobytes()


async def machine(customer: Customer) -> None:
    await customer.wait(0.3)
    await customer.say(GREETING)
    await customer.wait(0.3)
    await customer.sound(beep())
    await customer.wait(30)


def test_a_machine_is_left_in_seconds() -> None:
    _world, talk = call(machine)

    assert talk.outcome.disposition is Disposition.VOICEMAIL
    assert talk.outcome.talk_s < 9.0


def test_a_machine_that_the_recogniser_does_not_understand_is_told_by_its_beep() -> None:
    async def story(customer: Customer) -> None:
        await customer.wait(0.3)
        await customer.say("Здравствуйте, сейчас меня нет дома", heard_as="")
        await customer.wait(0.2)
        await customer.sound(beep())
        await customer.wait(30)

    _, talk = call(story)

    assert talk.outcome.disposition is Disposition.VOICEMAIL
    assert talk.outcome.talk_s < 6.0


def test_a_message_is_left_after_the_beep_when_the_script_has_one() -> None:
    def adapt(script: Any) -> Any:
        return replace(
            script, templates={**script.templates, "voicemail_message": script.templates["operator_will_call"]}
        )

    def prepare(world: FakeWorld) -> None:
        world.adapt = adapt

    world, talk = call(machine, prepare)

    beeped = world.customer.spoke[-1][0]
    assert talk.outcome.disposition is Disposition.VOICEMAIL
    assert bot_lines(talk)[-1] == "Вам перезвонит наш оператор. До свидания!"
    assert world.line.heard[-1][0] > beeped


@pytest.mark.parametrize(
    "hello",
    [
        "Алло, да, слушаю вас",
        "Алло",
        "Да, здравствуйте, я сейчас за рулём, но говорите, я вас внимательно слушаю",
    ],
)
def test_a_human_is_not_taken_for_a_machine(hello: str) -> None:
    async def story(customer: Customer) -> None:
        await customer.wait(0.3)
        await customer.say(hello)
        await confirms(customer)

    _, talk = call(story)

    assert talk.outcome.disposition is Disposition.ANSWERED
    assert talk.outcome.decision is Decision.CONFIRMED
