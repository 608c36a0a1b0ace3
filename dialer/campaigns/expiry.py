"""The end of a campaign's last day: what was not called is skipped, and the campaign is finished."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.domain.campaign import CampaignState
from dialer.ledger import campaigns as rows
from dialer.ledger import recall
from dialer.ledger.campaigns import CampaignRow
from dialer.ledger.store import Ledger, database_now

_log = structlog.get_logger()
_CLOSABLE = frozenset({CampaignState.DRAFT, CampaignState.RUNNING, CampaignState.PAUSED})
#: Orders skipped in one transaction.
_SKIP_CHUNK = 20_000
EXPIRED = "expired"


async def close_expired(ledger: Ledger, now: datetime | None = None) -> list[str]:
    """Close the campaigns whose last day (`window.valid_until`) is over; the names of those that finished.

    A recipient's own zone decides until when it may be called, so orders are skipped zone by zone. A campaign is
    finished with its last zone and its last live call. Repeating it is harmless.
    """
    async with ledger.begin() as tx:
        moment = now or await database_now(tx)
        dated = [row for row in await rows.list_campaigns(tx, _CLOSABLE) if row.plan.window.valid_until]
    finished = []
    for campaign in dated:
        while await _skip_some(ledger, campaign, moment):
            pass
        if await _finish(ledger, campaign, moment):
            _log.info("campaign_expired", campaign_id=campaign.id)
            finished.append(campaign.name)
    return finished


async def _skip_some(ledger: Ledger, campaign: CampaignRow, now: datetime) -> bool:
    """Skip a chunk of the orders whose zone's last day is over; False when none was left."""
    async with ledger.begin() as tx:
        over = await _zones_over(tx, campaign, now)
        return bool(over) and await recall.skip_zones(tx, campaign.id, over, EXPIRED, now, _SKIP_CHUNK) > 0


async def _zones_over(tx: AsyncConnection, campaign: CampaignRow, now: datetime) -> list[str]:
    zones = await recall.open_zones(tx, campaign.id)
    window = campaign.plan.window
    return [zone for zone, releasable in zones.items() if releasable and window.is_over(now, zone or None)]


async def _finish(ledger: Ledger, campaign: CampaignRow, now: datetime) -> bool:
    async with ledger.begin() as tx:
        await rows.lock_campaign(tx, campaign.name)  # an import under way ends first
        if not campaign.plan.window.is_over(now) or await recall.open_zones(tx, campaign.id):
            return False
        return await rows.set_state(tx, campaign.id, CampaignState.FINISHED, only_from=_CLOSABLE, now=now)
