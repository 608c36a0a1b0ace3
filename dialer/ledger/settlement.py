"""The end of an attempt: attempt, order and the message to the shop (or the next due time) in one statement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.domain.order import OrderState
from dialer.domain.outcome import (
    STATUS_OF_DECISION,
    STATUS_UNREACHABLE,
    UNCOUNTED,
    Decision,
    Disposition,
    Outcome,
)
from dialer.domain.policy import CallAgain, Decided, GiveUp, NextStep, Skip
from dialer.ledger.stored import Stored
from dialer.ledger.trunks import trunk_failed

#: Dispositions that tell nothing about the trunk: nothing was dialed, or nobody knows.
_SAYS_NOTHING_OF_TRUNK = UNCOUNTED | {Disposition.LOST}

_SETTLE = text(
    """
    WITH ended AS (
        UPDATE attempts SET ended_at = :now, disposition = :disposition, decision = :decision, counted = :counted,
            cause = :cause, talk_s = :talk_s, data = :data, artifacts = :artifacts, lease_until = NULL
        WHERE id = :id AND ended_at IS NULL
            AND (CAST(:worker AS text) IS NULL OR worker = :worker)
            AND (CAST(:expired_before AS timestamptz) IS NULL OR lease_until < :expired_before)
        RETURNING id, order_pk, campaign_id, node, day
    ), fate AS (
        SELECT ended.*, c.state = 'stopped' AND CAST(:state AS text) = 'waiting' AS stopped
        FROM ended JOIN campaigns c ON c.id = ended.campaign_id
    ), moved AS (
        UPDATE orders o SET
            state = CASE WHEN fate.stopped THEN 'skipped' ELSE :state END,
            skip_reason = CASE WHEN fate.stopped THEN 'stopped' ELSE CAST(:skip_reason AS text) END,
            ended_at = CASE WHEN fate.stopped OR :state <> 'waiting' THEN CAST(:now AS timestamptz) END,
            due_at = coalesce(CAST(:due_at AS timestamptz), o.due_at),
            attempts = o.attempts + CAST(:counted AS boolean)::int,
            disposition = :disposition, decision = :decision
        FROM fate WHERE o.id = fate.order_pk
        RETURNING o.id, o.order_id, o.phone, o.campaign_id, fate.id AS attempt_id, fate.node, fate.day
    ), told AS (
        INSERT INTO outbox (order_pk, campaign_id, order_id, status, data, idempotency_key, due_at, created_at)
        SELECT id, campaign_id, order_id, :status, :told_data, attempt_id, :now, :now FROM moved
        WHERE CAST(:status AS text) IS NOT NULL
    ), dialed AS (
        INSERT INTO phone_days AS p (day, phone, dials) SELECT day, phone, 1 FROM moved WHERE :counted
        ON CONFLICT (day, phone) DO UPDATE SET dials = p.dials + 1
    ), forbidden AS (
        INSERT INTO do_not_call (phone, reason, added_at) SELECT phone, 'asked on the phone', :now FROM moved
        WHERE :forbids ON CONFLICT (phone) DO NOTHING
    ), mended AS (
        UPDATE trunks t SET failures = 0, paused_until = NULL FROM moved
        WHERE t.name = moved.node AND t.failures > 0 AND :reached
    )
    SELECT node FROM moved
    """
).bindparams(
    bindparam("data", type_=Stored), bindparam("artifacts", type_=Stored), bindparam("told_data", type_=Stored)
)


async def settle_attempt(
    tx: AsyncConnection,
    *,
    attempt_id: str,
    worker: str | None,
    outcome: Outcome,
    step: NextStep,
    now: datetime,
    artifacts: Mapping[str, Any] | None = None,
    expired_before: datetime | None = None,
) -> bool:
    """End an open attempt as `outcome` says and move its order on as `step` says.

    False, and nothing changed, if it has ended already, is not `worker`'s, or (with `expired_before`) its lease has
    been renewed meanwhile. Decided and unreachable orders get their one outbox row here; do_not_call puts the number
    on the list; an order that would wait in a stopped campaign is skipped instead.
    """
    counted = outcome.disposition not in UNCOUNTED
    values: dict[str, Any] = {
        "id": attempt_id,
        "worker": worker,
        "expired_before": expired_before,
        "now": now,
        "disposition": outcome.disposition,
        "decision": outcome.decision,
        "cause": outcome.cause,
        "talk_s": outcome.talk_s,
        "data": outcome.data,
        "artifacts": dict(artifacts or {}),
        "counted": counted,
        "reached": outcome.disposition not in _SAYS_NOTHING_OF_TRUNK,
        "forbids": outcome.decision is Decision.DO_NOT_CALL,
    }
    row = (await tx.execute(_SETTLE, values | _fate(outcome, step))).first()
    if row is not None and outcome.disposition is Disposition.TRUNK_FAILURE:
        await trunk_failed(tx, row.node, now)
    return row is not None


def _fate(outcome: Outcome, step: NextStep) -> dict[str, Any]:
    """The order's next state and what the shop is told."""
    fate: dict[str, Any] = {"due_at": None, "skip_reason": None, "status": None, "told_data": {}}
    match step:
        case Decided() if outcome.decision is not None:
            status = STATUS_OF_DECISION[outcome.decision]
            return fate | {"state": OrderState.DECIDED, "status": status, "told_data": outcome.data}
        case GiveUp() if outcome.decision is None:
            told = {"disposition": outcome.disposition, **outcome.data}
            return fate | {"state": OrderState.UNREACHABLE, "status": STATUS_UNREACHABLE, "told_data": told}
        case CallAgain(due_at) if outcome.decision is None:
            return fate | {"state": OrderState.WAITING, "due_at": due_at}
        case Skip(reason) if outcome.decision is None:
            return fate | {"state": OrderState.SKIPPED, "skip_reason": reason}
    raise ValueError(f"a decision goes with the step Decided and with no other, not {step}")
