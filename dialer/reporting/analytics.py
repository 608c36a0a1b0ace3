"""Which calls work: rates by hour, weekday, attempt number and region, reasons, sources, and what it all costs.

Rates have the report's denominators: answered of attempts, confirmed of decided.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from dialer.intake import harmless_cell
from dialer.reporting.model import rate

#: First and last hour that a picture of the day shows in any case.
_DAY: Final = (9, 20)


@dataclass(frozen=True, slots=True)
class Bucket:
    """Attempts that have something in common. `key` is an hour, an ISO weekday, an attempt number or a region."""

    key: str
    attempts: int = 0
    answered: int = 0
    decided: int = 0
    confirmed: int = 0

    @property
    def reach_rate(self) -> float | None:
        """Answered of attempts."""
        return rate(self.answered, self.attempts)

    @property
    def confirmation_rate(self) -> float | None:
        """Confirmed of decided."""
        return rate(self.confirmed, self.decided)

    def as_json(self) -> dict[str, Any]:
        """Counts and rates."""
        return {
            "key": self.key,
            "attempts": self.attempts,
            "answered": self.answered,
            "decided": self.decided,
            "confirmed": self.confirmed,
            "reach_rate": self.reach_rate,
            "confirmation_rate": self.confirmation_rate,
        }


@dataclass(frozen=True, slots=True)
class Cost:
    """Roubles in all, for the bot and for an operator who would have made the same calls."""

    bot_rub: float
    operator_rub: float
    attempts: int
    confirmed: int

    def per_call(self, total_rub: float) -> float | None:
        """Of every attempt."""
        return round(total_rub / self.attempts, 2) if self.attempts else None

    def per_confirmed(self, total_rub: float) -> float | None:
        """Of every confirmed order."""
        return round(total_rub / self.confirmed, 2) if self.confirmed else None

    @property
    def ratio(self) -> float | None:
        """How many times less the bot costs."""
        return round(self.operator_rub / self.bot_rub, 1) if self.bot_rub else None

    def as_json(self) -> dict[str, Any]:
        """Both sides."""
        sides = {"bot": self.bot_rub, "operator": self.operator_rub}
        figures: dict[str, Any] = {
            side: {
                "total_rub": round(total, 2),
                "per_call_rub": self.per_call(total),
                "per_confirmed_rub": self.per_confirmed(total),
            }
            for side, total in sides.items()
        }
        return figures | {"operator_to_bot": self.ratio}


@dataclass(frozen=True, slots=True)
class Analytics:
    """One campaign. Hours and weekdays are the customers' own; attempts that still live are left out."""

    campaign: str
    timezone: str
    hours: list[Bucket]
    weekdays: list[Bucket]
    numbers: list[Bucket]
    regions: list[Bucket]
    refusals: dict[str, int]
    operator_reasons: dict[str, int]
    sources: dict[str, int]
    average_talk_s: float | None
    cost: Cost

    @property
    def shown_hours(self) -> list[Bucket]:
        """The hours for a picture: a shop's day, and whatever lies outside of it and had calls."""
        busy = [int(bucket.key) for bucket in self.hours if bucket.attempts]
        first, last = min([_DAY[0], *busy]), max([_DAY[1], *busy])
        return [bucket for bucket in self.hours if first <= int(bucket.key) <= last]

    @property
    def groups(self) -> dict[str, list[Bucket]]:
        """All buckets by what they have in common."""
        return {"hour": self.hours, "weekday": self.weekdays, "attempt": self.numbers, "region": self.regions}

    @property
    def tallies(self) -> dict[str, dict[str, int]]:
        """All plain counts."""
        return {"refusal": self.refusals, "operator_reason": self.operator_reasons, "source": self.sources}

    def as_json(self) -> dict[str, Any]:
        """Everything, for programs."""
        return {
            "campaign": self.campaign,
            "timezone": self.timezone,
            "groups": {name: [bucket.as_json() for bucket in group] for name, group in self.groups.items()},
            **self.tallies,
            "average_talk_s": self.average_talk_s,
            "cost": self.cost.as_json(),
        }

    def as_csv(self) -> str:
        """One line per figure for Excel: semicolons, decimal commas."""
        out = io.StringIO()
        writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
        writer.writerow(["group", "key", "attempts", "answered", "decided", "confirmed", "value"])
        for line in self._lines():
            writer.writerow([harmless_cell(cell) for cell in line])
        return out.getvalue()

    def _lines(self) -> Iterator[list[str]]:
        for name, group in self.groups.items():
            for bucket in group:
                counts = (bucket.attempts, bucket.answered, bucket.decided, bucket.confirmed)
                yield [name, bucket.key, *(str(count) for count in counts), ""]
        figures: dict[tuple[str, str], float | None] = {
            (name, key): count for name, tally in self.tallies.items() for key, count in tally.items()
        }
        figures["talk", "average_s"] = self.average_talk_s
        for side in ("bot", "operator"):
            figures |= {(f"cost_{side}", key): value for key, value in self.cost.as_json()[side].items()}
        for (name, key), value in figures.items():
            yield [name, key, "", "", "", "", "" if value is None else str(value).replace(".", ",")]
