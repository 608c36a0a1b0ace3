"""The analytics' part of `report.html`: charts, and counts with Russian names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from dialer.reporting import charts
from dialer.reporting.analytics import Analytics, Bucket, Cost
from dialer.reporting.charts import Column
from dialer.reporting.model import CONFIRMATION_GOAL
from dialer.reporting.names import REASONS, SOURCES, WEEKDAYS, Words, region_name

#: Regions beyond these are in the CSV of the analytics.
_SHOWN_REGIONS: Final = 12
_PAGE, _HALF = 1100, 440


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a list: `share` (0..100) of the whole, and of that `part` in a stronger colour."""

    label: str
    tone: str
    count: int
    share: float
    part: float = 0.0
    bucket: Bucket | None = None


@dataclass(frozen=True, slots=True)
class Pictures:
    """What the template shows."""

    hours: Markup
    weekdays: Markup
    numbers: Markup
    regions: list[Row]
    refusals: list[Row]
    operator_reasons: list[Row]
    sources: list[Row]
    cost: Cost
    attempts: int


def pictures_of(found: Analytics) -> Pictures:
    """Charts and lists of a campaign's analytics."""
    weekdays = WEEKDAYS["ru"]
    return Pictures(
        hours=_columns("По часам", found.shown_hours, lambda bucket: bucket.key, _PAGE),
        weekdays=_columns("По дням недели", found.weekdays, lambda bucket: weekdays[int(bucket.key) - 1], _HALF),
        numbers=_columns("По номеру звонка", found.numbers, lambda bucket: bucket.key, _HALF),
        regions=_regions(found.regions),
        refusals=_tally(found.refusals, REASONS),
        operator_reasons=_tally(found.operator_reasons, REASONS),
        sources=_tally(found.sources, SOURCES),
        cost=found.cost,
        attempts=sum(bucket.attempts for bucket in found.numbers),
    )


def _columns(title: str, buckets: Sequence[Bucket], name: Callable[[Bucket], str], width: int) -> Markup:
    items = [
        Column(name(bucket), bucket.answered, bucket.attempts, _said(name(bucket), bucket), bucket.confirmation_rate)
        for bucket in buckets
    ]
    spoken = f"{title}: " + "; ".join(item.title for item in items if item.whole)
    return charts.columns(items, spoken, CONFIRMATION_GOAL, width=width)


def _said(label: str, bucket: Bucket) -> str:
    return (
        f"{label}: звонков {bucket.attempts}, отвечено {bucket.answered}, "
        f"подтверждено {bucket.confirmed} из {bucket.decided}"
    )


def _regions(regions: Sequence[Bucket]) -> list[Row]:
    most = max((bucket.attempts for bucket in regions), default=1)
    return [
        Row(
            region_name(bucket.key, "ru"),
            "live2",
            bucket.attempts,
            share=round(100 * bucket.attempts / most, 2),
            part=round(100 * bucket.answered / most, 2),
            bucket=bucket,
        )
        for bucket in regions[:_SHOWN_REGIONS]
    ]


def _tally(counts: Mapping[str, int], names: Words) -> list[Row]:
    whole = sum(counts.values())
    return [
        Row(*_name(name, names), count=count, share=round(100 * count / whole, 2))
        for name, count in counts.items()
        if count
    ]


def _name(name: str, names: Words) -> tuple[str, str]:
    russian, _, tone = names.get(name, (name, name, "grey"))
    return russian, tone
