"""Messages to the shop: one per decided or unreachable order, written with the settlement, sent until acknowledged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.ledger.tables import outbox

#: A sender that vanishes holds its messages for this long.
SENDING_LEASE_S = 60.0
_LONGEST_ERROR = 500

#: Due messages, oldest first; of several for one order of the shop (in several campaigns) only the oldest.
_CLAIM = text(
    """
    UPDATE outbox SET due_at = :until, tries = tries + 1 WHERE id IN (
        SELECT b.id FROM outbox b
        WHERE b.delivered_at IS NULL AND b.dead_at IS NULL AND b.due_at <= :now
            AND NOT EXISTS (SELECT 1 FROM outbox e WHERE e.order_id = b.order_id AND e.id < b.id
                AND e.delivered_at IS NULL AND e.dead_at IS NULL)
        ORDER BY b.due_at LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING id, order_id, status, data, tries, idempotency_key
    """
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to the shop. `tries` counts this one."""

    id: int
    order_id: str
    status: str
    data: dict[str, Any]
    tries: int
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was given up."""

    id: int
    order_id: str
    status: str
    tries: int
    dead_at: datetime
    last_error: str | None


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(**{key: row[key] for key in Delivery.__slots__})


async def claim_deliveries(
    tx: AsyncConnection, now: datetime, limit: int, lease_s: float = SENDING_LEASE_S
) -> list[Delivery]:
    """Take due messages for sending; if nothing is heard of them within `lease_s` they are due again."""
    until = now + timedelta(seconds=lease_s)
    rows = (await tx.execute(_CLAIM, {"now": now, "until": until, "limit": limit})).mappings()
    return sorted((_delivery(row) for row in rows), key=lambda delivery: delivery.id)


async def acknowledge(tx: AsyncConnection, delivery_id: int, now: datetime) -> bool:
    """The shop has it. False if that was known already."""
    statement = update(outbox).where(outbox.c.id == delivery_id, outbox.c.delivered_at.is_(None))
    values = {"delivered_at": now, "dead_at": None, "last_error": None}
    return (await tx.execute(statement.values(values))).rowcount == 1


async def postpone(tx: AsyncConnection, delivery_id: int, error: str, next_try_at: datetime) -> bool:
    """The try failed; try again later. False if another sender has ended it."""
    return await _end_try(tx, delivery_id, {"due_at": next_try_at, "last_error": error[:_LONGEST_ERROR]})


async def bury(tx: AsyncConnection, delivery_id: int, error: str, now: datetime) -> bool:
    """Give up: a dead letter, which ops see and can send again. False if another sender has ended it."""
    return await _end_try(tx, delivery_id, {"dead_at": now, "last_error": error[:_LONGEST_ERROR]})


async def _end_try(tx: AsyncConnection, delivery_id: int, values: dict[str, Any]) -> bool:
    statement = update(outbox).where(
        outbox.c.id == delivery_id, outbox.c.delivered_at.is_(None), outbox.c.dead_at.is_(None)
    )
    return (await tx.execute(statement.values(values))).rowcount == 1


async def redeliver_dead(tx: AsyncConnection, now: datetime, *, delivery_id: int | None = None) -> int:
    """Send dead letters again (all, or one), with their tries counted anew; returns how many."""
    statement = update(outbox).where(outbox.c.dead_at.is_not(None))
    if delivery_id is not None:
        statement = statement.where(outbox.c.id == delivery_id)
    return (await tx.execute(statement.values(dead_at=None, due_at=now, tries=0))).rowcount


async def list_dead(tx: AsyncConnection, *, limit: int = 100) -> list[DeadLetter]:
    """Dead letters, oldest first."""
    statement = select(outbox).where(outbox.c.dead_at.is_not(None)).order_by(outbox.c.id).limit(limit)
    rows = (await tx.execute(statement)).mappings()
    return [DeadLetter(**{key: row[key] for key in DeadLetter.__slots__}) for row in rows]


async def count_pending(tx: AsyncConnection) -> int:
    """Messages that the shop has not acknowledged and that were not given up."""
    statement = text("SELECT count(*) FROM outbox WHERE delivered_at IS NULL AND dead_at IS NULL")
    return int((await tx.execute(statement)).scalar_one())
