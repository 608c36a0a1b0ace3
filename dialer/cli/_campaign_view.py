"""A campaign for people: its plan in words, where its orders stand, and what happens next."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dialer.campaigns import coming_opening
from dialer.domain.campaign import CampaignPlan, CampaignState
from dialer.domain.order import OrderState
from dialer.domain.policy import CallingWindow
from dialer.ledger.campaigns import CampaignRow

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_STYLES = {CampaignState.RUNNING: "green", CampaignState.PAUSED: "yellow", CampaignState.STOPPED: "red"}


def show_campaign(
    console: Console,
    campaign: CampaignRow,
    counts: Mapping[OrderState, int] | None,
    now: datetime,
    *,
    with_plan: bool = True,
) -> None:
    """Print it; `counts` None: its orders are not of interest."""
    console.print(Text.assemble((campaign.name, "bold"), "  ", (campaign.state, _STYLES.get(campaign.state, "cyan"))))
    table = Table.grid(padding=(0, 3))
    for name, value in _plan_in_words(campaign.plan).items() if with_plan else ():
        table.add_row(Text(f"  {name}", style="dim"), Text(value))
    if counts is not None:
        table.add_row(Text("  orders", style="dim"), Text(_orders_in_words(counts)))
    if table.row_count:
        console.print(table)
    console.print(Text(what_happens_next(campaign, counts, now)))


def what_happens_next(campaign: CampaignRow, counts: Mapping[OrderState, int] | None, now: datetime) -> str:
    """What it waits for, or what to do to get it going."""
    name, opening = as_word(campaign.name), coming_opening(campaign, now)
    asleep = campaign.state in (CampaignState.DRAFT, CampaignState.FINISHED)
    if asleep and campaign.plan.window.is_over(now):
        return f"Its last day is over; to move it: dialer campaign change {name} --valid-until YYYY-MM-DD"
    if counts is not None and not sum(counts.values()):
        return f"It has no orders yet: dialer import FILE --campaign {name}"
    by_itself = "" if opening is None else f"Opens by itself {_moment(opening, campaign.plan.window)}. "
    if asleep:
        return f"{by_itself}To open it now: dialer campaign start {name}"
    if campaign.state is CampaignState.PAUSED:
        return f"Places no calls until: dialer campaign resume {name}"
    if campaign.state is CampaignState.STOPPED:
        return "It was stopped for good: what was left has been skipped."
    return _of_running(campaign, now)


def as_word(name: str) -> str:
    """A name as it is typed in a shell."""
    return name if re.fullmatch(r"[\w.-]+", name) else shlex.quote(name)


def _of_running(campaign: CampaignRow, now: datetime) -> str:
    window = campaign.plan.window
    if window.is_over(now):
        return "Its last day is over: what is left will not be called."
    if window.is_open(now):
        return "It is open and inside its calling window; workers call (`dialer up`, or your services)."
    return (
        f"Its calling window is closed in {window.timezone}, and opens {_moment(window.next_open(now), window)}. "
        "Customers elsewhere may be called sooner."
    )


def _plan_in_words(plan: CampaignPlan) -> dict[str, str]:
    window = plan.window
    hours = "the whole day" if window.start == window.end else f"{window.start:%H:%M} to {window.end:%H:%M}"
    pace = f", at most {plan.calls_per_second:g} new calls per second" if plan.calls_per_second else ""
    words = {
        "script": plan.script,
        "calls": f"{hours}, {_days(window.weekdays)}, in each customer's time ({window.timezone} if unknown)",
        "cron": "-" if plan.cron is None else f"{plan.cron}  ({window.timezone})",
        "lines": f"{plan.lines}{pace}",
        "retries after": ", ".join(_span(seconds) for seconds in plan.retry_countdowns_s) or "never",
        "time limits": f"rings {plan.ring_timeout_s:g} s, talks {plan.max_call_s:g} s",
        "caller id": plan.caller_id or "the trunk's own",
        "asks the shop": "before each call whether the order still needs one" if plan.check_order else "never",
    }
    if window.valid_from or window.valid_until:
        words["dates"] = f"{window.valid_from or '...'} to {window.valid_until or '...'}"
    return words


def _orders_in_words(counts: Mapping[OrderState, int]) -> str:
    present = [f"{count:,} {state}" for state, count in counts.items() if count]
    return f"{sum(counts.values()):,}" + (f" = {' + '.join(present)}" if present else "")


def _days(weekdays: tuple[int, ...]) -> str:
    days = tuple(sorted(set(weekdays)))
    known = {(1, 2, 3, 4, 5, 6, 7): "every day", (1, 2, 3, 4, 5): "Mon to Fri", (6, 7): "Sat and Sun"}
    return known.get(days) or ", ".join(_DAYS[day - 1] for day in days)


def _span(seconds: float) -> str:
    if seconds % 3600 == 0:
        return f"{seconds / 3600:g} h"
    return f"{seconds / 60:g} min" if seconds % 60 == 0 else f"{seconds:g} s"


def _moment(at: datetime, window: CallingWindow) -> str:
    zone = ZoneInfo(window.timezone)
    return f"{at.astimezone(zone):%a %d %b %H:%M} {window.timezone}"
