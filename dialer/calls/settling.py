"""How an attempt ends in the ledger, whatever becomes of PostgreSQL meanwhile."""

from __future__ import annotations

import asyncio
import time
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
    give_up_at = time.monotonic() + SETTLE_PATIENCE_S
    pause_s = 0.1
    while True:
        try:
            won = await _settle_once(ports, job, outcome, artifacts or {}, step)
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


async def _settle_once(
    ports: CallPorts, job: AttemptJob, outcome: Outcome, artifacts: dict[str, Any], step: NextStep | None
) -> bool:
    async with ports.ledger.begin() as tx:
        now = await database_now(tx)
        follows = step or next_step(
            outcome,
            attempt_number=job.number,
            now=now,
            countdowns_s=job.campaign.plan.retry_countdowns_s,
            window=job.campaign.plan.window,
            timezone=job.order.timezone,
            time_scale=ports.settings.time_scale,
        )
        if outcome.decision is Decision.DO_NOT_CALL:
            await dnc.add(tx, job.order.phone, reason="asked in a call", now=now)
        return await claims.settle_attempt(
            tx,
            attempt_id=job.attempt_id,
            worker=ports.worker,
            outcome=outcome,
            step=follows,
            now=now,
            artifacts=artifacts,
        )
