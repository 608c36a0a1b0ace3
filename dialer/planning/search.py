"""The fewest lines with which a campaign ends as early, by day, as it can end at all."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.errors import InputError
from dialer.planning.model import Draws, Need
from dialer.planning.simulation import HOUR_S, Run, WindowHours, simulate


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer. `needed` tells whether the lines were looked for or given."""

    need: Need
    run: Run
    #: Days that the campaign takes with any number of lines: the retry ladder alone sees to that.
    fewest_days: int
    needed: bool


def make_plan(need: Need, lines: int | None = None, days: int | None = None) -> Plan:
    """How the campaign goes with `lines`; without them, with the fewest lines that end it within `days`.

    `days` counts calendar days from the first call, 1 by default if the ladder allows it, else the fewest possible.
    Raises InputError for values that make no sense, and when no number of lines ends it within `days`.
    """
    need.check()
    draws = Draws.of(need)
    unlimited = simulate(need, need.orders, draws)
    if lines is not None:
        if lines < 1:
            raise InputError("lines", "must be at least 1")
        return Plan(need, simulate(need, lines, draws), unlimited.days, needed=False)
    target = unlimited.days if days is None else days
    if target < unlimited.days:
        raise InputError("days", f"the retries alone take the campaign into day {unlimited.days}, with any lines")
    return Plan(need, _fewest(need, draws, target, unlimited), unlimited.days, needed=True)


def _fewest(need: Need, draws: Draws, days: int, unlimited: Run) -> Run:
    """By doubling from below, then by halving the interval."""
    enough, too_few = unlimited, 0
    lines = max(1, _lower_bound(need, unlimited, days))
    while lines < enough.lines:
        run = simulate(need, lines, draws, by_hour=False)
        if run.days <= days:
            enough = run
            break
        too_few = lines
        lines *= 2
    while enough.lines - too_few > 1 + enough.lines // 500:
        middle = (enough.lines + too_few) // 2
        run = simulate(need, middle, draws, by_hour=False)
        if run.days <= days:
            enough = run
        else:
            too_few = middle
    return simulate(need, enough.lines, draws)


def _lower_bound(need: Need, unlimited: Run, days: int) -> int:
    """Fewer lines than this could not even hold the calls one after the other."""
    held_s = sum(hour.lines for hour in unlimited.hours) * HOUR_S
    return int(held_s / (days * WindowHours(need.window).length_s))
