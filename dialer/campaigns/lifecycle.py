"""A campaign's life: created, opened (by ops or by cron), paused, stopped, finished."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.campaigns.plans import check_name, check_plan, last_opening
from dialer.domain.campaign import CampaignPlan, CampaignState
from dialer.errors import ConflictError
from dialer.ledger import campaigns as rows
from dialer.ledger import recall
from dialer.ledger.campaigns import CampaignRow
from dialer.ledger.store import Ledger, database_now

_log = structlog.get_logger()
#: Orders skipped in one transaction, so that stopping a million locks nobody out.
_SKIP_CHUNK = 20_000


async def create_campaign(ledger: Ledger, plan: CampaignPlan, now: datetime | None = None) -> CampaignRow:
    """A new campaign in state draft. Raises InputError, ConflictError if the name is taken."""
    check_name(plan.name)
    check_plan(plan)
    try:
        async with ledger.begin() as tx:
            await rows.create_campaign(tx, plan, now or await database_now(tx))
            return await _known(tx, plan.name)
    except ConflictError as error:
        raise ConflictError(f"campaign {plan.name!r} exists already") from error


async def change_plan(ledger: Ledger, name: str, change: Callable[[CampaignPlan], CampaignPlan]) -> CampaignRow:
    """Change a campaign's plan for the next calls; of two changes at once the second begins with the first's result.

    Raises InputError, NotFoundError, and what `change` raises.
    """
    async with ledger.begin() as tx:
        campaign = await rows.lock_campaign(tx, name)
        if campaign is None:
            raise await rows.unknown_campaign(tx, name)
        plan = change(campaign.plan)
        check_plan(plan)
        await rows.update_plan(tx, campaign.id, plan)
        return replace(campaign, plan=plan)


async def find_campaign(ledger: Ledger, name: str) -> CampaignRow:
    """Raises NotFoundError."""
    async with ledger.begin() as tx:
        return await _known(tx, name)


async def _known(tx: AsyncConnection, name: str) -> CampaignRow:
    campaign = await rows.get_campaign(tx, name)
    if campaign is None:
        raise await rows.unknown_campaign(tx, name)
    return campaign


async def start(ledger: Ledger, name: str, now: datetime | None = None) -> CampaignRow:
    """Release due orders from now on. Raises NotFoundError; ConflictError for a paused or stopped campaign."""
    return await _move(ledger, name, CampaignState.RUNNING, {CampaignState.DRAFT, CampaignState.FINISHED}, now)


async def pause(ledger: Ledger, name: str, now: datetime | None = None) -> CampaignRow:
    """Release nothing more; what was released and not dialed goes back; live calls end by themselves."""
    return await _move(ledger, name, CampaignState.PAUSED, {CampaignState.RUNNING}, now)


async def resume(ledger: Ledger, name: str, now: datetime | None = None) -> CampaignRow:
    """Go on after a pause."""
    return await _move(ledger, name, CampaignState.RUNNING, {CampaignState.PAUSED}, now)


async def stop(ledger: Ledger, name: str, now: datetime | None = None) -> CampaignRow:
    """End the campaign for good: orders that are not being called are skipped; live calls end by themselves."""
    anywhere = set(CampaignState) - {CampaignState.STOPPED}
    campaign = await _move(ledger, name, CampaignState.STOPPED, anywhere, now)
    await skip_remaining(ledger, campaign, now)
    return campaign


async def _move(
    ledger: Ledger, name: str, to: CampaignState, only_from: set[CampaignState], now: datetime | None
) -> CampaignRow:
    """Change a campaign's state (nothing happens if it is there already) and take back what was not dialed."""
    async with ledger.begin() as tx:
        moment = now or await database_now(tx)
        campaign = await _known(tx, name)
        if campaign.state is to:
            return campaign
        if not await rows.set_state(tx, campaign.id, to, only_from=only_from, now=moment):
            raise ConflictError(f"campaign {name!r} is {campaign.state}: {_way_out(campaign.state, to)}")
        if to in (CampaignState.PAUSED, CampaignState.STOPPED):
            await recall.recall_unclaimed(tx, campaign.id, moment)
        _log.info("campaign_moved", campaign_id=campaign.id, state=to)
        return await _known(tx, name)


def _way_out(state: CampaignState, to: CampaignState) -> str:
    if state is CampaignState.STOPPED:
        return "that is for good; redial puts its orders into another campaign"
    if to is CampaignState.PAUSED:
        return "only a running one can be paused"
    return "resume it" if state is CampaignState.PAUSED else "start it"


async def skip_remaining(ledger: Ledger, campaign: CampaignRow, now: datetime | None = None) -> int:
    """Skip what a stopped campaign still has to call; returns how many."""
    skipped = 0
    while True:
        async with ledger.begin() as tx:
            moment = now or await database_now(tx)
            chunk = await recall.skip_remaining(tx, campaign.id, "stopped", moment, _SKIP_CHUNK)
        skipped += chunk
        if chunk == 0:
            return skipped


async def open_due(ledger: Ledger, now: datetime | None = None) -> list[str]:
    """Start the campaigns whose cron time has come since their last opening (or their creation); their names.

    Late, missed and doubled ticks open a campaign once: the opening acted upon is remembered in the same statement.
    """
    opened = []
    async with ledger.begin() as tx:
        moment = now or await database_now(tx)
        states = (CampaignState.DRAFT, CampaignState.RUNNING, CampaignState.FINISHED)
        for campaign in await rows.list_campaigns(tx, states):
            opening = last_opening(campaign.plan, moment)
            if opening is None or opening <= (campaign.opened_at or campaign.created_at):
                continue
            idle = (CampaignState.DRAFT, CampaignState.FINISHED)
            if await rows.record_opening(tx, campaign, opening) and await rows.set_state(
                tx, campaign.id, CampaignState.RUNNING, only_from=idle, now=moment
            ):
                opened.append(campaign.name)
    return opened


async def finish_done(ledger: Ledger, now: datetime | None = None) -> list[str]:
    """Finish the running campaigns whose orders have all reached a final state; their names."""
    async with ledger.begin() as tx:
        return await recall.finish_done(tx, now or await database_now(tx))
