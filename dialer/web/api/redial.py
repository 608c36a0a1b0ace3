"""Redial by hand: finished orders become a campaign of their own."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from pydantic import BaseModel, Field

from dialer import campaigns
from dialer.campaigns import Selection
from dialer.domain.order import OrderState
from dialer.domain.outcome import Decision
from dialer.errors import InputError
from dialer.web.api.access import Context, Controller
from dialer.web.api.campaigns import CampaignName
from dialer.web.api.schemas import Name, Strict, Word
from dialer.web.problems import FieldProblem, HttpProblem, documented

router: Final = APIRouter(prefix="/api/v1/campaigns", tags=["campaigns"])


class RedialRequest(Strict):
    """Which finished orders to call anew: those in one of the states or with one of the decisions; none given: the
    unreachable ones. `order_ids` picks single ones among them (all finished ones, if nothing else is given)."""

    into: Name = Field(description="The campaign to put them into; created as a draft if there is none.")
    states: list[OrderState] = Field([], max_length=8, examples=[["unreachable"]])
    decisions: list[Decision] = Field([], max_length=16, examples=[["cancelled"]])
    order_ids: list[Word] = Field([], max_length=10_000)


class RedialResult(BaseModel):
    """What became of it."""

    campaign: str
    created: bool = Field(description="It did not exist: start it, it is a draft.")
    accepted: int
    duplicates: int = Field(description="Orders that the campaign had already.")


@router.post("/{name}/redial", summary="Call finished orders anew", responses=documented(404, 409))
async def redial(name: CampaignName, wanted: RedialRequest, context: Context, _: Controller) -> RedialResult:
    """Copies them into another campaign, with its own ladder and report; here everything stays as it ended."""
    selection = Selection(tuple(wanted.states), tuple(wanted.decisions), tuple(wanted.order_ids))
    try:
        done = await campaigns.redial(context.ledger, name, wanted.into, selection)
    except InputError as error:
        # Right by itself, but not beside what the campaign holds.
        raise HttpProblem(409, str(error), errors=[FieldProblem(field=error.field, reason=error.reason)]) from error
    return RedialResult(
        campaign=done.campaign, created=done.created, accepted=done.accepted, duplicates=done.duplicates
    )
