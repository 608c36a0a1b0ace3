"""Campaigns: create, look, change, start, pause, resume, stop, report."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Path, Response

from dialer import campaigns, reports
from dialer.domain.campaign import CampaignPlan, CampaignState
from dialer.ledger.campaigns import CampaignRow, list_campaigns
from dialer.ledger.orders import count_orders
from dialer.ledger.store import Ledger
from dialer.web.api.access import Context, Controller, Reader
from dialer.web.api.plans import campaign_out, changed_plan
from dialer.web.api.schemas import Campaign, CampaignPage, NewCampaign, PlanFields
from dialer.web.problems import documented

router: Final = APIRouter(prefix="/api/v1/campaigns", tags=["campaigns"])
CampaignName = Annotated[str, Path(max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$", description="The campaign's name.")]

_MISSING = documented(404)
_CHANGES = documented(404, 409)


@router.get("", summary="All campaigns")
async def list_all(context: Context, _: Reader, state: CampaignState | None = None) -> CampaignPage:
    """Oldest first, with their orders by state."""
    async with context.ledger.begin() as tx:
        found = await list_campaigns(tx, [state] if state else ())
        return CampaignPage(items=[campaign_out(row, await count_orders(tx, row.id)) for row in found])


@router.post("", status_code=201, summary="Create a campaign", responses=documented(409))
async def create(wanted: NewCampaign, context: Context, response: Response, _: Controller) -> Campaign:
    """A draft: start it, or let its cron open it."""
    plan = changed_plan(CampaignPlan(name=wanted.name), wanted)
    made = await campaigns.create_campaign(context.ledger, plan)
    response.headers["Location"] = f"{router.prefix}/{quote(made.name, safe='')}"
    return await _shown(context.ledger, made)


@router.get("/{name}", summary="One campaign", responses=_MISSING)
async def show(name: CampaignName, context: Context, _: Reader) -> Campaign:
    """Its plan and its orders by state."""
    return await _shown(context.ledger, await campaigns.find_campaign(context.ledger, name))


@router.patch("/{name}", summary="Change a campaign's plan", responses=_CHANGES)
async def change(name: CampaignName, wanted: PlanFields, context: Context, _: Controller) -> Campaign:
    """What is given is changed, for the next calls; calls that run keep what they began with."""
    changed = await campaigns.change_plan(context.ledger, name, lambda plan: changed_plan(plan, wanted))
    return await _shown(context.ledger, changed)


@router.post("/{name}/start", summary="Start calling", responses=_CHANGES)
async def start(name: CampaignName, context: Context, _: Controller) -> Campaign:
    """Inside the calling window, from now on."""
    return await _shown(context.ledger, await campaigns.start(context.ledger, name))


@router.post("/{name}/pause", summary="Pause", responses=_CHANGES)
async def pause(name: CampaignName, context: Context, _: Controller) -> Campaign:
    """No new calls; live ones end by themselves."""
    return await _shown(context.ledger, await campaigns.pause(context.ledger, name))


@router.post("/{name}/resume", summary="Go on after a pause", responses=_CHANGES)
async def resume(name: CampaignName, context: Context, _: Controller) -> Campaign:
    """Calls are placed again."""
    return await _shown(context.ledger, await campaigns.resume(context.ledger, name))


@router.post("/{name}/stop", summary="Stop for good", responses=_CHANGES)
async def stop(name: CampaignName, context: Context, _: Controller) -> Campaign:
    """Orders that have not been called are skipped; live calls end by themselves."""
    return await _shown(context.ledger, await campaigns.stop(context.ledger, name))


@router.get("/{name}/report", summary="The report's numbers", responses=_MISSING)
async def report(name: CampaignName, context: Context, _: Reader) -> dict[str, Any]:
    """The same numbers as `dialer report --json`; what each means: docs/reports.md."""
    now = await context.ledger.now()
    async with context.ledger.begin() as tx:
        return (await reports.campaign_report(tx, name, now)).as_json()


@router.get("/{name}/analytics", summary="Rates, reasons and costs", responses=_MISSING)
async def analytics(name: CampaignName, context: Context, _: Reader) -> dict[str, Any]:
    """By hour, weekday, attempt number and region; reasons of refusal; costs. What each means: docs/board.md."""
    async with context.ledger.begin() as tx:
        return (await reports.campaign_analytics(tx, name, context.settings.home)).as_json()


async def _shown(ledger: Ledger, campaign: CampaignRow) -> Campaign:
    async with ledger.begin() as tx:
        return campaign_out(campaign, await count_orders(tx, campaign.id))
