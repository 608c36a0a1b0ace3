"""The analytics' numbers out of the ledger."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any, Final

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.domain.outcome import CONFIRMING, Decision
from dialer.ledger.campaigns import get_campaign, unknown_campaign
from dialer.reporting.analytics import Analytics, Bucket, Cost
from dialer.reporting.operator_cost import OperatorPrices
from dialer.reporting.refusals import reason_in_transcript
from dialer.reporting.regions import PREFIX_CHARS, region_of

#: Refusals whose transcripts are read; the latest ones.
MAX_REFUSALS: Final = 1000
_NOT_SAID: Final = "unread"

_LOCAL = "coalesce(a.claimed_at, a.published_at) AT TIME ZONE coalesce(nullif(o.timezone, ''), :zone)"
_KEYS: Final = {
    "hour": f"CAST(extract(hour FROM {_LOCAL}) AS text)",
    "weekday": f"CAST(extract(isodow FROM {_LOCAL}) AS text)",
    "attempt": "CAST(a.number AS text)",
    "region": f"o.timezone || ' ' || left(o.phone, {PREFIX_CHARS})",
}


def _grouped(key: str) -> str:
    confirming = ", ".join(f"'{decision}'" for decision in sorted(CONFIRMING))
    return f"""
        SELECT {key} AS key, count(*) AS attempts,
            count(*) FILTER (WHERE a.disposition IN ('answered', 'hung_up')) AS answered,
            count(a.decision) AS decided, count(*) FILTER (WHERE a.decision IN ({confirming})) AS confirmed
        FROM attempts a JOIN orders o ON o.id = a.order_pk
        WHERE a.campaign_id = :campaign AND a.disposition <> 'not_dialed' AND CAST(:zone AS text) IS NOT NULL
        GROUP BY 1
    """  # noqa: S608 - made of the constants above


_TALK = text(
    """
    SELECT count(*) FILTER (WHERE disposition <> 'not_dialed') AS dials,
        count(*) FILTER (WHERE disposition IN ('answered', 'hung_up')) AS talks,
        coalesce(sum(talk_s), 0) AS talk_s,
        avg(talk_s) FILTER (WHERE disposition IN ('answered', 'hung_up')) AS average_s,
        coalesce(sum(recorded.rub), 0) AS recorded_rub,
        coalesce(sum(talk_s) FILTER (WHERE recorded.rub IS NULL), 0) AS unrecorded_talk_s
    FROM attempts, LATERAL (SELECT CASE WHEN jsonb_typeof(artifacts -> 'cost_rub') = 'number'
        THEN CAST(artifacts ->> 'cost_rub' AS double precision) END AS rub) AS recorded
    WHERE campaign_id = :campaign
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
_OPERATOR = text(
    """
    SELECT coalesce(data ->> 'reason', 'unknown') AS key, count(*) AS n FROM attempts
    WHERE campaign_id = :campaign AND decision = 'needs_operator' GROUP BY 1 ORDER BY n DESC, key
    """
)
_REFUSALS = text(
    """
    SELECT artifacts ->> 'refusal' AS refusal, artifacts ->> 'transcript' AS transcript FROM attempts
    WHERE campaign_id = :campaign AND decision = :cancelled ORDER BY ended_at DESC LIMIT :limit
    """
)


async def ask_analytics(
    tx: AsyncConnection, campaign_name: str, *, prices: OperatorPrices, home: Path, language: str = "ru"
) -> Analytics:
    """All of it. `home` is where the transcripts' paths begin. Raises NotFoundError."""
    campaign = await get_campaign(tx, campaign_name)
    if campaign is None:
        raise await unknown_campaign(tx, campaign_name)
    values = {"campaign": campaign.id, "zone": campaign.plan.window.timezone}
    found = {name: [_bucket(row) for row in await _all(tx, _grouped(key), values)] for name, key in _KEYS.items()}
    sources = {row["key"]: int(row["n"]) for row in await _all(tx, _SOURCES, {"campaign": campaign.id})}
    talk = (await _all(tx, _TALK, {"campaign": campaign.id}))[0]
    return Analytics(
        campaign=campaign.name,
        timezone=campaign.plan.window.timezone,
        hours=_complete(found["hour"], range(24)),
        weekdays=_complete(found["weekday"], range(1, 8)),
        numbers=sorted(found["attempt"], key=lambda bucket: int(bucket.key)),
        regions=_by_region(found["region"], language),
        refusals=await _refusals(tx, campaign.id, home),
        operator_reasons={row["key"]: row["n"] for row in await _all(tx, _OPERATOR, {"campaign": campaign.id})},
        sources=sources,
        average_talk_s=None if talk["average_s"] is None else round(talk["average_s"], 1),
        cost=_cost(talk, prices, confirmed=sum(bucket.confirmed for bucket in found["attempt"])),
    )


def _cost(talk: RowMapping, prices: OperatorPrices, *, confirmed: int) -> Cost:
    talk_s = float(talk["talk_s"])
    return Cost(
        bot_rub=talk["recorded_rub"] + prices.trunk_rub(talk["unrecorded_talk_s"]),
        operator_rub=prices.cost_rub(dials=talk["dials"], talks=talk["talks"], talk_s=talk_s),
        attempts=talk["dials"],
        confirmed=confirmed,
    )


async def _refusals(tx: AsyncConnection, campaign_id: int, home: Path) -> dict[str, int]:
    """Reasons of the cancelled orders: as the purge has kept them, else read from the transcripts."""
    values = {"campaign": campaign_id, "cancelled": Decision.CANCELLED, "limit": MAX_REFUSALS}
    rows = await _all(tx, _REFUSALS, values)

    def read() -> Counter[str]:
        return Counter(row["refusal"] or _read_reason(home, row["transcript"]) for row in rows)

    counted = await asyncio.to_thread(read)
    return {name: count for name, count in counted.most_common() if name != _NOT_SAID}


def _read_reason(home: Path, transcript: str | None) -> str:
    return (reason_in_transcript(home / transcript) if transcript else None) or _NOT_SAID


def _by_region(prefixes: list[Bucket], language: str) -> list[Bucket]:
    """Zones and number prefixes become regions, the busiest first."""
    regions: dict[str, Bucket] = {}
    for part in prefixes:
        timezone, _, prefix = part.key.rpartition(" ")
        name = region_of(timezone, prefix, language)
        known = regions.get(name, Bucket(name))
        regions[name] = Bucket(
            name,
            known.attempts + part.attempts,
            known.answered + part.answered,
            known.decided + part.decided,
            known.confirmed + part.confirmed,
        )
    return sorted(regions.values(), key=lambda bucket: (-bucket.attempts, bucket.key))


def _bucket(row: RowMapping) -> Bucket:
    return Bucket(**{name: row[name] for name in Bucket.__slots__})


def _complete(found: list[Bucket], keys: range) -> list[Bucket]:
    """A bucket for every key, in order."""
    known = {bucket.key: bucket for bucket in found}
    return [known.get(str(key), Bucket(str(key))) for key in keys]


async def _all(tx: AsyncConnection, statement: Any, values: dict[str, Any]) -> list[RowMapping]:
    asked = text(statement) if isinstance(statement, str) else statement
    return list((await tx.execute(asked, values)).mappings())
