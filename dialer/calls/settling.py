"""How an attempt ends in the ledger, whatever becomes of PostgreSQL meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from dialer.calls.noting import forget_note
from dialer.calls.ports import CallPorts
from dialer.domain.outcome import Decision, Outcome
from dialer.domain.policy import NextStep, next_step
from dialer.errors import LedgerError
from dialer.ledger import claims, dnc
from dialer.ledger.claims import AttemptJob
from dialer.ledger.store import database_now

log = structlog.get_logger(__name__)

#: How long the settlement of a call without a decision is retried while PostgreSQL is away; a decision exists
#: nowhere else and is retried for as long as the process lives.
SETTLE_PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class _Ending:
    job: AttemptJob
    outcome: Outcome
    artifacts: dict[str, Any]
    #: None: as the policy says.
    step: NextStep | None


async def settle(
    ports: CallPorts,
    job: AttemptJob,
    outcome: Outcome,
    *,
    artifacts: dict[str, Any] | None = None,
    step: NextStep | None = None,
) -> bool:
    """Write how the attempt ended: attempt, order and outbox row (or due time) in one transaction.

    Keeps trying while PostgreSQL is away, since the customer's decision may exist nowhere else. False when the attempt
    had been settled by someone else. Raises LedgerError when PostgreSQL refuses for good, or (without a decision) for
    too long.
    """
    ending = _Ending(job, outcome, artifacts or {}, step)
    give_up_at = time.monotonic() + SETTLE_PATIENCE_S
    pause_s = 0.1
    while True:
        try:
            won = await ports.together(_settle_all, ending)
        except LedgerError as error:
            if error.permanent or (outcome.decision is None and time.monotonic() >= give_up_at):
                raise  # upkeep ends the attempt when its lease has run out, with what was noted
            log.warning("settle_retried", attempt_id=job.attempt_id)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, 5.0)
        else:
            forget_note(ports, job.attempt_id)
            log.info("attempt_settled", attempt_id=job.attempt_id, disposition=outcome.disposition, won=won)
            return won


async def _settle_all(ports: CallPorts, endings: Sequence[_Ending]) -> list[bool]:
    async with ports.ledger.begin() as tx:
        now = await database_now(tx)
        for ending in endings:
            if ending.outcome.decision is Decision.DO_NOT_CALL:
                await dnc.add(tx, ending.job.order.phone, reason="asked in a call", now=now)
        rows = [
            claims.Ending(one.job.attempt_id, one.outcome, one.step or _follows(ports, one, now), one.artifacts)
            for one in endings
        ]
        won = await claims.settle_attempts(tx, rows, worker=ports.worker, now=now)
    return [ending.job.attempt_id in won for ending in endings]


def _follows(ports: CallPorts, ending: _Ending, now: datetime) -> NextStep:
    plan = ending.job.campaign.plan
    return next_step(
        ending.outcome,
        attempt_number=ending.job.number,
        now=now,
        countdowns_s=plan.retry_countdowns_s,
        window=plan.window,
        timezone=ending.job.order.timezone,
        time_scale=ports.settings.time_scale,
    )
