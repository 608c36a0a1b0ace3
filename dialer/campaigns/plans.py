"""What a plan must look like, and when its cron opens it."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import croniter

from dialer.domain.campaign import CampaignPlan
from dialer.errors import InputError


def check_plan(plan: CampaignPlan) -> None:
    """Raises InputError naming the first setting that makes no sense."""
    window = plan.window
    _demand(bool(plan.name.strip()), "name", "must not be empty")
    _demand(1 <= plan.lines <= 100_000, "lines", "must be 1 to 100000")
    _demand(plan.calls_per_second >= 0, "calls_per_second", "must not be negative")
    _demand(5 <= plan.ring_timeout_s <= 120, "ring_timeout_s", "must be 5 to 120 seconds")
    _demand(10 <= plan.max_call_s <= 3600, "max_call_s", "must be 10 to 3600 seconds")
    _demand(len(plan.retry_countdowns_s) <= 20, "retry_countdowns_s", "at most 20 retries")
    _demand(all(countdown > 0 for countdown in plan.retry_countdowns_s), "retry_countdowns_s", "must be positive")
    _demand(window.start <= window.end, "window", "must not end before it starts (equal times: the whole day)")
    days_known = set(window.weekdays) <= set(range(1, 8))
    _demand(bool(window.weekdays) and days_known, "weekdays", "name at least one of 1 (Monday) to 7")
    try:
        ZoneInfo(window.timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InputError("timezone", f"no such time zone: {window.timezone!r}") from error
    if plan.cron is not None:
        well_formed = len(plan.cron.split()) == 5 and croniter.is_valid(plan.cron)
        _demand(well_formed, "cron", "must be five fields such as '0 22 * * *'")


def _demand(holds: bool, field: str, reason: str) -> None:
    if not holds:
        raise InputError(field, reason)


def last_opening(plan: CampaignPlan, now: datetime) -> datetime | None:
    """The latest cron time not after `now`, in the campaign's time zone; None without a cron."""
    if plan.cron is None:
        return None
    # croniter looks strictly before its start, to the second.
    local = now.astimezone(ZoneInfo(plan.window.timezone)) + timedelta(seconds=1)
    previous: datetime = croniter(plan.cron, local).get_prev(datetime)
    return previous
