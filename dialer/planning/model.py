"""What the simulation assumes of one call, and what it is asked about."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dialer.domain.policy import CallingWindow
from dialer.errors import InputError

#: Spread of talk times: standard deviation of their logarithm (half of all calls lie within a factor of 1.4).
_TALK_SIGMA = 0.5
#: A busy line is known so soon after the dial.
_BUSY_S = 1.0


@dataclass(frozen=True, slots=True)
class CallModel:
    """One attempt; rates are 0 to 1, times in seconds.

    Every attempt is answered with the same chance, whatever came of the one before. A line is in use from the
    release of an attempt until it is settled.
    """

    #: Share of attempts that are answered.
    answer_rate: float = 0.6
    #: Mean time from answer to the end.
    talk_s: float = 35.0
    #: Share of answered calls that bring a decision; the others (hung up, voicemail) are called again.
    decision_rate: float = 0.95
    #: How long the phone rings before somebody answers, on average.
    answer_delay_s: float = 8.0
    #: After this long without an answer the dialer gives up.
    ring_timeout_s: float = 30.0
    #: Share of unanswered attempts that end at once (busy, rejected) instead of ringing on.
    busy_rate: float = 0.2
    #: From release to ringing, and from the end of the call to the free line.
    setup_s: float = 3.0


@dataclass(frozen=True, slots=True)
class Need:
    """A campaign to plan. `calls_per_second` 0 means no limit; `tick_s` is the dispatcher's."""

    orders: int
    window: CallingWindow = field(default_factory=CallingWindow)
    model: CallModel = field(default_factory=CallModel)
    retry_countdowns_s: tuple[float, ...] = (1800.0, 7200.0, 14400.0)
    calls_per_second: float = 0.0
    tick_s: float = 1.0
    seed: int = 1

    def check(self) -> None:
        """Raises InputError naming the value that makes no sense."""
        model = self.model
        rates = {"answer_rate": model.answer_rate, "decision_rate": model.decision_rate, "busy_rate": model.busy_rate}
        times = {"talk_time": model.talk_s, "ring_time": model.ring_timeout_s, "setup_time": model.setup_s}
        _demand(1 <= self.orders <= 1_000_000, "orders", "must be 1 to 1000000")
        _demand(self.window.start <= self.window.end, "window", "must not end before it starts")
        _demand(self.calls_per_second >= 0, "calls_per_second", "must not be negative")
        _demand(all(pause >= 0 for pause in self.retry_countdowns_s), "retry_countdowns", "must not be negative")
        for name, rate in rates.items():
            _demand(0 <= rate <= 1, name, "must be 0 to 1")
        for name, seconds in times.items():
            _demand(math.isfinite(seconds) and 0 <= seconds <= 3600, name, "must be 0 to 3600 seconds")


def _demand(holds: bool, field_name: str, reason: str) -> None:
    if not holds:
        raise InputError(field_name, reason)


@dataclass(frozen=True, slots=True)
class Draws:
    """What would become of every attempt: by order, then by attempt number from 0. Drawn once, used for every run."""

    #: Seconds for which the attempt holds its line.
    holds_s: list[list[float]]
    #: Whether it ends with a decision.
    decides: list[list[bool]]
    #: Whether it is answered.
    answers: list[list[bool]]

    @classmethod
    def of(cls, need: Need, seed: int | None = None) -> Draws:
        """Random draws for every attempt that the ladder allows."""
        model, rng = need.model, np.random.default_rng(need.seed if seed is None else seed)
        shape = (need.orders, len(need.retry_countdowns_s) + 1)
        answers: NDArray[np.bool_] = rng.random(shape) < model.answer_rate
        decides = answers & (rng.random(shape) < model.decision_rate)
        rings = np.minimum(model.answer_delay_s * rng.uniform(0.25, 1.75, shape), model.ring_timeout_s)
        talks = model.talk_s * rng.lognormal(-(_TALK_SIGMA**2) / 2, _TALK_SIGMA, shape)
        unanswered = np.where(
            rng.random(shape) < model.busy_rate, min(_BUSY_S, model.ring_timeout_s), model.ring_timeout_s
        )
        holds = model.setup_s + np.where(answers, rings + talks, unanswered)
        return cls(holds.tolist(), decides.tolist(), answers.tolist())
