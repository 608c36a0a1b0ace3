"""This machine's clock against somebody else's: calls go out by it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp

from dialer.doctor.finding import Finding, failed, ok, warning

_TIMEOUT_S = 5.0
#: `Date` has whole seconds, and the answer takes its time.
_WARNING_S, _FAILED_S = 5.0, 120.0


def _now() -> datetime:
    return datetime.now(UTC)


async def check_clock(url: str | None, now: Callable[[], datetime] = _now) -> list[Finding]:
    """Compare with the `Date` of a server's answer, whichever it is (RFC 9110, 6.6.1). No server, no finding."""
    if not url:
        return []
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.head(url) as answer:
            theirs = parsedate_to_datetime(answer.headers["Date"])
    except (aiohttp.ClientError, OSError, TimeoutError, KeyError, ValueError):
        return []  # Whether it can be reached is another check's question.
    skew_s = abs((now() - theirs.astimezone(UTC)).total_seconds())
    message = f"this machine's clock and that of {url} differ by {skew_s:.0f} s"
    advice = "Customers would be called at wrong hours: let this machine keep time by NTP (timedatectl)."
    if skew_s > _FAILED_S:
        return [failed("clock", message, advice)]
    return [warning("clock", message, advice) if skew_s > _WARNING_S else ok("clock", message)]
