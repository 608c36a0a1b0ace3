"""The hand-over to an operator: what the operator's side is told of the order, and the transfer itself."""

from __future__ import annotations

import asyncio
from functools import cache

import numpy as np

from dialer.conversation.script import OrderScript
from dialer.conversation.speaking import Speaker
from dialer.speech.ports import SAMPLE_RATE_HZ
from dialer.telephony.ports import Line

#: How long an operator's phone rings.
TRANSFER_TIMEOUT_S = 30.0
#: A second of tone, then silence, as every telephone rings.
RING_S = 1.0
RING_EVERY_S = 4.0
_RING_LEVEL = 4000
#: The order's data that goes along, by channel variable. Asterisk logs variables, so nothing personal is among them:
#: the operator's desk looks the customer up by the order's number.
_VARIABLES = {
    "ORDER_ID": "order_id",
    "ORDER_AMOUNT": "amount",
    "ORDER_DELIVERY_DATE": "delivery_date",
    "ORDER_DELIVERY_WINDOW": "delivery_window",
}


def order_variables(script: OrderScript) -> dict[str, str]:
    """The order's data as channel variables; what is unknown is left out."""
    known = {name: script.values[key] for name, key in _VARIABLES.items()}
    return {name: str(value) for name, value in known.items() if value is not None}


async def hand_over(line: Line, endpoint: str, script: OrderScript, speaker: Speaker) -> bool:
    """Whether an operator has taken the call; without an endpoint nobody does. The customer hears it ring."""
    if not endpoint:
        return False
    ringing = asyncio.create_task(_ring(speaker))
    try:
        return await line.transfer(endpoint, order_variables(script), TRANSFER_TIMEOUT_S)
    finally:
        ringing.cancel()
        await asyncio.gather(ringing, return_exceptions=True)


async def _ring(speaker: Speaker) -> None:
    tone = ringback()
    while True:
        await speaker.sound(tone)
        await asyncio.sleep(RING_EVERY_S)


@cache
def ringback() -> bytes:
    """The Russian ringing tone (GOST 28384: 425 Hz), 8 kHz slin."""
    at = np.arange(round(RING_S * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return np.asarray(_RING_LEVEL * np.sin(2 * np.pi * 425 * at)).astype("<i2").tobytes()
