"""Cleaning up after crashes: no attempt, order or campaign stays in limbo."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from dialer.campaigns.dispatch import Publish
from dialer.campaigns.lifecycle import finish_done, skip_remaining
from dialer.domain.campaign import CampaignState
from dialer.domain.outcome import Disposition, Outcome
from dialer.domain.policy import next_step
from dialer.errors import TelephonyError
from dialer.ledger import campaigns as rows
from dialer.ledger import claims, recall
from dialer.ledger.claims import ExpiredAttempt
from dialer.ledger.store import Ledger, database_now, database_uptime_s

_log = structlog.get_logger()

#: Hangs up the channel of an attempt if it lives; raises TelephonyError when the node cannot be asked.
Hangup = Callable[[str], Awaitable[bool]]

#: After PostgreSQL's restart, workers get this long to renew the leases that ran out meanwhile.
QUIET_AFTER_RESTART_S = 20.0
#: How long after its longest possible life a call is taken for ended although its node cannot be asked.
_SILENT_NODE_MARGIN_S = 60.0
_HANGUPS_AT_ONCE = 20
_KEEP_DIAL_COUNTS = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class UpkeepCounts:
    """What upkeep did. `kept`: overdue attempts left for later since their node could not be asked."""

    lost: int
    kept: int
    republished: int
    finished: int


@dataclass(frozen=True, slots=True)
class _Reach:
    """Whose channels this upkeep can hang up."""

    hangup: Hangup
    node: str | None


async def upkeep(
    ledger: Ledger,
    *,
    hangup: Hangup,
    publish: Publish,
    grace_s: float,
    node: str | None = None,
    now: datetime | None = None,
    time_scale: float = 1.0,
    quiet_after_restart_s: float = QUIET_AFTER_RESTART_S,
) -> UpkeepCounts:
    """Resolve attempts whose lease ran out, publish those unclaimed for `grace_s` again, finish and sweep campaigns.

    `hangup` reaches the channels of `node` (None: of all nodes); attempts of other nodes are left to their own
    node's upkeep until their call must have ended. Two upkeeps at once do no harm: every step is conditional.
    """
    async with ledger.begin() as tx:
        moment = now or await database_now(tx)
        quiet = await database_uptime_s(tx) < quiet_after_restart_s
        overdue = [] if quiet else await claims.expired_attempts(tx, moment)
    reach = _Reach(hangup, node)
    lost, kept = await _resolve(ledger, overdue, reach, moment, time_scale)
    async with ledger.begin() as tx:
        stale = await claims.republish_stale(tx, moment, grace_s)
        await recall.forget_days(tx, (moment - _KEEP_DIAL_COUNTS).date())
        stopped = await rows.list_campaigns(tx, [CampaignState.STOPPED])
    if stale:
        publish(stale)
    for campaign in stopped:
        await skip_remaining(ledger, campaign, moment)
    finished = await finish_done(ledger, moment)
    return UpkeepCounts(lost, kept, len(stale), len(finished))


async def _resolve(
    ledger: Ledger, overdue: list[ExpiredAttempt], reach: _Reach, now: datetime, time_scale: float
) -> tuple[int, int]:
    """Hang up and settle overdue attempts as lost; how many were, and how many had to be left for later."""
    places = asyncio.Semaphore(_HANGUPS_AT_ONCE)

    async def one(attempt: ExpiredAttempt) -> bool | None:
        async with places:
            if not await _surely_ended(attempt, reach, now):
                return None
            return await _settle_lost(ledger, attempt, now, time_scale)

    results = await asyncio.gather(*(one(attempt) for attempt in overdue))
    return results.count(True), results.count(None)


async def _surely_ended(attempt: ExpiredAttempt, reach: _Reach, now: datetime) -> bool:
    """Hang up. If the node cannot be asked, wait until its own cap must have ended the call: nobody is called twice."""
    if reach.node in (None, attempt.node):
        try:
            await reach.hangup(attempt.attempt_id)
        except TelephonyError as error:
            _log.warning("overdue_attempt_node_silent", attempt_id=attempt.attempt_id, error=str(error))
        else:
            return True
    longest_s = attempt.plan.ring_timeout_s + attempt.plan.max_call_s + _SILENT_NODE_MARGIN_S
    return now > attempt.lease_until + timedelta(seconds=longest_s)


async def _settle_lost(ledger: Ledger, attempt: ExpiredAttempt, now: datetime, time_scale: float) -> bool:
    """False if its worker was quicker after all. A decision that the worker had noted counts, whatever became of it."""
    outcome = attempt.noted or Outcome(Disposition.LOST)
    step = next_step(
        outcome,
        attempt_number=attempt.number,
        now=now,
        countdowns_s=attempt.plan.retry_countdowns_s,
        window=attempt.plan.window,
        timezone=attempt.timezone,
        time_scale=time_scale,
    )
    async with ledger.begin() as tx:
        lost = await claims.settle_attempt(
            tx, attempt_id=attempt.attempt_id, worker=None, outcome=outcome, step=step, now=now, expired_before=now
        )
    if lost:
        _log.warning(
            "attempt_lost", attempt_id=attempt.attempt_id, worker=attempt.worker, disposition=outcome.disposition
        )
    return lost
