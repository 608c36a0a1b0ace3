"""The callees of the contract: what each test number does, on the simulator as behind a real Asterisk."""

from __future__ import annotations

import asyncio
import math
import struct

from dialer.simulator.pbx.phone import Callee, Phone
from dialer.speech.ports import SAMPLE_RATE_HZ

#: Operator's number (without the plus sign).
OPERATOR = "79000000130"


def tone(duration_s: float, hz: float = 440.0, amplitude: int = 8000) -> bytes:
    """A sine as 8 kHz slin."""
    samples = (
        int(amplitude * math.sin(2 * math.pi * hz * n / SAMPLE_RATE_HZ))
        for n in range(int(duration_s * SAMPLE_RATE_HZ))
    )
    return b"".join(struct.pack("<h", sample) for sample in samples)


async def _forever() -> None:
    await asyncio.Event().wait()


async def _echo(phone: Phone) -> None:
    phone.on_audio = phone.send
    await phone.answer()
    await _forever()


def refuses(cause: int) -> Callee:
    """Refuses with `cause` and does not ring."""

    async def callee(phone: Phone) -> None:
        await asyncio.sleep(0.05)
        await phone.reject(cause)

    return callee


async def rings_forever(phone: Phone) -> None:
    """Nobody picks up."""
    await phone.ringing()
    await _forever()


async def hangs_up_after_2s(phone: Phone) -> None:
    """Answers, plays a tone, and ends the call itself after two seconds."""
    await phone.answer()
    phone.send(tone(1.5))
    await asyncio.sleep(2)
    await phone.hangup()


async def echoes(phone: Phone) -> None:
    """Answers and says back whatever it hears."""
    await _echo(phone)


async def sends_nothing(phone: Phone) -> None:
    """Answers and never sends a single frame."""
    await phone.answer()
    await _forever()


async def presses_keys(phone: Phone) -> None:
    """Answers and presses 1, 2 and 0 after half a second."""
    await phone.answer()
    await asyncio.sleep(0.5)
    for digit in "120":
        await phone.send_digit(digit)
        await asyncio.sleep(0.2)
    await _forever()


async def early_media_then_echoes(phone: Phone) -> None:
    """Plays early media for one second before it answers."""
    await phone.progress()
    phone.send(tone(1.0))
    await asyncio.sleep(1)
    await _echo(phone)


async def early_media_then_busy(phone: Phone) -> None:
    """Plays early media for one second, then is busy."""
    await phone.progress()
    phone.send(tone(1.0))
    await asyncio.sleep(1)
    await phone.reject(17)


async def rings_then_echoes(phone: Phone) -> None:
    """Rings for a second first."""
    await phone.ringing()
    await asyncio.sleep(1)
    await _echo(phone)


async def hangs_up_at_once(phone: Phone) -> None:
    """Answers and ends the call in the same breath."""
    await phone.answer()
    await phone.hangup()


async def operator(phone: Phone) -> None:
    """The shop's operator: answers after half a second."""
    await phone.ringing()
    await asyncio.sleep(0.5)
    await _echo(phone)


CONTRACT: dict[str, Callee] = {
    "79000000001": refuses(1),
    "79000000016": hangs_up_after_2s,
    "79000000017": refuses(17),
    "79000000019": rings_forever,
    "79000000021": refuses(21),
    "79000000034": refuses(34),
    "79000000100": echoes,
    "79000000101": sends_nothing,
    "79000000102": presses_keys,
    "79000000103": early_media_then_echoes,
    "79000000104": early_media_then_busy,
    "79000000105": rings_then_echoes,
    "79000000106": hangs_up_at_once,
    OPERATOR: operator,
}


def contract_callees(number: str) -> Callee:
    """The contract's callee of `number`; numbers outside the contract are unallocated."""
    return CONTRACT.get(number, refuses(1))
