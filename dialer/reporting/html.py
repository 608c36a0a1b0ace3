"""`report.html`: one self-contained page in Russian, for a screen, a phone and paper.

The template is `config/reports/report.html.j2`; everything is escaped, nothing is loaded from elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

from dialer.errors import ConfigError
from dialer.reporting import words
from dialer.reporting.analytics import Analytics
from dialer.reporting.model import CONFIRMATION_GOAL, FunnelStep, OrderLine, Report
from dialer.reporting.names import skip_reason
from dialer.reporting.pictures import pictures_of
from dialer.settings import config_dir

TEMPLATE: Final = "report.html.j2"
#: The page lists this many orders; the CSV has all of them.
MAX_LISTED_ORDERS: Final = 1000
_NARROW_SPACE: Final = "\u202f"


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a bar: `share` is 0..100 of the bar's whole."""

    label: str
    tone: str
    count: int
    share: float


def render_html(
    report: Report, analytics: Analytics, orders: list[OrderLine], *, store_name: str, artifacts_base: str
) -> str:
    """The page. Raises ConfigError if the template is missing or wrong."""
    zone = ZoneInfo(report.timezone)
    live = sum(step.live for step in report.funnel)
    try:
        return (
            _environment(zone, artifacts_base)
            .get_template(TEMPLATE)
            .render(
                report=report,
                orders=orders,
                pictures=pictures_of(analytics),
                store_name=store_name,
                goal=CONFIRMATION_GOAL,
                words=words,
                state_bar=_bar(report.states, words.STATES),
                decision_bars=_bar(report.decisions, words.DECISIONS),
                funnel=[(step, _funnel_bar(step, report)) for step in report.funnel],
                disposition_bar=_bar(report.dispositions | {"live": live}, words.DISPOSITIONS),
                listed_all=len(orders) >= report.orders,
            )
        )
    except TemplateError as error:
        raise ConfigError(f"config/reports/{TEMPLATE}: {error}") from error


def _environment(zone: ZoneInfo, artifacts_base: str) -> Environment:
    folder = Path(config_dir()) / "reports"
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def local(moment: datetime | None, form: str = "%d.%m.%Y %H:%M") -> str:
        return "—" if moment is None else moment.astimezone(zone).strftime(form)

    def artifact(path: str) -> str:
        return quote(f"{artifacts_base}/{path}" if artifacts_base else path, safe="/")

    environment.filters.update(
        number=_number,
        percent=_percent,
        duration=_duration,
        local=local,
        artifact=artifact,
        rouble=_rouble,
        cost=_cost,
        decimal=_decimal,
    )
    environment.filters["skipped"] = lambda reason: skip_reason(reason, "ru")
    environment.globals["plural"] = words.plural
    return environment


def _bar(counts: Mapping[str, int], names: Mapping[str, tuple[str, str]], whole: int | None = None) -> list[Segment]:
    """Segments in the words' order; what did not occur is left out."""
    total = whole or sum(counts.values())
    known = {name: counts[name] for name in names if counts.get(name)}
    unknown = {name: count for name, count in counts.items() if count and name not in names}
    return [
        Segment(*names.get(name, (name, "grey")), count=count, share=round(100 * count / total, 2))
        for name, count in (known | unknown).items()
    ]


def _funnel_bar(step: FunnelStep, report: Report) -> list[Segment]:
    """One attempt number's ends; all bars share the widest step's scale."""
    widest = max(other.attempts for other in report.funnel)
    return _bar(step.dispositions | {"live": step.live}, words.DISPOSITIONS, whole=widest)


def _number(value: float) -> str:
    return f"{value:,}".replace(",", _NARROW_SPACE)


def _rouble(value: Any) -> str:
    whole, _, kopecks = str(value).partition(".")
    shown = _number(int(whole))
    return f"{shown}{_NARROW_SPACE}₽" if not kopecks.strip("0") else f"{shown},{kopecks}{_NARROW_SPACE}₽"


def _cost(roubles: float | None) -> str:
    return "—" if roubles is None else _rouble(f"{roubles:.2f}")


def _decimal(value: float) -> str:
    return f"{value:.1f}".replace(".", ",")


def _percent(share: float | None) -> str:
    return "—" if share is None else f"{100 * share:.1f}".replace(".", ",") + f"{_NARROW_SPACE}%"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "—"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{_NARROW_SPACE}с"
    if whole < 3600:
        return f"{whole // 60}{_NARROW_SPACE}мин {whole % 60:02d}{_NARROW_SPACE}с"
    return f"{_number(whole // 3600)}{_NARROW_SPACE}ч {whole % 3600 // 60:02d}{_NARROW_SPACE}мин"
