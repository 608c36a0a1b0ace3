"""The board's form that calls a list of finished orders anew."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ValidationError
from starlette.responses import RedirectResponse, Response

from dialer import campaigns
from dialer.campaigns import Selection
from dialer.domain.order import OrderState
from dialer.domain.outcome import Decision
from dialer.errors import InputError
from dialer.web.api.schemas import Name
from dialer.web.board.calls import campaign_of
from dialer.web.board.pages import CampaignId, snapshots_of
from dialer.web.board.sessions import Session, checked_form
from dialer.web.context import context_of
from dialer.web.problems import HttpProblem
from dialer.web.tokens import Scope

router: Final = APIRouter(include_in_schema=False)


class RedialForm(BaseModel):
    """The list's filters, and the campaign to put its orders into."""

    into: Name
    state: OrderState | None = None
    decision: Decision | None = None
    order: str = ""

    @property
    def selection(self) -> Selection:
        """What the list shows. A decision says more than the state, which is `decided` then."""
        return Selection(
            states=() if self.decision or not self.state else (self.state,),
            decisions=(self.decision,) if self.decision else (),
            order_ids=(self.order,) if self.order else (),
        )


@router.post("/board/campaigns/{campaign_id:int}/orders/redial")
async def redial(
    campaign_id: CampaignId, request: Request, session: Session, form: Annotated[dict[str, str], Depends(checked_form)]
) -> Response:
    """The orders of a list become a campaign of their own, which is shown next."""
    if session.scope < Scope.CONTROL:
        raise HttpProblem(403, "this needs a control token")
    context = context_of(request)
    campaign = await campaign_of(context, campaign_id)
    try:
        wanted = RedialForm.model_validate({name: value.strip() for name, value in form.items() if value.strip()})
        done = await campaigns.redial(context.ledger, campaign.name, wanted.into, wanted.selection)
    except (InputError, ValidationError) as error:
        reason = str(error) if isinstance(error, InputError) else "into: this is not a name"
        raise HttpProblem(409, reason) from error
    snapshots_of(request).forget()
    target = await campaigns.find_campaign(context.ledger, done.campaign)
    return RedirectResponse(f"/board/campaigns/{target.id}", 303)
