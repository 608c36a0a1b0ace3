"""One attempt from claim to settlement: the story of a call."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from dialer.calls.keeping import keep
from dialer.calls.noting import note_decision
from dialer.calls.ports import CallPorts
from dialer.calls.settling import settle
from dialer.conversation.moves import Result
from dialer.conversation.script import OrderScript
from dialer.conversation.session import Session
from dialer.domain.outcome import Disposition, Outcome
from dialer.domain.policy import Skip
from dialer.errors import AriError, AriUnavailableError, ConflictError, DialerError, LedgerError, OrdersApiError
from dialer.ledger import claims
from dialer.ledger.claims import AttemptJob
from dialer.ledger.store import database_now
from dialer.telephony.ports import DialRequest, Line, LineHandlers

log = structlog.get_logger(__name__)

#: Order states in the shop's own system after which a confirmation call makes no sense.
SETTLED_IN_SHOP = frozenset({"confirmed", "paid", "cancelled", "canceled", "delivered", "shipped", "returned"})
#: How long the ledger is waited for when a customer has answered.
TALKING_LIMIT_S = 1.0


async def run_attempt(ports: CallPorts, attempt_id: str) -> None:
    """Claim, dial, converse, settle. Returns quietly when another worker won the claim, or when this one is ending."""
    if ports.draining:
        await _hand_back(ports, attempt_id)
        return
    job = await ports.together(_claim_all, attempt_id)
    if job is None:
        log.info("attempt_not_claimed", attempt_id=attempt_id)
        return
    bound = structlog.contextvars.bound_contextvars(attempt_id=attempt_id, order=job.order_pk, campaign=job.campaign.id)
    with bound:
        story = asyncio.create_task(_tell(ports, job))
        ports.running[attempt_id] = story
        try:
            await asyncio.wait([story])
        finally:
            story.cancel()
            del ports.running[attempt_id]
            ports.held_until.pop(attempt_id, None)
        if story.cancelled():
            # The lease keeper took the call away (whoever holds the attempt now settles it), or this worker's
            # patience is over (upkeep will).
            log.warning("attempt_dropped", attempt_id=attempt_id)
        else:
            story.result()


async def _hand_back(ports: CallPorts, attempt_id: str) -> None:
    async with ports.ledger.begin() as tx:
        await claims.hand_back(tx, attempt_id)
    log.info("attempt_handed_back", attempt_id=attempt_id)


async def _tell(ports: CallPorts, job: AttemptJob) -> None:
    began = ports.clock()
    skip = await _settled_in_shop(ports, job)
    if skip is not None or ports.draining or not _may_still_call(job, ports.clock() - began):
        await settle(ports, job, Outcome(Disposition.NOT_DIALED), step=skip)
        return
    outcome, artifacts = await _call(ports, job)
    await settle(ports, job, outcome, artifacts=artifacts)


async def _claim_all(ports: CallPorts, attempt_ids: Sequence[str]) -> list[AttemptJob | None]:
    asked_at = ports.clock()
    async with ports.ledger.begin() as tx:
        lease_s = ports.settings.calls.lease_s
        now, node = await database_now(tx), ports.settings.ari.node
        jobs = await claims.claim_attempts(tx, attempt_ids, ports.worker, now=now, lease_s=lease_s, node=node)
    for attempt_id in jobs:
        ports.hold(attempt_id, asked_at)
    # A message may have come twice: only one of its readers gets the job.
    return [jobs.pop(attempt_id, None) for attempt_id in attempt_ids]


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


def _may_still_call(job: AttemptJob, passed_s: float) -> bool:
    """The window was open at the claim; a shop that is slow to answer may have outlasted it."""
    return job.campaign.plan.window.is_open(job.claimed_at + timedelta(seconds=passed_s), job.order.timezone)


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
    session.on_result = partial(_note, ports, job)
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
    """Hold the conversation; the ledger is told of the answer while the first words are spoken."""
    marking = asyncio.create_task(_mark_talking(ports, job))
    try:
        talk = await session.run()
    except BaseException:
        marking.cancel()
        raise
    await marking
    # A slow disk must not hold up the frames of the other calls.
    return talk.outcome, await asyncio.to_thread(keep, ports, job, talk)


async def _mark_talking(ports: CallPorts, job: AttemptJob) -> None:
    """Mark the order as talking. While PostgreSQL is away nobody can take the attempt from us: talk on."""
    try:
        async with asyncio.timeout(TALKING_LIMIT_S), ports.ledger.begin() as tx:
            ours = await claims.mark_talking(tx, job.attempt_id, ports.worker, now=await database_now(tx))
    except (LedgerError, TimeoutError) as error:
        log.warning("talking_not_marked", attempt_id=job.attempt_id, error=type(error).__name__)
    else:
        if not ours:
            _drop(ports, job)


async def _note(ports: CallPorts, job: AttemptJob, result: Result | None) -> None:
    """The customer has decided, or has taken it back."""
    decision = result.decision if result is not None else None
    data = result.data if result is not None and decision is not None else {}
    if not await note_decision(ports, job, decision, data):
        _drop(ports, job)


def _drop(ports: CallPorts, job: AttemptJob) -> None:
    """The attempt is not ours any more: whoever has it decides its fate, and this call must not go on."""
    ports.running[job.attempt_id].cancel()


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
        may_ring=partial(ports.may_ring, job.attempt_id),
    )
