"""Provider health as call workers report it, and the back-pressure that follows from it.

While a provider is unhealthy at some worker, one call at a time is released in a tick; once every worker has been
without hearing or speech for `STOP_AFTER_S`, none. Workers probe what they have lost, so no call is needed to find
out that it is back. A report that is older than `FRESH_S` counts for nothing: its worker is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

#: Reports come every few seconds.
FRESH_S = 20.0
STOP_AFTER_S = 30.0
#: Calls released in a tick while a provider is unhealthy.
SLOW_LIMIT = 1
#: A call cannot do without these; without the language model it still has rules and keys.
ESSENTIAL = frozenset({"hearing", "speaking"})

_REPORT = text(
    """
    INSERT INTO providers AS p (worker, provider, healthy, since, reported_at)
    SELECT :worker, told.provider, told.healthy, :now, :now
    FROM unnest(CAST(:providers AS text[]), CAST(:healths AS boolean[])) AS told (provider, healthy)
    ON CONFLICT (worker, provider) DO UPDATE SET
        since = CASE WHEN p.healthy = excluded.healthy THEN p.since ELSE excluded.since END,
        healthy = excluded.healthy, reported_at = excluded.reported_at
    """
)
_FORGET = text("DELETE FROM providers WHERE reported_at < :before")
_STANDING = text(
    """
    SELECT provider, count(*) AS workers, count(*) FILTER (WHERE NOT healthy) AS unhealthy,
        min(since) FILTER (WHERE NOT healthy) AS first, max(since) FILTER (WHERE NOT healthy) AS last
    FROM providers WHERE reported_at >= :fresh GROUP BY provider ORDER BY provider
    """
)


class Flow(StrEnum):
    """What the dispatcher may do."""

    #: Everything is well, or nobody has reported yet.
    FULL = "full"
    #: A few calls only.
    SLOW = "slow"
    #: None: the bot cannot hear, or cannot speak.
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class ProviderStanding:
    """One provider over all workers that live: `unhealthy` of `workers` have lost it, the first at `since`."""

    provider: str
    workers: int
    unhealthy: int
    since: datetime | None
    flow: Flow


async def report(tx: AsyncConnection, worker: str, healths: Mapping[str, bool], now: datetime) -> None:
    """Write down how one worker's providers fare; reports of workers that are gone are dropped."""
    values = {"worker": worker, "now": now, "providers": list(healths), "healths": list(healths.values())}
    await tx.execute(_REPORT, values)
    await tx.execute(_FORGET, {"before": now - timedelta(hours=1)})


async def standings(tx: AsyncConnection, now: datetime) -> list[ProviderStanding]:
    """Every provider that some live worker uses."""
    rows = await tx.execute(_STANDING, {"fresh": now - timedelta(seconds=FRESH_S)})
    return [
        ProviderStanding(
            row.provider,
            row.workers,
            row.unhealthy,
            row.first,
            _flow(row.provider, row.workers, row.unhealthy, row.last, now),
        )
        for row in rows
    ]


def worst(all_of_them: list[ProviderStanding]) -> Flow:
    """What all of them together allow."""
    flows = {standing.flow for standing in all_of_them}
    return Flow.STOPPED if Flow.STOPPED in flows else Flow.SLOW if Flow.SLOW in flows else Flow.FULL


def release_limit(flow: Flow, limit: int | None) -> int | None:
    """How many attempts a tick may release; None without a limit."""
    most = {Flow.FULL: None, Flow.SLOW: SLOW_LIMIT, Flow.STOPPED: 0}[flow]
    if most is None or limit is None:
        return limit if most is None else most
    return min(most, limit)


def _flow(provider: str, workers: int, unhealthy: int, last: datetime | None, now: datetime) -> Flow:
    if not unhealthy or last is None:
        return Flow.FULL
    everywhere = unhealthy == workers and now - last >= timedelta(seconds=STOP_AFTER_S)
    return Flow.STOPPED if everywhere and provider in ESSENTIAL else Flow.SLOW
