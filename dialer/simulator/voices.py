"""The customers' voices: offline speech in other timbres than the bot's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache

from dialer.speech.offline import OfflineSynthesizer


@dataclass(frozen=True, slots=True)
class Timbre:
    """How a customer sounds: espeak's voice with a variant, speed, and pitch from 0 to 99."""

    variant: str
    words_per_minute: int
    pitch: int


#: Customers' voices by name; a world names one for each phone number.
TIMBRES: dict[str, Timbre] = {
    "andrey": Timbre("ru+m1", 150, 45),
    "boris": Timbre("ru+m3", 160, 40),
    "viktor": Timbre("ru+m7", 145, 35),
    "grigory": Timbre("ru+m4", 155, 50),
    "anna": Timbre("ru+f1", 155, 55),
    "vera": Timbre("ru+f4", 165, 60),
    "galina": Timbre("ru+f3", 145, 48),
}

#: Speaks a line in a named voice: 8 kHz slin.
Say = Callable[[str, str], Awaitable[bytes]]


@lru_cache(maxsize=2048)
def _render(text: str, voice: str) -> bytes:
    timbre = TIMBRES[voice]
    speech = OfflineSynthesizer(
        timbre.variant,
        words_per_minute=timbre.words_per_minute,
        pitch=timbre.pitch,
        longest_pause_s=0.1,  # espeak's comma is as long as the end of a turn
    )
    return speech.render(text)


async def say_offline(text: str, voice: str) -> bytes:
    """`text` in the voice called `voice`. Raises ConfigError when the offline speech is not installed."""
    return await asyncio.to_thread(_render, text, voice)
