"""Cleaning up after crashes: no attempt, order or campaign stays in limbo."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.campaigns.dispatch import Publish
from dialer.campaigns.lifecycle import finish_done, skip_remaining
from dialer.domain.campaign import CampaignState
from dialer.domain.outcome import Disposition, Outcome
from dialer.domain.policy import next_step
from dialer.errors import LedgerError, TelephonyError
from dialer.ledger import campaigns as rows
from dialer.ledger import claims, recall, trunks
from dialer.ledger.claims import ExpiredAttempt, Released
from dialer.ledger.late import lock_noted
from dialer.ledger.store import Ledger, database_now, database_uptime_s

_log = structlog.get_logger()

#: Hangs up the channel of an attempt if it lives; raises TelephonyError when the node cannot be asked.
Hangup = Callable[[str], Awaitable[bool]]

#: After PostgreSQL's restart, workers get this long to renew the leases that ran out meanwhile.
QUIET_AFTER_RESTART_S = 20.0
#: A lease that is still not renewed so long after it was found to have run out: its worker is gone, and PostgreSQL had
#: not just been too slow for everybody. Workers renew every second.
SECOND_LOOK_S = 3.0
#: How long after its longest possible life a call is taken for ended although its node cannot be asked.
_SILENT_NODE_MARGIN_S = 60.0
_HANGUPS_AT_ONCE = 20
_KEEP_DIAL_COUNTS = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class UpkeepCounts:
    """What upkeep did. `kept`: overdue attempts left for later since their node or PostgreSQL could not be asked.

    `moved`: attempts that were given to another node, since nobody on their own took them.
    """

    lost: int
    kept: int
    republished: int
    finished: int
    moved: int = 0


@dataclass(frozen=True, slots=True)
class _Reach:
    """Whose channels this upkeep can hang up."""

    hangup: Hangup
    node: str | None
    #: Those of other nodes, by name.
    elsewhere: Mapping[str, Hangup]

    def of(self, node: str) -> Hangup | None:
        """What hangs up on `node`; None when it cannot be asked from here."""
        if node in self.elsewhere:
            return self.elsewhere[node]
        return self.hangup if self.node in (None, node) else None


async def upkeep(
    ledger: Ledger,
    *,
    hangup: Hangup,
    publish: Publish,
    grace_s: float,
    node: str | None = None,
    nodes: Mapping[str, Hangup] | None = None,
    now: datetime | None = None,
    time_scale: float = 1.0,
    quiet_after_restart_s: float = QUIET_AFTER_RESTART_S,
    second_look_s: float = 0.0,
) -> UpkeepCounts:
    """Resolve attempts whose lease ran out, publish those unclaimed for `grace_s` again, finish and sweep campaigns.

    `hangup` reaches the channels of `node` (None: of all nodes), `nodes` those of others; attempts of nodes that
    cannot be reached are left alone until their call must have ended. With several `nodes`, attempts that nobody
    claimed go to another one, and the silent node is paused. Two upkeeps at once do no harm: every step is conditional.
    With `second_look_s`, leases that are renewed within that time have not run out.
    """
    overdue = await _overdue(ledger, now, quiet_after_restart_s)
    if overdue and second_look_s:
        await asyncio.sleep(second_look_s)
        known = {attempt.attempt_id for attempt in overdue}
        again = await _overdue(ledger, now, quiet_after_restart_s)
        overdue = [attempt for attempt in again if attempt.attempt_id in known]
    async with ledger.begin() as tx:
        moment = now or await database_now(tx)
    reach = _Reach(hangup, node, nodes or {})
    lost, kept = await _resolve(ledger, overdue, reach, moment, time_scale)
    async with ledger.begin() as tx:
        silent = await trunks.silent_nodes(tx, moment - timedelta(seconds=grace_s))
        stale = await claims.republish_stale(tx, moment, grace_s)
        stale, moved = await _move_from_silent(tx, stale, silent, list(reach.elsewhere), moment)
        await recall.forget_days(tx, (moment - _KEEP_DIAL_COUNTS).date())
        stopped = await rows.list_campaigns(tx, [CampaignState.STOPPED])
    if stale:
        publish(stale)
    for campaign in stopped:
        await skip_remaining(ledger, campaign, moment)
    finished = await finish_done(ledger, moment)
    return UpkeepCounts(lost, kept, len(stale), len(finished), moved)


async def _overdue(ledger: Ledger, now: datetime | None, quiet_after_restart_s: float) -> list[ExpiredAttempt]:
    async with ledger.begin() as tx:
        moment = now or await database_now(tx)
        quiet = await database_uptime_s(tx) < quiet_after_restart_s
        return [] if quiet else await claims.expired_attempts(tx, moment)


async def _move_from_silent(
    tx: AsyncConnection, stale: Sequence[Released], silent: set[str], nodes: Sequence[str], now: datetime
) -> tuple[Sequence[Released], int]:
    """Pause the nodes on which nobody takes attempts, and share those among the others, if there are any."""
    others = [trunk.node for trunk in await trunks.open_trunks(tx, nodes, now) if not trunk.trial]
    others = [node for node in others if node not in silent]
    waiting = [attempt.attempt_id for attempt in stale if attempt.node in silent]
    if not waiting or not others:
        return stale, 0
    for node in silent:
        await trunks.node_silent(tx, node, now)
        _log.warning("node_silent", node=node)
    to = dict(zip(waiting, cycle(others), strict=False))
    moved = await trunks.move_attempts(tx, to)
    return [Released(one.attempt_id, to.get(one.attempt_id, one.node)) for one in stale], len(moved)


async def _resolve(
    ledger: Ledger, overdue: list[ExpiredAttempt], reach: _Reach, now: datetime, time_scale: float
) -> tuple[int, int]:
    """Hang up and settle overdue attempts as lost; how many were, and how many had to be left for later."""
    places = asyncio.Semaphore(_HANGUPS_AT_ONCE)

    async def one(attempt: ExpiredAttempt) -> bool | None:
        async with places:
            if not await _surely_ended(attempt, reach, now):
                return None
            try:
                return await _settle_lost(ledger, attempt, now, time_scale)
            except LedgerError as error:
                # A worker that froze in the middle of a transaction holds the row until PostgreSQL cuts it off.
                _log.warning("overdue_attempt_not_settled", attempt_id=attempt.attempt_id, error=str(error))
                return None

    results = await asyncio.gather(*(one(attempt) for attempt in overdue))
    return results.count(True), results.count(None)


async def _surely_ended(attempt: ExpiredAttempt, reach: _Reach, now: datetime) -> bool:
    """Hang up. If the node cannot be asked, wait until its own cap must have ended the call: nobody is called twice."""
    hangup = reach.of(attempt.node)
    if hangup is not None:
        try:
            await hangup(attempt.attempt_id)
        except TelephonyError as error:
            _log.warning("overdue_attempt_node_silent", attempt_id=attempt.attempt_id, error=str(error))
        else:
            return True
    longest_s = attempt.plan.ring_timeout_s + attempt.plan.max_call_s + _SILENT_NODE_MARGIN_S
    return now > attempt.lease_until + timedelta(seconds=longest_s)


async def _settle_lost(ledger: Ledger, attempt: ExpiredAttempt, now: datetime, time_scale: float) -> bool:
    """False if its worker was quicker after all. A decision that the worker had noted counts, whatever became of it."""
    async with ledger.begin() as tx:
        outcome = await lock_noted(tx, attempt.attempt_id) or Outcome(Disposition.LOST)
        step = next_step(
            outcome,
            attempt_number=attempt.number,
            now=now,
            countdowns_s=attempt.plan.retry_countdowns_s,
            window=attempt.plan.window,
            timezone=attempt.timezone,
            time_scale=time_scale,
        )
        lost = await claims.settle_attempt(
            tx, attempt_id=attempt.attempt_id, worker=None, outcome=outcome, step=step, now=now, expired_before=now
        )
    if lost:
        _log.warning(
            "attempt_lost", attempt_id=attempt.attempt_id, worker=attempt.worker, disposition=outcome.disposition
        )
    return lost
