"""The emergency stop: every campaign, every live call, now."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from dialer.campaigns.lifecycle import skip_remaining
from dialer.campaigns.upkeep import Hangup
from dialer.domain.campaign import CampaignState
from dialer.domain.outcome import Disposition, Outcome
from dialer.domain.policy import CallAgain, Decided, NextStep, Skip
from dialer.errors import LedgerError, TelephonyError
from dialer.ledger import campaigns as rows
from dialer.ledger import claims, recall
from dialer.ledger.campaigns import CampaignRow
from dialer.ledger.late import lock_noted
from dialer.ledger.open_calls import open_calls
from dialer.ledger.store import Ledger, database_now

_log = structlog.get_logger()

#: Looks for calls that a worker claimed in the instant of the stop; a claim takes milliseconds.
_LOOKS = 3
_LOOK_PAUSE_S = 0.1
_HANGUPS_AT_ONCE = 50
_STOPPABLE = (CampaignState.DRAFT, CampaignState.RUNNING, CampaignState.PAUSED)


@dataclass(frozen=True, slots=True)
class StoppedAll:
    """What was stopped. `left_to_workers`: calls whose node this process cannot reach; their workers hang them up."""

    campaigns: int
    calls: int
    left_to_workers: int


async def stop_all(
    ledger: Ledger, hangup: Hangup, *, resumable: bool = False, now: datetime | None = None
) -> StoppedAll:
    """Stop all campaigns for good (`resumable`: pause those that run) and end every live call.

    A decision that was noted in a call counts. Workers notice within a second that their calls are no longer theirs
    and hang up; `hangup` is quicker where it reaches. What cannot be stopped now (somebody who froze holds its row)
    keeps nothing else from being stopped. Repeating it is harmless. Raises LedgerError when something was left.
    """
    line, failed = _Hangups(hangup), _Failed()
    try:
        stopped = await _stop_campaigns(ledger, resumable, now, failed)
        for look in range(_LOOKS):
            if look:
                await asyncio.sleep(_LOOK_PAUSE_S)
            failed.ends = await _end_calls(ledger, line, resumable, now)
        if not resumable:
            for campaign in stopped:
                await skip_remaining(ledger, campaign, now)
    finally:
        reached = await line.all_over()
    failed.tell()
    return StoppedAll(len(stopped), len(reached), reached.count(False))


@dataclass(slots=True)
class _Failed:
    """What could not be stopped: campaigns, and the calls of the last look."""

    campaigns: list[LedgerError] = field(default_factory=list)
    ends: list[LedgerError] = field(default_factory=list)

    def tell(self) -> None:
        """Raise the first."""
        for error in [*self.campaigns, *self.ends]:
            raise error


class _Hangups:
    """Hanging up in the background: a node that does not answer must not keep the ledger waiting."""

    def __init__(self, hangup: Hangup) -> None:
        self._hangup = hangup
        self._places = asyncio.Semaphore(_HANGUPS_AT_ONCE)
        self._tasks: dict[str, asyncio.Task[bool]] = {}

    def begin(self, attempt_id: str) -> None:
        """Hang up, once."""
        if attempt_id not in self._tasks:
            self._tasks[attempt_id] = asyncio.create_task(self._one(attempt_id))

    async def all_over(self) -> list[bool]:
        """Per call, whether its node was reached."""
        return await asyncio.gather(*self._tasks.values())

    async def _one(self, attempt_id: str) -> bool:
        async with self._places:
            try:
                await self._hangup(attempt_id)
            except TelephonyError as error:
                _log.warning("call_left_to_its_worker", attempt_id=attempt_id, error=str(error))
                return False
        return True


async def _stop_campaigns(ledger: Ledger, resumable: bool, now: datetime | None, failed: _Failed) -> list[CampaignRow]:
    """Nothing is released or claimed from here on; what was not claimed goes back."""
    states = (CampaignState.RUNNING,) if resumable else _STOPPABLE
    async with ledger.begin() as tx:
        found = await rows.list_campaigns(tx, states)
    to = CampaignState.PAUSED if resumable else CampaignState.STOPPED

    async def stop(campaign: CampaignRow) -> None:
        async with ledger.begin() as tx:
            await rows.set_state(tx, campaign.id, to, only_from=states, now=now or await database_now(tx))
        async with ledger.begin() as tx:
            await recall.recall_unclaimed(tx, campaign.id, now or await database_now(tx))

    failed.campaigns = _ledger_errors(await asyncio.gather(*map(stop, found), return_exceptions=True))
    _log.warning("all_campaigns_stopped", campaigns=len(found), failed=len(failed.campaigns), resumable=resumable)
    return found


def _ledger_errors(results: Sequence[BaseException | None]) -> list[LedgerError]:
    """Those; raises anything else at once."""
    for result in results:
        if result is not None and not isinstance(result, LedgerError):
            raise result
    return [result for result in results if isinstance(result, LedgerError)]


async def _end_calls(ledger: Ledger, line: _Hangups, resumable: bool, now: datetime | None) -> list[LedgerError]:
    """End every open call on the line and in the ledger at once; what the ledger did not do."""
    async with ledger.begin() as tx:
        found = await open_calls(tx)
    for attempt_id in found:
        line.begin(attempt_id)
    ends = (_settle(ledger, attempt_id, resumable, now) for attempt_id in found)
    return _ledger_errors(await asyncio.gather(*ends, return_exceptions=True))


async def _settle(ledger: Ledger, attempt_id: str, resumable: bool, now: datetime | None) -> None:
    """One call in one transaction: workers lock many calls at once, in an order of their own."""
    async with ledger.begin() as tx:
        moment = now or await database_now(tx)
        noted = await lock_noted(tx, attempt_id)
        outcome = noted or Outcome(Disposition.LOST)
        step: NextStep = Decided() if noted else CallAgain(moment) if resumable else Skip("stopped")
        await claims.settle_attempt(tx, attempt_id=attempt_id, worker=None, outcome=outcome, step=step, now=moment)
