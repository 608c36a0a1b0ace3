"""The end of attempts: attempt, order and the message to the shop (or the next due time) in one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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

#: Joined by `id = ANY`: each row is found by its key, whatever the planner believes of the tables.
_SETTLE = text(
    """
    WITH told AS (
        SELECT * FROM jsonb_to_recordset(:endings) AS ending (id text, disposition text, decision text, counted boolean,
            cause smallint, talk_s float8, data jsonb, artifacts jsonb, reached boolean, forbids boolean, state text,
            skip_reason text, due_at timestamptz, status text, told_data jsonb)
    ), locked AS (
        SELECT id FROM attempts WHERE id = ANY(:ids) AND ended_at IS NULL
            AND (CAST(:worker AS text) IS NULL OR worker = :worker)
            AND (CAST(:expired_before AS timestamptz) IS NULL OR lease_until < :expired_before)
        ORDER BY id FOR UPDATE
    ), ended AS (
        UPDATE attempts a SET ended_at = :now, disposition = told.disposition, decision = told.decision,
            counted = told.counted, cause = told.cause, talk_s = told.talk_s, data = told.data,
            artifacts = told.artifacts, lease_until = NULL
        FROM locked JOIN told USING (id) WHERE a.id = locked.id
        RETURNING a.id, a.order_pk, a.campaign_id, a.node, a.day
    ), fate AS (
        SELECT ended.id AS attempt_id, ended.order_pk, ended.node, ended.day, told.*,
            CASE WHEN c.state = 'stopped' AND told.state = 'waiting' THEN 'skipped' ELSE told.state END AS next_state,
            CASE WHEN c.state = 'stopped' AND told.state = 'waiting' THEN 'stopped' ELSE told.skip_reason END AS reason
        FROM ended JOIN told USING (id) JOIN campaigns c ON c.id = ended.campaign_id
    ), moved AS (
        UPDATE orders o SET
            state = fate.next_state,
            skip_reason = fate.reason,
            ended_at = CASE WHEN fate.next_state <> 'waiting' THEN CAST(:now AS timestamptz) END,
            due_at = coalesce(fate.due_at, o.due_at),
            attempts = o.attempts + fate.counted::int,
            disposition = fate.disposition, decision = fate.decision
        FROM fate WHERE o.id = fate.order_pk
        RETURNING o.id, o.order_id, o.phone, o.campaign_id, fate.attempt_id, fate.node, fate.day, fate.disposition,
            fate.counted, fate.reached, fate.forbids, fate.status, fate.told_data
    ), shop AS (
        INSERT INTO outbox (order_pk, campaign_id, order_id, status, data, idempotency_key, due_at, created_at)
        SELECT id, campaign_id, order_id, status, told_data, attempt_id, :now, :now FROM moved
        WHERE status IS NOT NULL
    ), dialed AS (
        INSERT INTO phone_days AS p (day, phone, dials) SELECT day, phone, count(*) FROM moved WHERE counted
        GROUP BY day, phone
        ON CONFLICT (day, phone) DO UPDATE SET dials = p.dials + excluded.dials
    ), forbidden AS (
        INSERT INTO do_not_call (phone, reason, added_at) SELECT phone, 'asked in a call', :now FROM moved
        WHERE forbids ON CONFLICT (phone) DO NOTHING
    ), mended AS (
        UPDATE trunks t SET failures = 0, paused_until = NULL FROM moved
        WHERE t.name = moved.node AND t.failures > 0 AND moved.reached
    )
    SELECT attempt_id, node, disposition FROM moved
    """
).bindparams(bindparam("endings", type_=Stored))


@dataclass(frozen=True, slots=True)
class Ending:
    """How one attempt ended, and what becomes of its order."""

    attempt_id: str
    outcome: Outcome
    step: NextStep
    artifacts: Mapping[str, Any] = field(default_factory=dict)


async def settle_attempts(
    tx: AsyncConnection,
    endings: Sequence[Ending],
    *,
    worker: str | None,
    now: datetime,
    expired_before: datetime | None = None,
) -> set[str]:
    """End open attempts and move their orders on; returns the ids of those that were ended by this.

    Nothing changes for one that has ended already, is not `worker`'s, or (with `expired_before`) whose lease has
    been renewed meanwhile. Decided and unreachable orders get their one outbox row here; do_not_call puts the number
    on the list; an order that would wait in a stopped campaign is skipped instead.
    """
    values = {
        "endings": [_told(ending) for ending in endings],
        "ids": [ending.attempt_id for ending in endings],
        "worker": worker,
        "expired_before": expired_before,
        "now": now,
    }
    rows = (await tx.execute(_SETTLE, values)).all()
    for row in rows:
        if row.disposition == Disposition.TRUNK_FAILURE:
            await trunk_failed(tx, row.node, now)
    return {row.attempt_id for row in rows}


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
    """`settle_attempts` for one; False if it was not ended by this."""
    ending = Ending(attempt_id, outcome, step, artifacts or {})
    return bool(await settle_attempts(tx, [ending], worker=worker, now=now, expired_before=expired_before))


def _told(ending: Ending) -> dict[str, Any]:
    """One row of the statement's input."""
    outcome = ending.outcome
    return {
        "id": ending.attempt_id,
        "disposition": outcome.disposition,
        "decision": outcome.decision,
        "cause": outcome.cause,
        "talk_s": outcome.talk_s,
        "data": outcome.data,
        "artifacts": dict(ending.artifacts),
        "counted": outcome.disposition not in UNCOUNTED,
        "reached": outcome.disposition not in _SAYS_NOTHING_OF_TRUNK,
        "forbids": outcome.decision is Decision.DO_NOT_CALL,
        **_fate(outcome, ending.step),
    }


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
            return fate | {"state": OrderState.WAITING, "due_at": due_at.isoformat()}
        case Skip(reason) if outcome.decision is None:
            return fate | {"state": OrderState.SKIPPED, "skip_reason": reason}
    raise ValueError(f"a decision goes with the step Decided and with no other, not {step}")
