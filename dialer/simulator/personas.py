"""The personas: customers who live by audio alone. Each is one short story told with a customer's verbs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from dialer.simulator import lines
from dialer.simulator.customer import Customer
from dialer.simulator.lines import Turns
from dialer.simulator.pbx.callees import tone

Act = Callable[[Customer], Awaitable[None]]

#: No simulated call is longer than this.
LONGEST_CALL_S = 120.0
#: How often a customer says its last line again when the bot keeps asking.
LAST_LINE_REPEATS = 3
#: The beep of an answering machine.
BEEP = tone(0.6, hz=1000.0)


def talks(turns: Turns, *, goodbye: bool = False) -> Act:
    """Says one line for each of the bot's turns, and the last one again if the bot asks on.

    With `goodbye` the last line is the end: the customer hangs up after it.
    """

    async def act(customer: Customer) -> None:
        await customer.pick_up()
        await _answer_turns(customer, customer.choose(turns), goodbye)

    return act


async def _answer_turns(customer: Customer, said: list[str], goodbye: bool = False) -> None:
    repeats = [] if goodbye else said[-1:] * LAST_LINE_REPEATS
    for line in [*said, *repeats]:
        if not await customer.listen():
            return
        await customer.say(line)
    if not goodbye:
        await customer.listen()


async def backchannel(customer: Customer) -> None:
    """Says "uh-huh" into the greeting and means nothing by it, then confirms."""
    await customer.pick_up()
    murmur, *said = customer.choose(lines.BACKCHANNEL)
    await customer.hear(customer.rng.uniform(1.2, 2.0))
    await customer.say(murmur)
    await _answer_turns(customer, said)


async def barges_in(customer: Customer) -> None:
    """Knows the greeting and confirms over it."""
    await customer.pick_up()
    said = customer.choose(lines.CONFIRMS)
    await customer.hear(customer.rng.uniform(2.0, 3.5))
    await customer.say(said[0])
    await _answer_turns(customer, said[1:])


async def mumbles(customer: Customer) -> None:
    """Cannot be understood; presses 1 once it has been asked three times."""
    await customer.pick_up()
    for turn in range(6):
        if not await customer.listen():
            return
        if turn < 2:
            await customer.mumble()
        else:
            await customer.phone.send_digit("1")
    await customer.listen()


async def silent(customer: Customer) -> None:
    """Picks up and says nothing until the bot gives up."""
    await customer.pick_up()
    await asyncio.sleep(LONGEST_CALL_S)


async def hangs_up_early(customer: Customer) -> None:
    """Hangs up in the middle of the greeting."""
    await customer.pick_up()
    await customer.hear(customer.rng.uniform(1.0, 2.5))


async def voicemail(customer: Customer) -> None:
    """A machine: talks without listening, beeps, and records for a while."""
    await customer.pick_up()
    (greeting,) = customer.choose(lines.VOICEMAIL)
    await asyncio.sleep(0.3)
    await customer.say(greeting)
    await customer.play(BEEP)
    await asyncio.sleep(20)


async def busy(customer: Customer) -> None:
    """Is talking to somebody else."""
    await asyncio.sleep(customer.rng.uniform(0.1, 0.5))
    await customer.phone.reject(17)


async def rejects(customer: Customer) -> None:
    """Sees an unknown number and declines."""
    await customer.phone.ringing()
    await asyncio.sleep(customer.rng.uniform(0.5, 1.5))
    await customer.phone.reject(21)


async def no_answer(customer: Customer) -> None:
    """Does not hear the phone."""
    await customer.phone.ringing()
    await asyncio.sleep(LONGEST_CALL_S)


async def congested(customer: Customer) -> None:
    """The trunk has no free line."""
    await customer.phone.reject(34)


async def wrong_number(customer: Customer) -> None:
    """No such number."""
    await customer.phone.reject(1)


@dataclass(frozen=True, slots=True)
class Persona:
    """How a customer behaves: `act`, and `at_first` for as many attempts as the world says.

    `turns` are all turns in which it may speak. `failures` are the usual numbers of attempts played by `at_first`
    (99: every attempt). `weight` is its share of a realistic campaign, in per cent.
    """

    act: Act
    turns: Turns
    weight: float
    at_first: Act | None = None
    failures: tuple[int, ...] = (0,)


_confirms = talks(lines.CONFIRMS)

PERSONAS: dict[str, Persona] = {
    "confirms": Persona(_confirms, lines.CONFIRMS, 42),
    "cancels": Persona(talks(lines.CANCELS), lines.CANCELS, 6),
    "changes_address": Persona(talks(lines.CHANGES_ADDRESS), lines.CHANGES_ADDRESS, 5),
    "changes_date": Persona(talks(lines.CHANGES_DATE), lines.CHANGES_DATE, 4),
    "asks_again": Persona(talks(lines.ASKS_AGAIN), lines.ASKS_AGAIN, 4),
    "backchannel": Persona(backchannel, lines.BACKCHANNEL, 3),
    "barges_in": Persona(barges_in, lines.CONFIRMS, 3),
    "mumbles": Persona(mumbles, (), 2),
    "silent": Persona(silent, (), 1.5),
    "asks_operator": Persona(talks(lines.ASKS_OPERATOR, goodbye=True), lines.ASKS_OPERATOR, 1.5),
    "wrong_person": Persona(talks(lines.WRONG_PERSON), lines.WRONG_PERSON, 1.5),
    "do_not_call": Persona(talks(lines.DO_NOT_CALL), lines.DO_NOT_CALL, 1),
    "call_later": Persona(
        _confirms, (*lines.CALL_LATER, *lines.CONFIRMS), 2, at_first=talks(lines.CALL_LATER), failures=(1,)
    ),
    "hangs_up_early": Persona(_confirms, lines.CONFIRMS, 3, at_first=hangs_up_early, failures=(1, 1, 99)),
    "busy": Persona(_confirms, lines.CONFIRMS, 5, at_first=busy, failures=(1, 1, 2)),
    "rejects": Persona(_confirms, lines.CONFIRMS, 2, at_first=rejects, failures=(1, 2, 99)),
    "no_answer": Persona(_confirms, lines.CONFIRMS, 8, at_first=no_answer, failures=(1, 2, 99)),
    "voicemail": Persona(_confirms, (*lines.VOICEMAIL, *lines.CONFIRMS), 3, at_first=voicemail, failures=(1, 2, 99)),
    "congested": Persona(_confirms, lines.CONFIRMS, 1.5, at_first=congested, failures=(1,)),
    "wrong_number": Persona(wrong_number, (), 1),
}
