"""What a plan must look like, and when its cron opens it.

Cron times are looked for on the clock on the wall and only then become instants. In the night that has an hour twice,
a time within that hour counts once (the first pass); in the night that lacks an hour, a time within it comes that
much later. So every night has its one opening.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import CroniterBadDateError, croniter

from dialer.conversation.script import load_script
from dialer.domain.campaign import CampaignPlan, CampaignState
from dialer.errors import ConfigError, InputError
from dialer.ledger.campaigns import CampaignRow
from dialer.settings import config_dir

CRON_FORM: Final = "must be minute, hour, day, month and weekday as cron has them, such as '0 22 * * 1-5'"
CALLER_ID_FORM: Final = "must be a number such as +74951234567"
NAME_FORM: Final = "must be words with single blanks between them and without slashes, and not . or .."
_NAME: Final = re.compile(r"(?!\.{1,2}$)[^\x00-\x1f\x7f/\s]+( [^\x00-\x1f\x7f/\s]+)*")


def check_name(name: str, field: str = "name") -> None:
    """A name that addresses of the API and the watched folder can hold. Raises InputError."""
    _demand(bool(name.strip()), field, "must not be empty")
    _demand(len(name) <= 100, field, "must not be longer than 100 characters")
    _demand(_NAME.fullmatch(name) is not None, field, NAME_FORM)


def check_plan(plan: CampaignPlan) -> None:
    """All of it but the name. Raises InputError naming the first setting that makes no sense."""
    window = plan.window
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
    if window.valid_from is not None and window.valid_until is not None:
        _demand(window.valid_from <= window.valid_until, "valid_until", "must not lie before valid_from")
    if plan.cron is not None:
        well_formed = len(plan.cron.split()) == 5 and croniter.is_valid(plan.cron)
        _demand(well_formed and _ever_comes(plan.cron), "cron", CRON_FORM)
    if plan.caller_id is not None:
        _demand(re.fullmatch(r"\+?[0-9]{2,15}", plan.caller_id) is not None, "caller_id", CALLER_ID_FORM)


def check_script(name: str) -> None:
    """Nobody should learn at the first call that a script is missing, or has a slip in it. Raises InputError."""
    try:
        load_script(config_dir() / "scripts", name)
    except ConfigError as error:
        raise InputError("script", f"{name!r} cannot be used; `dialer doctor` says why") from error


def _ever_comes(cron: str) -> bool:
    """False for dates that no year has, such as 30 February."""
    try:
        croniter(cron, datetime(2028, 1, 1), datetime).get_next()  # noqa: DTZ001 - the clock on the wall
    except CroniterBadDateError:
        return False
    return True


def _demand(holds: bool, field: str, reason: str) -> None:
    if not holds:
        raise InputError(field, reason)


def last_opening(plan: CampaignPlan, now: datetime) -> datetime | None:
    """The latest cron time not after `now`, in UTC; None without a cron, or if it is none of the plan's days."""
    if plan.cron is None:
        return None
    zone = ZoneInfo(plan.window.timezone)
    local = now.astimezone(zone)
    # In an hour's second pass its end has been on the wall already. croniter looks strictly before its start.
    ahead = timedelta(hours=2 if local.fold else 0, seconds=1)
    times = croniter(plan.cron, local.replace(tzinfo=None, fold=0) + ahead, datetime)
    opening = _instant(times.get_prev(), zone)
    while opening > now:
        opening = _instant(times.get_prev(), zone)
    too_early = plan.window.valid_from is not None and opening.astimezone(zone).date() < plan.window.valid_from
    return None if too_early or plan.window.is_over(opening) else opening


def next_opening(plan: CampaignPlan, now: datetime) -> datetime | None:
    """The first cron time after `now`, in UTC; None without a cron or when it comes after the plan's last day."""
    if plan.cron is None:
        return None
    zone = ZoneInfo(plan.window.timezone)
    start = now.astimezone(zone)
    if plan.window.valid_from is not None and start.date() < plan.window.valid_from:
        start = datetime.combine(plan.window.valid_from, datetime.min.time(), tzinfo=zone) - timedelta(seconds=1)
    times = croniter(plan.cron, start.replace(tzinfo=None, fold=0) - timedelta(hours=2), datetime)
    opening = _instant(times.get_next(), zone)
    while opening <= max(now, start):
        opening = _instant(times.get_next(), zone)
    return None if plan.window.is_over(opening) else opening


def coming_opening(campaign: CampaignRow, now: datetime) -> datetime | None:
    """When its cron opens this campaign next, in its own time zone; None if it will not."""
    opening = None if campaign.state is CampaignState.STOPPED else next_opening(campaign.plan, now)
    return None if opening is None else opening.astimezone(ZoneInfo(campaign.plan.window.timezone))


def _instant(wall: datetime, zone: ZoneInfo) -> datetime:
    return wall.replace(tzinfo=zone).astimezone(UTC)


def is_session_open(plan: CampaignPlan, opened_at: datetime | None, now: datetime) -> bool:
    """Whether the calling window that the opening at `opened_at` opened, or waits for, has not closed by `now`."""
    return opened_at is not None and now < plan.window.closes_after(opened_at)
