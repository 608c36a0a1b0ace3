"""A campaign call by call, in the order in which the dispatcher would release them.

The rules are the ledger's: due orders, earliest first, up to the free lines, inside the calling window; a retry due
outside it waits for the next opening. Time is seconds since midnight of the first day; clocks do not change.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from dialer.domain.policy import CallingWindow
from dialer.planning.model import Draws, Need

DAY_S = 86_400.0
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of the campaign: `start_s` since midnight of the first day, calls begun, mean lines in use."""

    start_s: float
    calls: int
    lines: float


@dataclass(frozen=True, slots=True)
class Run:
    """How the campaign goes with so many lines. `end_s`: its last order reaches its end."""

    lines: int
    end_s: float
    attempts: int
    answered: int
    decided: int
    unreachable: int
    #: When every order has been called once.
    first_round_s: float
    hours: list[Hour]

    @property
    def days(self) -> int:
        """Calendar days from the first call to the last."""
        return int(self.end_s // DAY_S) + 1


class WindowHours:
    """The window in seconds of a day; day 0 is the first weekday on which it is open."""

    def __init__(self, window: CallingWindow) -> None:
        whole_day = window.start == window.end
        self.start_s = 0.0 if whole_day else _seconds(window.start.hour, window.start.minute)
        self.end_s = DAY_S if whole_day else _seconds(window.end.hour, window.end.minute)
        first = min(window.weekdays)
        #: For how long the window is open on one day.
        self.length_s = self.end_s - self.start_s
        self._open_days = [(first - 1 + day) % 7 + 1 in window.weekdays for day in range(7)]

    def next_open(self, at_s: float) -> float:
        """The first moment not before `at_s` at which calls may begin."""
        day, time_s = divmod(at_s, DAY_S)
        if self._open_days[int(day) % 7] and time_s < self.end_s:
            return at_s if time_s >= self.start_s else day * DAY_S + self.start_s
        day += 1
        while not self._open_days[int(day) % 7]:
            day += 1
        return day * DAY_S + self.start_s


def _seconds(hours: int, minutes: int) -> float:
    return hours * HOUR_S + minutes * 60.0


class _Call(NamedTuple):
    """One attempt (counted from 0) as it was placed."""

    order: int
    attempt: int
    start_s: float
    free_s: float


def simulate(need: Need, lines: int, draws: Draws, *, by_hour: bool = True) -> Run:
    """Call all orders with so many lines."""
    calls = list(_calls(need, lines, draws))
    first_round = [call.start_s for call in calls if call.attempt == 0]
    decided = sum(draws.decides[call.order][call.attempt] for call in calls)
    return Run(
        lines=lines,
        end_s=max(call.free_s for call in calls),
        attempts=len(calls),
        answered=sum(draws.answers[call.order][call.attempt] for call in calls),
        decided=decided,
        unreachable=need.orders - decided,
        first_round_s=first_round[-1],
        hours=_by_hour(calls) if by_hour else [],
    )


def _calls(need: Need, lines: int, draws: Draws) -> Iterator[_Call]:
    """All calls in order of time."""
    hours = WindowHours(need.window)
    countdowns, tick_s = need.retry_countdowns_s, need.tick_s
    gap_s = 1.0 / need.calls_per_second if need.calls_per_second > 0 else 0.0
    opening = hours.next_open(0.0)
    #: (due, tie-breaker, order, attempt). Retries lie in the future, so starts come out in order of time.
    due = [(opening, number, number, 0) for number in range(need.orders)]
    ties = count(need.orders)
    #: When each line in use is free again.
    busy: list[float] = []
    slot_s = 0.0
    while due:
        due_s, _, order, attempt = heappop(due)
        at_s = max(due_s, slot_s)
        while busy and busy[0] <= at_s:
            heappop(busy)
        if len(busy) >= lines:
            at_s = heappop(busy)
        at_s = hours.next_open(at_s)
        slot_s = at_s + gap_s
        start_s = hours.next_open(math.ceil(at_s / tick_s) * tick_s)
        free_s = start_s + draws.holds_s[order][attempt]
        heappush(busy, free_s)
        yield _Call(order, attempt, start_s, free_s)
        if attempt < len(countdowns) and not draws.decides[order][attempt]:
            again_s = hours.next_open(free_s + countdowns[attempt])
            heappush(due, (again_s, next(ties), order, attempt + 1))


def _by_hour(calls: list[_Call]) -> list[Hour]:
    """Calls begun and mean lines in use, for every hour in which something happened."""
    begun: dict[int, int] = {}
    used_s: dict[int, float] = {}
    for call in calls:
        start_s, end_s = call.start_s, call.free_s
        hour = int(start_s // HOUR_S)
        begun[hour] = begun.get(hour, 0) + 1
        while start_s < end_s:
            until_s = min(end_s, (hour + 1) * HOUR_S)
            used_s[hour] = used_s.get(hour, 0.0) + until_s - start_s
            start_s, hour = until_s, hour + 1
    return [Hour(hour * HOUR_S, begun.get(hour, 0), used_s[hour] / HOUR_S) for hour in sorted(used_s)]
