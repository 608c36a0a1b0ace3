"""Live calls without a ledger: a line, a conversation, and what it left behind. For measuring and for tests."""

from __future__ import annotations

import asyncio
from datetime import date
from uuid import uuid4

import numpy as np

from dialer.conversation.comprehension import SessionPorts
from dialer.conversation.notes import Talk
from dialer.conversation.script import Script
from dialer.conversation.session import Session
from dialer.domain.order import Order
from dialer.speech.ports import FRAME_BYTES, FRAME_MS
from dialer.telephony.ports import DialRequest, LineHandlers, Switch

#: Peak (of 32767) over which a frame is sound and not the line.
SOUND_PEAK = 250
#: Shorter gaps within speech are no silence.
_JOIN_FRAMES = 10

Stretches = list[tuple[float, float]]


async def rehearse(
    switch: Switch, ports: SessionPorts, script: Script, order: Order, *, today: date, max_call_s: float = 90.0
) -> Talk | None:
    """Call the order's phone and talk; None when nobody answered."""
    line = switch.line()
    session = Session(line, script.for_order(order, "Твой выбор"), ports, today=today, max_call_s=max_call_s)
    handlers = LineHandlers(on_audio=session.on_audio, on_digit=session.on_digit, on_mark=session.on_mark)
    warming = asyncio.create_task(session.warm())
    try:
        result = await line.dial(DialRequest(str(uuid4()), order.phone, max_call_s=max_call_s), handlers)
        return None if result.disposition is not None else await session.run()
    finally:
        warming.cancel()
        await asyncio.gather(warming, return_exceptions=True)
        await line.close()


def sounds(pcm: bytes) -> Stretches:
    """(from, to) in seconds of everything that can be heard on one side of a recording."""
    whole = len(pcm) // FRAME_BYTES * FRAME_BYTES
    frames = np.frombuffer(pcm[:whole], dtype="<i2").reshape(-1, FRAME_BYTES // 2)
    loud = np.nonzero(np.abs(frames.astype(np.int32)).max(axis=1) > SOUND_PEAK)[0] if whole else np.array([], int)
    found: list[list[int]] = []
    for frame in loud:
        if found and frame - found[-1][1] <= _JOIN_FRAMES:
            found[-1][1] = int(frame) + 1
        else:
            found.append([int(frame), int(frame) + 1])
    return [(begin * FRAME_MS / 1000, end * FRAME_MS / 1000) for begin, end in found]


def waits_s(talk: Talk) -> list[float]:
    """How long the customer heard nothing after each of his turns, by the recording itself."""
    bot, customer = sounds(bytes(talk.bot.pcm)), sounds(bytes(talk.customer.pcm))
    waits = []
    for number, (_, end) in enumerate(customer):
        goes_on = customer[number + 1][0] if number + 1 < len(customer) else float("inf")
        if any(begin <= end < until for begin, until in bot):
            continue
        answer = min((begin for begin, _ in bot if begin >= end), default=None)
        if answer is not None and answer < goes_on:
            waits.append(answer - end)
    return waits
