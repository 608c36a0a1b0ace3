"""The emergency stop: every campaign, every live call, now."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from dialer.campaigns.lifecycle import skip_remaining
from dialer.campaigns.upkeep import Hangup
from dialer.domain.campaign import CampaignState
from dialer.domain.outcome import Disposition, Outcome
from dialer.domain.policy import CallAgain, Decided, NextStep, Skip
from dialer.errors import TelephonyError
from dialer.ledger import campaigns as rows
from dialer.ledger import claims, recall
from dialer.ledger.campaigns import CampaignRow
from dialer.ledger.open_calls import OpenCall, open_calls
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
    and hang up; `hangup` is quicker where it reaches. Repeating it is harmless. Raises LedgerError.
    """
    stopped = await _stop_campaigns(ledger, resumable, now)
    calls: dict[str, bool] = {}
    for look in range(_LOOKS):
        if look:
            await asyncio.sleep(_LOOK_PAUSE_S)
        calls |= await _end_calls(ledger, hangup, resumable, now)
    if not resumable:
        for campaign in stopped:
            await skip_remaining(ledger, campaign, now)
    return StoppedAll(len(stopped), len(calls), list(calls.values()).count(False))


async def _stop_campaigns(ledger: Ledger, resumable: bool, now: datetime | None) -> list[CampaignRow]:
    """Nothing is released or claimed from here on; what was not claimed goes back."""
    states = (CampaignState.RUNNING,) if resumable else _STOPPABLE
    async with ledger.begin() as tx:
        moment = now or await database_now(tx)
        found = await rows.list_campaigns(tx, states)
        to = CampaignState.PAUSED if resumable else CampaignState.STOPPED
        for campaign in found:
            await rows.set_state(tx, campaign.id, to, only_from=states, now=moment)
            await recall.recall_unclaimed(tx, campaign.id, moment)
    _log.warning("all_campaigns_stopped", campaigns=len(found), resumable=resumable)
    return found


async def _end_calls(ledger: Ledger, hangup: Hangup, resumable: bool, now: datetime | None) -> dict[str, bool]:
    """End every open call in the ledger and on the line at once; attempt -> whether its node was reached."""
    async with ledger.begin() as tx:
        found = await open_calls(tx)
    places = asyncio.Semaphore(_HANGUPS_AT_ONCE)

    async def hang_up(call: OpenCall) -> bool:
        async with places:
            try:
                await hangup(call.attempt_id)
            except TelephonyError as error:
                _log.warning("call_left_to_its_worker", attempt_id=call.attempt_id, error=str(error))
                return False
        return True

    reached, _ = await asyncio.gather(
        asyncio.gather(*(hang_up(call) for call in found)), _settle(ledger, found, resumable, now)
    )
    return dict(zip((call.attempt_id for call in found), reached, strict=True))


async def _settle(ledger: Ledger, found: Sequence[OpenCall], resumable: bool, now: datetime | None) -> None:
    async with ledger.begin() as tx:
        moment = now or await database_now(tx)
        for call in found:
            outcome = call.noted or Outcome(Disposition.LOST)
            step: NextStep = Decided() if call.noted else CallAgain(moment) if resumable else Skip("stopped")
            await claims.settle_attempt(
                tx, attempt_id=call.attempt_id, worker=None, outcome=outcome, step=step, now=moment
            )
