"""Decisions that the settlement has not brought: noted in an open attempt, or told when it had been given up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.domain.outcome import STATUS_OF_DECISION, Decision, Disposition, Outcome
from dialer.ledger import dnc
from dialer.ledger.stored import Stored

_NOTED = text("SELECT decision, data FROM attempts WHERE id = :id AND ended_at IS NULL FOR UPDATE")
#: The order first: releases and erasures lock it, and must not see it half decided.
_WAITING = text(
    """
    SELECT o.id, o.order_id, o.campaign_id, o.phone FROM orders o JOIN attempts a ON a.order_pk = o.id
    WHERE a.id = :id AND a.worker = :worker AND a.disposition = 'lost' AND o.state = 'waiting' FOR UPDATE OF o
    """
)
_DECIDE = text(
    """
    WITH attempt AS (
        UPDATE attempts SET disposition = 'answered', decision = :decision, data = :data WHERE id = :id
    ), told AS (
        INSERT INTO outbox (order_pk, campaign_id, order_id, status, data, idempotency_key, due_at, created_at)
        VALUES (:pk, :campaign, :order_id, :status, :data, :id, :now, :now)
    )
    UPDATE orders SET state = 'decided', decision = :decision, disposition = 'answered', ended_at = :now WHERE id = :pk
    """
).bindparams(bindparam("data", type_=Stored))


def noted_outcome(decision: str | None, data: dict[str, Any]) -> Outcome | None:
    """How an open attempt ends by what was noted of it; None if there is no decision."""
    return Outcome(Disposition.ANSWERED, Decision(decision), data) if decision else None


async def lock_noted(tx: AsyncConnection, attempt_id: str) -> Outcome | None:
    """What is noted of an open attempt now; nothing else can be noted before the transaction ends."""
    row = (await tx.execute(_NOTED, {"id": attempt_id})).first()
    return noted_outcome(row.decision, row.data) if row is not None else None


async def decide_late(
    tx: AsyncConnection, attempt_id: str, worker: str, decision: Decision, data: Mapping[str, Any], now: datetime
) -> bool:
    """The customer had decided in an attempt that was settled as lost: the order is decided after all.

    False if that is not so, or if the order does not wait any more: whoever calls the customer now asks again.
    """
    order = (await tx.execute(_WAITING, {"id": attempt_id, "worker": worker})).first()
    if order is None:
        return False
    if decision is Decision.DO_NOT_CALL:
        await dnc.add(tx, order.phone, reason="asked in a call", now=now)
    values = {"id": attempt_id, "decision": decision, "data": dict(data), "now": now}
    values |= {"pk": order.id, "campaign": order.campaign_id, "order_id": order.order_id}
    await tx.execute(_DECIDE, values | {"status": STATUS_OF_DECISION[decision]})
    return True
