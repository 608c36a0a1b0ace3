"""Figures for monitoring, over all campaigns: asked at every scrape, so each is one aggregate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.domain.campaign import CampaignState
from dialer.ledger.campaigns import CampaignRow, list_campaigns
from dialer.ledger.providers import ProviderStanding, standings
from dialer.ledger.tables import LIVE_SQL, RELEASABLE_SQL
from dialer.ledger.trunks import BREAKER_THRESHOLD

_ATTEMPTS = text(
    """
    SELECT campaign_id, coalesce(disposition, 'live') AS name, count(*) AS n, sum(talk_s) AS talk_s
    FROM attempts GROUP BY campaign_id, disposition
    """
)
_DECISIONS = text(
    "SELECT campaign_id, decision AS name, count(*) AS n FROM orders WHERE decision IS NOT NULL "
    "GROUP BY campaign_id, decision"
)
_STATES = text("SELECT campaign_id, state AS name, count(*) AS n FROM orders GROUP BY campaign_id, state")
_LINES = text(
    f"SELECT campaign_id, count(*) AS n FROM orders WHERE state IN {LIVE_SQL} GROUP BY campaign_id"  # noqa: S608
)
_DUE = text(
    f"""
    SELECT o.campaign_id, o.timezone, count(*) AS n, min(o.due_at) AS oldest
    FROM orders o JOIN campaigns c ON c.id = o.campaign_id AND c.state = 'running'
    WHERE o.state IN {RELEASABLE_SQL} AND o.due_at <= :now GROUP BY o.campaign_id, o.timezone
    """  # noqa: S608
)
_UNCLAIMED = text(
    "SELECT count(*) AS n, min(published_at) AS oldest FROM attempts WHERE ended_at IS NULL AND claimed_at IS NULL"
)
_OUTBOX = text(
    """
    SELECT (SELECT count(*) FROM outbox WHERE delivered_at IS NULL AND dead_at IS NULL) AS pending,
        (SELECT min(created_at) FROM outbox WHERE delivered_at IS NULL AND dead_at IS NULL) AS oldest,
        (SELECT count(*) FROM outbox WHERE dead_at IS NOT NULL) AS dead
    """
)
_TRUNKS = text(
    "SELECT name, failures, coalesce(paused_until > :now, false) AS paused, paused_until FROM trunks ORDER BY name"
)
_LATENCY = text(
    """
    SELECT stage.key AS stage, count(*) AS n, sum(CAST(turn.value AS double precision)) / 1000 AS total_s,
        -- Whole milliseconds; half a one less, because Prometheus counts a value equal to the bound below it.
        width_bucket((CAST(turn.value AS double precision) - 0.5) / 1000, CAST(:bounds AS float8[])) AS bucket
    FROM attempts, jsonb_each(artifacts -> 'latency_ms') AS stage, jsonb_array_elements_text(stage.value) AS turn
    WHERE jsonb_typeof(artifacts -> 'latency_ms') = 'object'
        AND ended_at > CAST(:since AS timestamptz) AND ended_at <= CAST(:until AS timestamptz)
    GROUP BY stage.key, bucket
    """
)


@dataclass(frozen=True, slots=True)
class Trunk:
    """One Asterisk node's trunk: how many failures in a row, and until when it is left alone."""

    name: str
    failures: int
    paused: bool
    paused_until: datetime | None

    @property
    def breaker(self) -> str:
        """closed | half_open | open."""
        if self.paused:
            return "open"
        return "half_open" if self.failures >= BREAKER_THRESHOLD else "closed"


@dataclass(frozen=True, slots=True)
class Due:
    """Orders of a running campaign that could be dialed now, and since when the first one could."""

    orders: int = 0
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Gauges:
    """One moment. Dictionaries go by (campaign's id, name) or by campaign's id."""

    now: datetime
    campaigns: list[CampaignRow]
    attempts: dict[tuple[int, str], int]
    talk_s: dict[int, float]
    decisions: dict[tuple[int, str], int]
    states: dict[tuple[int, str], int]
    lines_in_use: dict[int, int]
    due: dict[int, Due]
    unclaimed: Due
    outbox_pending: int
    outbox_oldest: datetime | None
    outbox_dead: int
    trunks: list[Trunk] = field(default_factory=list)
    providers: list[ProviderStanding] = field(default_factory=list)


async def read_gauges(tx: AsyncConnection, now: datetime) -> Gauges:
    """All of it but the latencies."""
    campaigns = await list_campaigns(tx)
    attempts = await _rows(tx, _ATTEMPTS)
    outbox = (await _rows(tx, _OUTBOX))[0]
    unclaimed = (await _rows(tx, _UNCLAIMED))[0]
    talk_s: dict[int, float] = {}
    for row in attempts:
        talk_s[row["campaign_id"]] = talk_s.get(row["campaign_id"], 0.0) + row["talk_s"]
    return Gauges(
        now=now,
        campaigns=campaigns,
        attempts=_by_name(attempts),
        talk_s=talk_s,
        decisions=_by_name(await _rows(tx, _DECISIONS)),
        states=_by_name(await _rows(tx, _STATES)),
        lines_in_use={row["campaign_id"]: row["n"] for row in await _rows(tx, _LINES)},
        due=await read_due(tx, campaigns, now),
        unclaimed=Due(unclaimed["n"], unclaimed["oldest"]),
        outbox_pending=outbox["pending"],
        outbox_oldest=outbox["oldest"],
        outbox_dead=outbox["dead"],
        trunks=await read_trunks(tx, now),
        providers=await standings(tx, now),
    )


async def read_due(tx: AsyncConnection, campaigns: Sequence[CampaignRow], now: datetime) -> dict[int, Due]:
    """What running campaigns could dial now: due, and inside the customers' window."""
    running = {row.id: row for row in campaigns if row.state is CampaignState.RUNNING}
    due: dict[int, Due] = {}
    for row in await _rows(tx, _DUE, {"now": now}):
        campaign = running.get(row["campaign_id"])
        if campaign is None or not campaign.plan.window.is_open(now, row["timezone"] or None):
            continue
        since = max(row["oldest"], _callable_since(campaign, row["timezone"], now))
        before = due.get(campaign.id, Due())
        due[campaign.id] = Due(before.orders + row["n"], min(before.oldest or since, since))
    return due


def _callable_since(campaign: CampaignRow, timezone: str, now: datetime) -> datetime:
    """Since when the campaign has run and the window, open at `now`, has been open."""
    window = campaign.plan.window
    started_at = campaign.started_at or campaign.created_at
    if window.start == window.end:
        return started_at
    local = now.astimezone(ZoneInfo(timezone or window.timezone))
    return max(started_at, datetime.combine(local.date(), window.start, tzinfo=local.tzinfo))


async def read_trunks(tx: AsyncConnection, now: datetime) -> list[Trunk]:
    """Trunks that have failed at least once."""
    return [Trunk(**row) for row in await _rows(tx, _TRUNKS, {"now": now})]


@dataclass(frozen=True, slots=True)
class LatencyBucket:
    """Replies of one stage whose time fell between `bounds[bucket - 1]` and `bounds[bucket]` (seconds)."""

    stage: str
    bucket: int
    n: int
    total_s: float


async def read_latency(
    tx: AsyncConnection, bounds: Sequence[float], *, since: datetime, until: datetime
) -> list[LatencyBucket]:
    """Latencies of the attempts that ended after `since` and not after `until`."""
    rows = await _rows(tx, _LATENCY, {"bounds": list(bounds), "since": since, "until": until})
    return [LatencyBucket(**row) for row in rows]


async def _rows(tx: AsyncConnection, statement: Any, values: dict[str, Any] | None = None) -> list[RowMapping]:
    return list((await tx.execute(statement, values or {})).mappings())


def _by_name(rows: list[RowMapping]) -> dict[tuple[int, str], int]:
    return {(row["campaign_id"], row["name"]): row["n"] for row in rows}
