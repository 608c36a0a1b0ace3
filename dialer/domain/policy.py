"""When to call again: the retry ladder and the calling window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dialer.domain.outcome import UNCOUNTED, Disposition, Outcome

#: Pause before an attempt that failed by the trunk's fault is released again.
TRUNK_BACKOFF_S = 60.0


@dataclass(frozen=True, slots=True)
class CallingWindow:
    """The hours of a day in which a customer may be called, in the customer's own time zone.

    `start` is inclusive, `end` exclusive; equal values mean the whole day. `weekdays` are ISO numbers (Monday is 1).
    `valid_from` and `valid_until` are the first and the last day of calling; None: no bound.
    """

    start: time = time(10, 0)
    end: time = time(21, 0)
    timezone: str = "Europe/Moscow"
    weekdays: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)
    valid_from: date | None = None
    valid_until: date | None = None

    def is_open(self, at: datetime, timezone: str | None = None) -> bool:
        """Whether a call may be placed at the aware instant `at`."""
        local = at.astimezone(ZoneInfo(timezone or self.timezone))
        if local.isoweekday() not in self.weekdays:
            return False
        if not (self.valid_from or date.min) <= local.date() <= (self.valid_until or date.max):
            return False
        return self.start == self.end or self.start <= local.time() < self.end

    def is_over(self, at: datetime, timezone: str | None = None) -> bool:
        """Whether the window never opens at `at` or later: its last day is over."""
        if self.valid_until is None:
            return False
        zone = ZoneInfo(timezone or self.timezone)
        return self.next_open(at, timezone).astimezone(zone).date() > self.valid_until

    def closes_after(self, at: datetime, timezone: str | None = None) -> datetime:
        """When the window that is open at `at`, or else the next one, closes; one of a whole day closes at midnight."""
        zone = ZoneInfo(timezone or self.timezone)
        day = self.next_open(at, timezone).astimezone(zone).date()
        whole_day = self.start == self.end
        closing = datetime.combine(
            day + timedelta(days=int(whole_day)), time(0, 0) if whole_day else self.end, tzinfo=zone
        )
        return closing.astimezone(at.tzinfo)

    def next_open(self, at: datetime, timezone: str | None = None) -> datetime:
        """The first instant not before `at` at which the window is open, in `at`'s own time zone.

        After the last day (see `is_over`) it is the time at which the window would open if there were no last day.
        """
        if self.is_open(at, timezone):
            return at
        zone = ZoneInfo(timezone or self.timezone)
        first = max(at.astimezone(zone).date(), self.valid_from or date.min)
        for days in range(9):
            day = first + timedelta(days=days)
            if day.isoweekday() not in self.weekdays:
                continue
            start = time(0, 0) if self.start == self.end else self.start
            opening = datetime.combine(day, start, tzinfo=zone)
            if opening >= at:
                return opening.astimezone(at.tzinfo)
        raise ValueError("a calling window needs at least one weekday")


@dataclass(frozen=True, slots=True)
class Decided:
    """The order is finished: the customer decided."""


@dataclass(frozen=True, slots=True)
class CallAgain:
    """The order waits until `due_at`."""

    due_at: datetime


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The order is finished: the customer cannot be reached."""


@dataclass(frozen=True, slots=True)
class Skip:
    """The order is finished without a call: the shop settled it meanwhile, or it must not be called."""

    reason: str


NextStep = Decided | CallAgain | GiveUp | Skip


def next_step(
    outcome: Outcome,
    *,
    attempt_number: int,
    now: datetime,
    countdowns_s: tuple[float, ...],
    window: CallingWindow,
    timezone: str | None = None,
    time_scale: float = 1.0,
) -> NextStep:
    """What follows an attempt: the retry ladder of the design.

    `attempt_number` counts from 1 and includes the attempt that has just ended. `time_scale` divides every
    countdown (demos); the window is never scaled. A due time outside the window moves to its next opening; after the
    window's last day there is none, and the order is given up.
    """
    if outcome.decision is not None:
        return Decided()
    if outcome.disposition is Disposition.INVALID_NUMBER:
        return GiveUp()
    if outcome.disposition in UNCOUNTED:
        delay_s = TRUNK_BACKOFF_S if outcome.disposition is Disposition.TRUNK_FAILURE else 0.0
    elif attempt_number > len(countdowns_s):
        return GiveUp()
    elif outcome.call_later_s is not None:
        delay_s = outcome.call_later_s
    else:
        delay_s = countdowns_s[attempt_number - 1]
    due = now + timedelta(seconds=delay_s / time_scale)
    if window.is_over(due, timezone):
        return Skip("expired") if outcome.disposition in UNCOUNTED else GiveUp()
    return CallAgain(window.next_open(due, timezone))
