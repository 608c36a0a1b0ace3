"""One call as plain data: what the customer plays and when, what is understood of it, and what the bot says.

The customer plays blindly: each pause leaves room for the bot's sentence and for up to half a second in which a
recogniser and a voice may take their time. About 39 seconds. Needs numpy alone, so that others can play it too.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 8000
_LINE_NOISE = 33.0


@dataclass(frozen=True, slots=True)
class Turn:
    """One phrase of the customer."""

    #: Silence from the answer, or from the end of the phrase before, to this one.
    pause_s: float
    #: A recording's name in the package (`scripts/recordings.py`), without ".wav".
    phrase: str
    #: What a stand-in recogniser makes of it.
    words: str
    #: How long the turn detector's audio of it is, pre-roll and tail included.
    heard_s: float


#: No recording here has a break that ends a turn, and no two are alike in length.
TURNS = (
    Turn(9.2, "conf-hasjoin", "повторите пожалуйста", 1.80),
    Turn(7.6, "vm-tocallnum", "алло вы слышите", 3.18),
    Turn(5.2, "dictate/pause", "повторите", 0.74),
    Turn(7.6, "goodbye", "да подтверждаю", 1.16),
)
#: The customer stays on the line for this long after the last phrase; the bot hangs up before.
TAIL_S = 6.0

#: `order_id` and `amount` are the same in all calls: the pauses are made for them.
ORDER_ID, AMOUNT = "45678", "3200"
SCRIPT = """
extends: base
prompts:
  greeting: >-
    Здравствуйте! Это интернет-магазин «{{ store_name }}». Вы оформили заказ на сумму {{ amount|rubles }}.
    Подтверждаете заказ?
  order_info: Заказ номер {{ order_id }} на сумму {{ amount|rubles }}. Подтверждаете?
  confirmed: Отлично! Заказ подтверждён. Хорошего дня!
"""


def files(sounds: Path) -> list[Path]:
    """The phrases' recordings, in order."""
    return [sounds / f"{turn.phrase}.wav" for turn in TURNS]


def customer_side(sounds: Path) -> NDArray[np.int16]:
    """All that the customer's side plays from the answer on: one stream of 8 kHz slin."""
    pieces = []
    for turn, path in zip(TURNS, files(sounds), strict=True):
        pieces += [_silence(turn.pause_s), _samples(path)]
    return np.concatenate([*pieces, _silence(TAIL_S)])


def phrase_ends_s(sounds: Path) -> list[float]:
    """When each phrase's recording ends, in seconds from the answer."""
    lengths = [turn.pause_s + len(_samples(path)) / RATE_HZ for turn, path in zip(TURNS, files(sounds), strict=True)]
    return [float(end) for end in np.cumsum(lengths)]


def words_of(heard_s: float) -> str:
    """The words of the phrase whose audio is so long: a recogniser without a model, and without a memory."""
    return min(TURNS, key=lambda turn: abs(turn.heard_s - heard_s)).words


def _silence(seconds: float) -> NDArray[np.int16]:
    """Nobody speaks, but the line is there: noise at -60 dBFS."""
    return np.random.default_rng(1).normal(0, _LINE_NOISE, round(seconds * RATE_HZ)).astype("<i2")


def _samples(path: Path) -> NDArray[np.int16]:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")
