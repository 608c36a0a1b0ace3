"""What options take: times of day, days, lists of numbers."""

from __future__ import annotations

from datetime import date, time
from typing import Any

import click

#: Stands for an empty day, as options without a value are None.
NO_DAY = date.min


class TimeOfDay(click.ParamType[time]):
    """`10:00` or `10`."""

    name = "HH:MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> time:
        if isinstance(value, time):
            return value
        hours, _, minutes = str(value).partition(":")
        try:
            return time(int(hours), int(minutes or 0))
        except ValueError:
            self.fail(f"{value!r} is not a time such as 10:00", param, ctx)


class Day(click.ParamType[date]):
    """`2026-11-25`; empty for none."""

    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(str(value)) if value else NO_DAY
        except ValueError:
            self.fail(f"{value!r} is not a day such as 2026-11-25", param, ctx)


class Numbers(click.ParamType[tuple[float, ...]]):
    """`1800,7200,14400`; empty for none."""

    name = "N,N,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(float(part) for part in str(value).split(",") if part.strip())
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers with commas between them", param, ctx)


class TimeRange(click.ParamType[tuple[time, time]]):
    """`10:00-21:00`; equal times mean the whole day."""

    name = "HH:MM-HH:MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[time, time]:
        if isinstance(value, tuple):
            return value
        start, dash, end = str(value).partition("-")
        if not dash:
            self.fail(f"{value!r} is not a range such as 10:00-21:00", param, ctx)
        return TimeOfDay().convert(start, param, ctx), TimeOfDay().convert(end, param, ctx)
