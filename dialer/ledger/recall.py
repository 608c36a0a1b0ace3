"""Taking orders back: when a campaign is paused or stopped, and when it has nothing left to do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.ledger.tables import LIVE_SQL, RELEASABLE_SQL

_RECALL = text(
    """
    WITH ended AS (
        UPDATE attempts SET ended_at = :now, disposition = 'not_dialed', counted = false
        WHERE campaign_id = :campaign AND claimed_at IS NULL AND ended_at IS NULL RETURNING order_pk
    )
    UPDATE orders o SET state = 'waiting', due_at = :now, disposition = 'not_dialed' FROM ended
    WHERE o.id = ended.order_pk
    """
)
_SKIP_REMAINING = text(
    f"""
    UPDATE orders SET state = 'skipped', skip_reason = :reason, ended_at = :now WHERE id IN (
        SELECT id FROM orders WHERE campaign_id = :campaign AND state IN {RELEASABLE_SQL}
        ORDER BY timezone, due_at LIMIT :limit FOR UPDATE SKIP LOCKED)
    """  # noqa: S608
)
_SKIP_ZONES = text(
    f"""
    UPDATE orders SET state = 'skipped', skip_reason = :reason, ended_at = :now WHERE id IN (
        SELECT id FROM orders WHERE campaign_id = :campaign AND state IN {RELEASABLE_SQL} AND timezone = ANY(:zones)
        LIMIT :limit FOR UPDATE SKIP LOCKED)
    """  # noqa: S608
)
_OPEN_ZONES = text(
    f"""
    SELECT timezone, bool_or(state IN {RELEASABLE_SQL}) AS releasable FROM orders
    WHERE campaign_id = :campaign AND (state IN {RELEASABLE_SQL} OR state IN {LIVE_SQL}) GROUP BY timezone
    """  # noqa: S608
)
#: Campaigns without orders are left running: their first batch may be on its way. (Subqueries with an order and a
#: limit stay probes of an index; as EXISTS they would be joined by reading all orders.)
_DONE = f"""
    c.state = 'running' AND EXISTS (SELECT 1 FROM batches b WHERE b.campaign_id = c.id AND b.accepted > 0)
        AND (SELECT o.id FROM orders o WHERE o.campaign_id = c.id AND o.state IN {RELEASABLE_SQL}
             ORDER BY o.timezone, o.due_at LIMIT 1) IS NULL
        AND (SELECT o.id FROM orders o WHERE o.campaign_id = c.id AND o.state IN {LIVE_SQL} LIMIT 1) IS NULL
    """  # noqa: S608
#: An import locks its campaign: one that takes orders in at this moment is passed over.
_LOCK_DONE = text(f"SELECT c.id FROM campaigns c WHERE {_DONE} FOR NO KEY UPDATE SKIP LOCKED")  # noqa: S608
#: A statement of its own: it sees what was committed before the lock was got.
_FINISH = text(
    f"UPDATE campaigns c SET state = 'finished', ended_at = :now WHERE c.id = ANY(:ids) AND {_DONE} RETURNING c.name"  # noqa: S608
)
_FORGET_DAYS = text("DELETE FROM phone_days WHERE day < :before")


async def recall_unclaimed(tx: AsyncConnection, campaign_id: int, now: datetime) -> int:
    """End the campaign's released attempts that no worker has claimed; their orders wait. Returns how many."""
    return (await tx.execute(_RECALL, {"campaign": campaign_id, "now": now})).rowcount


async def skip_remaining(tx: AsyncConnection, campaign_id: int, reason: str, now: datetime, limit: int) -> int:
    """Skip up to `limit` of the campaign's new and waiting orders; returns how many (0: none are left)."""
    values = {"campaign": campaign_id, "reason": reason, "now": now, "limit": limit}
    return (await tx.execute(_SKIP_REMAINING, values)).rowcount


async def open_zones(tx: AsyncConnection, campaign_id: int) -> dict[str, bool]:
    """The recipients' zones ('': the campaign's own) of orders without an end, and whether one could be released."""
    rows = await tx.execute(_OPEN_ZONES, {"campaign": campaign_id})
    return {row.timezone: row.releasable for row in rows}


async def skip_zones(
    tx: AsyncConnection, campaign_id: int, zones: Sequence[str], reason: str, now: datetime, limit: int
) -> int:
    """Skip up to `limit` new and waiting orders of those zones; returns how many."""
    values = {"campaign": campaign_id, "zones": list(zones), "reason": reason, "now": now, "limit": limit}
    return (await tx.execute(_SKIP_ZONES, values)).rowcount


async def finish_done(tx: AsyncConnection, now: datetime) -> list[str]:
    """Finish the running campaigns whose orders have all reached a final state; returns their names."""
    done = list((await tx.execute(_LOCK_DONE)).scalars())
    return list((await tx.execute(_FINISH, {"now": now, "ids": done})).scalars()) if done else []


async def forget_days(tx: AsyncConnection, before: date) -> int:
    """Drop the daily dial counts of days past; returns how many."""
    return (await tx.execute(_FORGET_DAYS, {"before": before})).rowcount
