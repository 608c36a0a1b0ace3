"""A worker's hold on an attempt: claim it, vouch for it, and find those that nobody vouches for any more.

A claim is one conditional UPDATE; whoever loses the race gets None and stops quietly. Everything that must hold at
dial time is checked in it again: minutes may have passed since the release.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.domain.campaign import CampaignPlan, CampaignState
from dialer.domain.order import Order
from dialer.domain.outcome import Decision, Disposition, Outcome
from dialer.domain.policy import CallAgain, NextStep, Skip
from dialer.ledger.campaigns import plan_from_json
from dialer.ledger.orders import order_from_row
from dialer.ledger.release import DAILY_CAP, Released, next_day, release_due
from dialer.ledger.settlement import Ending, settle_attempt, settle_attempts
from dialer.ledger.stored import Stored

__all__ = [
    "DAILY_CAP",
    "AttemptJob",
    "CampaignJob",
    "Ending",
    "ExpiredAttempt",
    "Released",
    "claim_attempt",
    "claim_attempts",
    "expired_attempts",
    "forbidden_meanwhile",
    "hand_back",
    "mark_talking",
    "note_decision",
    "release_due",
    "renew_leases",
    "republish_stale",
    "settle_attempt",
    "settle_attempts",
]

#: Whoever holds a row's lock takes it, ends it or publishes it again: there is nothing to wait for.
_CLAIM = text(
    """
    WITH free AS (
        SELECT id FROM attempts WHERE id = ANY(:ids) AND claimed_at IS NULL AND ended_at IS NULL
        ORDER BY id FOR UPDATE SKIP LOCKED
    ), mine AS (
        UPDATE attempts a SET worker = :worker, claimed_at = :now, lease_until = :until,
            node = coalesce(CAST(:node AS text), node)
        FROM free WHERE a.id = free.id
        RETURNING a.id, order_pk, campaign_id, number, node, day
    ), dialing AS (
        UPDATE orders o SET state = 'dialing' FROM mine WHERE o.id = mine.order_pk AND o.state = 'queued' RETURNING o.*
    )
    SELECT dialing.*, mine.id AS attempt_id, mine.order_pk, mine.number, mine.node, mine.day, c.name, c.plan,
        c.state AS campaign_state,
        EXISTS (SELECT 1 FROM do_not_call d WHERE d.phone = dialing.phone) AS forbidden,
        coalesce((SELECT p.dials FROM phone_days p WHERE p.phone = dialing.phone AND p.day = mine.day), 0) AS dials,
        (SELECT t.paused_until FROM trunks t WHERE t.name = mine.node AND t.paused_until > :now) AS paused_until,
        EXISTS (SELECT 1 FROM trunks t WHERE t.name = mine.node AND t.drained) AS drained
    FROM mine JOIN dialing ON dialing.id = mine.order_pk JOIN campaigns c ON c.id = mine.campaign_id
    """
)
_TALK = text(
    """
    WITH mine AS (
        UPDATE attempts SET answered_at = :now
        WHERE id = :id AND worker = :worker AND ended_at IS NULL AND answered_at IS NULL
        RETURNING order_pk
    )
    UPDATE orders o SET state = 'talking' FROM mine WHERE o.id = mine.order_pk AND o.state = 'dialing' RETURNING o.id
    """
)
_NOTE = text(
    "UPDATE attempts SET decision = :decision, data = :data WHERE id = :id AND worker = :worker AND ended_at IS NULL"
).bindparams(bindparam("data", type_=Stored))
_HAND_BACK = text(
    "UPDATE attempts SET published_at = 'epoch' WHERE id = :id AND claimed_at IS NULL AND ended_at IS NULL"
)
#: Locked in the same order as by settlements.
_RENEW = text(
    """
    WITH ours AS (
        SELECT id FROM attempts WHERE id = ANY(:ids) AND worker = :worker AND ended_at IS NULL ORDER BY id FOR UPDATE
    )
    UPDATE attempts a SET lease_until = :until FROM ours WHERE a.id = ours.id RETURNING a.id
    """
)
_FORBIDDEN = text(
    "SELECT a.id FROM attempts a JOIN orders o ON o.id = a.order_pk JOIN do_not_call d ON d.phone = o.phone "
    "WHERE a.id = ANY(:ids) AND a.ended_at IS NULL AND a.answered_at IS NULL"
)
_EXPIRED = text(
    """
    SELECT a.id, a.node, a.number, a.worker, a.lease_until, a.order_pk, o.timezone, c.name, c.plan
    FROM attempts a JOIN orders o ON o.id = a.order_pk JOIN campaigns c ON c.id = a.campaign_id
    WHERE a.ended_at IS NULL AND a.claimed_at IS NOT NULL AND a.lease_until < :now
    ORDER BY a.lease_until LIMIT :limit
    """
)
_REPUBLISH = text(
    """
    UPDATE attempts SET published_at = :now WHERE id IN (
        SELECT id FROM attempts WHERE ended_at IS NULL AND claimed_at IS NULL AND published_at < :before
        ORDER BY published_at LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING id, node
    """
)


@dataclass(frozen=True, slots=True)
class CampaignJob:
    """What a call needs of its campaign."""

    id: int
    name: str
    plan: CampaignPlan


@dataclass(frozen=True, slots=True)
class AttemptJob:
    """A claimed attempt: all that a worker needs for the call. `number` counts from 1 and includes this attempt.

    `claimed_at` is the ledger's time.
    """

    attempt_id: str
    order_pk: int
    order: Order
    campaign: CampaignJob
    number: int
    node: str
    claimed_at: datetime


@dataclass(frozen=True, slots=True)
class ExpiredAttempt:
    """An attempt whose worker has not renewed its lease; `timezone` is the recipient's, if it has its own."""

    attempt_id: str
    order_pk: int
    campaign: str
    plan: CampaignPlan
    number: int
    node: str
    worker: str
    lease_until: datetime
    timezone: str | None


async def claim_attempts(
    tx: AsyncConnection,
    attempt_ids: Collection[str],
    worker: str,
    now: datetime,
    lease_s: float,
    *,
    node: str | None = None,
    daily_cap: int = DAILY_CAP,
) -> dict[str, AttemptJob]:
    """Take published attempts for dialing; left out are those that another has, that have ended or must not be dialed.

    `node` is the worker's own: from now on the attempts are bound to it, whatever node they were released for. In the
    last case (campaign not running, window closed, number on the do-not-call list or at its daily cap, trunk paused,
    node drained) the attempt ends as not_dialed in this transaction and its order waits or is skipped.
    """
    until = now + timedelta(seconds=lease_s)
    claim = {"ids": list(attempt_ids), "worker": worker, "now": now, "until": until, "node": node}
    jobs: dict[str, AttemptJob] = {}
    instead: list[Ending] = []
    for row in (await tx.execute(_CLAIM, claim)).mappings().all():
        plan = plan_from_json(row["name"], row["plan"])
        step = _what_forbids(row, plan, now, daily_cap)
        if step is None:
            jobs[row["attempt_id"]] = _job(row, plan, now)
        else:
            instead.append(Ending(row["attempt_id"], Outcome(Disposition.NOT_DIALED), step))
    if instead:
        await settle_attempts(tx, instead, worker=worker, now=now)
    return jobs


async def claim_attempt(
    tx: AsyncConnection, attempt_id: str, worker: str, now: datetime, lease_s: float, **options: Any
) -> AttemptJob | None:
    """`claim_attempts` for one."""
    return (await claim_attempts(tx, [attempt_id], worker, now, lease_s, **options)).get(attempt_id)


def _job(row: RowMapping, plan: CampaignPlan, now: datetime) -> AttemptJob:
    return AttemptJob(
        attempt_id=row["attempt_id"],
        order_pk=row["order_pk"],
        order=order_from_row(row),
        campaign=CampaignJob(row["campaign_id"], row["name"], plan),
        number=row["number"],
        node=row["node"],
        claimed_at=now,
    )


def _what_forbids(row: RowMapping, plan: CampaignPlan, now: datetime, daily_cap: int) -> NextStep | None:
    """What is to become of the order instead of a dial; None if it may be dialed."""
    timezone = row["timezone"] or None
    state = CampaignState(row["campaign_state"])
    if state is CampaignState.STOPPED:
        return Skip("stopped")
    if row["forbidden"]:
        return Skip("do_not_call")
    if row["dials"] >= daily_cap:
        return CallAgain(next_day(row["day"], plan.window, timezone))
    if row["paused_until"] is not None:
        return CallAgain(plan.window.next_open(row["paused_until"], timezone))
    if state is not CampaignState.RUNNING or row["drained"] or not plan.window.is_open(now, timezone):
        return CallAgain(plan.window.next_open(now, timezone))
    return None


async def mark_talking(tx: AsyncConnection, attempt_id: str, worker: str, now: datetime) -> bool:
    """The customer answered; False if the attempt is not this worker's (any more) and the call must be dropped."""
    result = await tx.execute(_TALK, {"id": attempt_id, "worker": worker, "now": now})
    return result.first() is not None


async def note_decision(
    tx: AsyncConnection, attempt_id: str, worker: str, decision: Decision | None, data: Mapping[str, Any]
) -> bool:
    """Keep what the customer has decided (None: withdrawn) in the open attempt, before it is acknowledged by voice.

    The settlement has the last word; should it never come, upkeep ends the attempt with this decision. False if the
    attempt is not this worker's (any more).
    """
    values = {"id": attempt_id, "worker": worker, "decision": decision, "data": dict(data)}
    return (await tx.execute(_NOTE, values)).rowcount == 1


async def hand_back(tx: AsyncConnection, attempt_id: str) -> bool:
    """A worker that is about to end does not take this attempt: upkeep publishes it again at once."""
    return (await tx.execute(_HAND_BACK, {"id": attempt_id})).rowcount == 1


async def renew_leases(
    tx: AsyncConnection, worker: str, attempt_ids: Collection[str], lease_until: datetime
) -> set[str]:
    """Vouch for attempts until `lease_until`; returns those still this worker's: the calls of the others must go."""
    result = await tx.execute(_RENEW, {"worker": worker, "ids": list(attempt_ids), "until": lease_until})
    return set(result.scalars())


async def forbidden_meanwhile(tx: AsyncConnection, attempt_ids: Collection[str]) -> set[str]:
    """Those of the attempts that nobody has answered yet, and whose number is on the do-not-call list by now."""
    return set((await tx.execute(_FORBIDDEN, {"ids": list(attempt_ids)})).scalars())


async def expired_attempts(tx: AsyncConnection, now: datetime, limit: int = 200) -> list[ExpiredAttempt]:
    """Attempts that nobody vouches for any more, longest overdue first."""
    rows = (await tx.execute(_EXPIRED, {"now": now, "limit": limit})).mappings()
    return [
        ExpiredAttempt(
            attempt_id=row["id"],
            order_pk=row["order_pk"],
            campaign=row["name"],
            plan=plan_from_json(row["name"], row["plan"]),
            number=row["number"],
            node=row["node"],
            worker=row["worker"],
            lease_until=row["lease_until"],
            timezone=row["timezone"] or None,
        )
        for row in rows
    ]


async def republish_stale(tx: AsyncConnection, now: datetime, grace_s: float, limit: int = 1000) -> Sequence[Released]:
    """Attempts that were published `grace_s` ago and that nobody has claimed: to be published again after commit."""
    before = now - timedelta(seconds=grace_s)
    rows = await tx.execute(_REPUBLISH, {"now": now, "before": before, "limit": limit})
    return [Released(row.id, row.node) for row in rows]
