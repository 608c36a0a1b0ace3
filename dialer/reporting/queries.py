"""The report's numbers out of the ledger: a handful of aggregates, no row per order."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.domain.order import OrderState
from dialer.domain.outcome import Decision, Disposition
from dialer.ledger.board import REPLY_TIMES
from dialer.ledger.campaigns import get_campaign, unknown_campaign
from dialer.reporting.model import DueRetry, FunnelStep, Latency, Report

#: How many of the next due retries the report names.
NEXT_RETRIES: Final = 10

_STATES = text("SELECT state AS name, count(*) AS n FROM orders WHERE campaign_id = :campaign GROUP BY state")
_DECISIONS = text(
    """
    SELECT decision AS name, count(*) AS n FROM orders
    WHERE campaign_id = :campaign AND decision IS NOT NULL GROUP BY decision
    """
)
_SKIPS = text(
    """
    SELECT skip_reason AS name, count(*) AS n FROM orders
    WHERE campaign_id = :campaign AND state = 'skipped' GROUP BY skip_reason ORDER BY n DESC, skip_reason
    """
)
_FUNNEL = text(
    """
    SELECT number, disposition, count(*) AS n, count(decision) AS decided
    FROM attempts WHERE campaign_id = :campaign GROUP BY number, disposition ORDER BY number, disposition
    """
)
_TALK = text(
    """
    SELECT count(DISTINCT order_pk) FILTER (WHERE disposition IS DISTINCT FROM 'not_dialed') AS dialed,
        count(DISTINCT order_pk) FILTER (WHERE disposition IN ('answered', 'hung_up')) AS reached,
        coalesce(sum(talk_s), 0) AS total_s,
        avg(talk_s) FILTER (WHERE disposition IN ('answered', 'hung_up')) AS average_s,
        sum(CASE WHEN jsonb_typeof(artifacts -> 'cost_rub') = 'number'
            THEN CAST(artifacts ->> 'cost_rub' AS double precision) END) AS cost_rub
    FROM attempts WHERE campaign_id = :campaign
    """
)
_DELIVERIES = text(
    """
    SELECT count(*) FILTER (WHERE delivered_at IS NOT NULL) AS acknowledged,
        count(*) FILTER (WHERE dead_at IS NOT NULL) AS dead,
        count(*) FILTER (WHERE delivered_at IS NULL AND dead_at IS NULL) AS pending
    FROM outbox WHERE campaign_id = :campaign
    """
)
_RETRIES = text(
    """
    SELECT order_id, due_at, attempts FROM orders WHERE campaign_id = :campaign AND state = 'waiting'
    ORDER BY due_at, id LIMIT :count
    """
)
_SOURCES = text(
    """
    SELECT source.key, sum(CAST(source.value AS integer)) AS n
    FROM attempts, jsonb_each_text(artifacts -> 'sources') AS source
    WHERE campaign_id = :campaign AND jsonb_typeof(artifacts -> 'sources') = 'object'
    GROUP BY source.key ORDER BY n DESC, source.key
    """
)


async def ask_report(tx: AsyncConnection, campaign_name: str, now: datetime) -> Report:
    """All of it in the caller's transaction. Raises NotFoundError."""
    campaign = await get_campaign(tx, campaign_name)
    if campaign is None:
        raise await unknown_campaign(tx, campaign_name)
    values = {"campaign": campaign.id}
    talk = (await tx.execute(_TALK, values)).mappings().one()
    funnel, not_dialed = _funnel(await _all(tx, _FUNNEL, values))
    return Report(
        campaign=campaign.name,
        campaign_state=campaign.state,
        generated_at=now,
        timezone=campaign.plan.window.timezone,
        started_at=campaign.started_at,
        ended_at=campaign.ended_at,
        states=_complete(OrderState, await _all(tx, _STATES, values)),
        decisions=_complete(Decision, await _all(tx, _DECISIONS, values)),
        skip_reasons={row["name"]: row["n"] for row in await _all(tx, _SKIPS, values)},
        funnel=funnel,
        not_dialed=not_dialed,
        orders_dialed=talk["dialed"],
        orders_reached=talk["reached"],
        total_talk_s=round(talk["total_s"], 1),
        average_talk_s=None if talk["average_s"] is None else round(talk["average_s"], 1),
        deliveries=dict((await tx.execute(_DELIVERIES, values)).mappings().one()),
        retries=[DueRetry(**row) for row in await _all(tx, _RETRIES, values | {"count": NEXT_RETRIES})],
        sources={row["key"]: row["n"] for row in await _all(tx, _SOURCES, values)},
        latency={
            row["stage"]: Latency(row["turns"], round(row["p50_ms"], 1), round(row["p95_ms"], 1))
            for row in await _all(tx, REPLY_TIMES, values)
        },
        cost_rub=None if talk["cost_rub"] is None else round(talk["cost_rub"], 2),
    )


async def _all(tx: AsyncConnection, statement: Any, values: dict[str, Any]) -> list[RowMapping]:
    return list((await tx.execute(statement, values)).mappings())


def _complete(names: type[OrderState] | type[Decision], rows: list[RowMapping]) -> dict[str, int]:
    """Counts by name, with a zero for what did not occur."""
    return {name.value: 0 for name in names} | {row["name"]: row["n"] for row in rows}


def _funnel(rows: list[RowMapping]) -> tuple[list[FunnelStep], int]:
    """Steps by attempt number; and how many attempts were never dialed (they are in no step)."""
    by_number: dict[int, list[RowMapping]] = {}
    not_dialed = 0
    for row in rows:
        if row["disposition"] == Disposition.NOT_DIALED:
            not_dialed += row["n"]
        else:
            by_number.setdefault(row["number"], []).append(row)
    steps = [
        FunnelStep(
            number=number,
            attempts=sum(row["n"] for row in group),
            live=sum(row["n"] for row in group if row["disposition"] is None),
            decided=sum(row["decided"] for row in group if row["disposition"] is not None),
            dispositions={row["disposition"]: row["n"] for row in group if row["disposition"] is not None},
        )
        for number, group in sorted(by_number.items())
    ]
    return steps, not_dialed
