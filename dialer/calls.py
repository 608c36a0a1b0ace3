"""One attempt from claim to settlement: the story of a call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import structlog

from dialer.conversation.comprehension import SessionPorts
from dialer.conversation.notes import Talk
from dialer.conversation.script import OrderScript, Script
from dialer.conversation.session import Session
from dialer.domain.outcome import Decision, Disposition, Outcome
from dialer.domain.policy import NextStep, Skip, next_step
from dialer.errors import AriError, AriUnavailableError, ConflictError, DialerError, LedgerError, OrdersApiError
from dialer.ledger import claims, dnc
from dialer.ledger.claims import AttemptJob
from dialer.ledger.store import Ledger, database_now
from dialer.settings import Settings
from dialer.telephony.ports import DialRequest, Line, LineHandlers, Switch

log = structlog.get_logger(__name__)

#: Order states in the shop's own system after which a confirmation call makes no sense.
SETTLED_IN_SHOP = frozenset({"confirmed", "paid", "cancelled", "canceled", "delivered", "shipped", "returned"})
#: How long a settlement is retried while PostgreSQL is away.
SETTLE_PATIENCE_S = 120.0
#: How often leases are renewed; also how soon a worker notices that an attempt was taken from it.
LEASE_BEAT_S = 1.0


class OrderLookup(Protocol):
    """The part of the orders API that a call needs."""

    async def get_order(self, order_id: str) -> dict[str, Any] | None:
        """The shop's own record of the order, or None."""
        ...


@dataclass(slots=True)
class CallPorts:
    """Everything a call worker's process shares among its calls."""

    ledger: Ledger
    switch: Switch
    session: SessionPorts
    script: Callable[[str], Script]
    orders: OrderLookup | None
    settings: Settings
    worker: str
    #: Running attempts, for the lease keeper.
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)


async def run_attempt(ports: CallPorts, attempt_id: str) -> None:
    """Claim, dial, converse, settle. Returns quietly when another worker won the claim."""
    job = await _claim(ports, attempt_id)
    if job is None:
        return
    bound = structlog.contextvars.bound_contextvars(attempt_id=attempt_id, order=job.order_pk, campaign=job.campaign.id)
    with bound:
        story = asyncio.create_task(_tell(ports, job))
        ports.running[attempt_id] = story
        try:
            await story
        finally:
            del ports.running[attempt_id]


async def _tell(ports: CallPorts, job: AttemptJob) -> None:
    try:
        skip = await _settled_in_shop(ports, job)
        if skip is not None:
            await settle(ports, job, Outcome(Disposition.NOT_DIALED), step=skip)
            return
        outcome, artifacts = await _call(ports, job)
    except asyncio.CancelledError:
        # The lease keeper took the call away: whoever holds the attempt now settles it.
        log.warning("attempt_dropped", attempt_id=job.attempt_id)
        return
    await settle(ports, job, outcome, artifacts=artifacts)


async def _claim(ports: CallPorts, attempt_id: str) -> AttemptJob | None:
    async with ports.ledger.begin() as tx:
        lease_s = ports.settings.calls.lease_s
        job = await claims.claim_attempt(tx, attempt_id, ports.worker, now=await database_now(tx), lease_s=lease_s)
    if job is None:
        log.info("attempt_not_claimed", attempt_id=attempt_id)
    return job


async def _settled_in_shop(ports: CallPorts, job: AttemptJob) -> Skip | None:
    """Ask the shop whether the order still needs a call; when the shop cannot be asked, it does."""
    if ports.orders is None or not job.campaign.plan.check_order:
        return None
    try:
        record = await ports.orders.get_order(job.order.order_id)
    except OrdersApiError as error:
        log.warning("order_lookup_failed", attempt_id=job.attempt_id, status=error.status)
        return None
    status = str(record.get("status", "")).lower() if record else ""
    return Skip(f"settled in the shop: {status}") if status in SETTLED_IN_SHOP else None


async def _call(ports: CallPorts, job: AttemptJob) -> tuple[Outcome, dict[str, Any]]:
    """Dial and converse; telephony failures become dispositions."""
    line = ports.switch.line()
    try:
        script = ports.script(job.campaign.plan.script).for_order(job.order, ports.settings.store_name)
        return await _dial_and_talk(ports, job, line, script)
    except ConflictError:
        # A channel of this attempt lives already: a worker that lost its lease is still on the phone.
        log.warning("attempt_already_dialed", attempt_id=job.attempt_id)
        return Outcome(Disposition.LOST), {}
    except (AriUnavailableError, AriError) as error:
        log.error("telephony_failed", attempt_id=job.attempt_id, error=str(error))
        return Outcome(Disposition.TRUNK_FAILURE), {}
    except DialerError as error:
        log.error("call_failed", attempt_id=job.attempt_id, error=type(error).__name__)
        return Outcome(Disposition.LOST), {"error": str(error)}
    finally:
        await asyncio.shield(line.close())


async def _dial_and_talk(
    ports: CallPorts, job: AttemptJob, line: Line, script: OrderScript
) -> tuple[Outcome, dict[str, Any]]:
    session = Session(line, script, ports.session, today=_today(job), max_call_s=job.campaign.plan.max_call_s)
    handlers = LineHandlers(on_audio=session.on_audio, on_digit=session.on_digit, on_mark=session.on_mark)
    warming = asyncio.create_task(session.warm())
    try:
        result = await line.dial(_request(ports, job), handlers)
        if result.disposition is not None:
            return Outcome(result.disposition, cause=result.cause), {}
        return await _talk(ports, job, session)
    finally:
        warming.cancel()


async def _talk(ports: CallPorts, job: AttemptJob, session: Session) -> tuple[Outcome, dict[str, Any]]:
    async with ports.ledger.begin() as tx:
        ours = await claims.mark_talking(tx, job.attempt_id, ports.worker, now=await database_now(tx))
    if not ours:
        return Outcome(Disposition.LOST), {}
    talk = await session.run()
    return talk.outcome, _keep(ports, job, talk)


def _today(job: AttemptJob) -> date:
    """The date where the customer is: "tomorrow" is meant there."""
    return datetime.now(ZoneInfo(job.order.timezone or job.campaign.plan.window.timezone)).date()


def _request(ports: CallPorts, job: AttemptJob) -> DialRequest:
    return DialRequest(
        attempt_id=job.attempt_id,
        phone=job.order.phone,
        ring_timeout_s=job.campaign.plan.ring_timeout_s,
        max_call_s=job.campaign.plan.max_call_s + ports.settings.calls.cap_margin_s,
        caller_id=job.campaign.plan.caller_id,
    )


def _keep(ports: CallPorts, job: AttemptJob, talk: Talk) -> dict[str, Any]:
    """Save recording and transcript; a full disk costs the files, never the decision."""
    artifacts: dict[str, Any] = {"sources": talk.sources, "latency_ms": talk.latency_ms}
    folder = ports.settings.home / "calls" / f"{job.campaign.id}"
    stem = f"{job.order_pk}-{job.number}-{job.attempt_id[:8]}"
    about = {
        "attempt_id": job.attempt_id,
        "order": job.order_pk,
        "attempt": job.number,
        "disposition": talk.outcome.disposition,
        "decision": talk.outcome.decision,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        talk.transcript.save(folder / f"{stem}.json", about)
        artifacts["transcript"] = _relative(ports, folder / f"{stem}.json")
        if ports.settings.record_calls:
            talk.save_recording(folder / f"{stem}.wav")
            artifacts["recording"] = _relative(ports, folder / f"{stem}.wav")
    except OSError as error:
        log.error("recording_failed", attempt_id=job.attempt_id, errno=error.errno)
    return artifacts


def _relative(ports: CallPorts, path: Path) -> str:
    return str(path.relative_to(ports.settings.home))


async def settle(
    ports: CallPorts,
    job: AttemptJob,
    outcome: Outcome,
    *,
    artifacts: dict[str, Any] | None = None,
    step: NextStep | None = None,
) -> bool:
    """Write how the attempt ended: attempt, order and outbox row (or due time) in one transaction.

    Keeps trying while PostgreSQL is away, since the customer's decision exists nowhere else. False when the attempt
    had been settled by someone else.
    """
    give_up_at = time.monotonic() + SETTLE_PATIENCE_S
    pause_s = 0.1
    while True:
        try:
            won = await _settle_once(ports, job, outcome, artifacts or {}, step)
        except LedgerError:
            if time.monotonic() >= give_up_at:
                raise
            log.warning("settle_retried", attempt_id=job.attempt_id)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, 5.0)
        else:
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


async def keep_leases(ports: CallPorts) -> None:
    """Renew the leases of all running attempts, for ever; an attempt that is no longer ours is dropped."""
    lease = timedelta(seconds=ports.settings.calls.lease_s)
    while True:
        await asyncio.sleep(LEASE_BEAT_S)
        ids = set(ports.running)
        if not ids:
            continue
        try:
            async with ports.ledger.begin() as tx:
                ours = await claims.renew_leases(tx, ports.worker, ids, await database_now(tx) + lease)
        except LedgerError:
            log.warning("lease_renewal_failed", attempts=len(ids))
            continue
        for attempt_id in ids - ours:
            task = ports.running.get(attempt_id)
            if task is not None:
                task.cancel()
