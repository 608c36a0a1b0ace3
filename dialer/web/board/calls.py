"""The board's pages of orders and of single calls."""

from __future__ import annotations

from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse
from starlette.responses import HTMLResponse

from dialer.conversation.recording import Line
from dialer.domain.order import FINAL_STATES, OrderState
from dialer.domain.outcome import Decision
from dialer.errors import NotFoundError
from dialer.ledger import listing
from dialer.ledger.campaigns import CampaignRow, list_campaigns
from dialer.ledger.listing import AttemptFilter, ListedAttempt, OrderFilter
from dialer.web.artifacts import recording_of, transcript_of
from dialer.web.board import render
from dialer.web.board.pages import CampaignId
from dialer.web.board.sessions import Session
from dialer.web.context import WebContext, context_of

router: Final = APIRouter(include_in_schema=False)
AttemptId = Annotated[str, Path(max_length=100, pattern=r"^[0-9A-Za-z-]+$")]
PAGE_SIZE: Final = 50
#: Longer lists are said to be longer than this.
MOST_COUNTED: Final = 100_000


@router.get("/board/campaigns/{campaign_id:int}/orders")
async def orders(
    campaign_id: CampaignId,
    request: Request,
    session: Session,
    order: Annotated[str, Query(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")] = "",
    state: OrderState | None = None,
    decision: Decision | None = None,
    after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
) -> HTMLResponse:
    """A campaign's orders, with filters."""
    campaign = await campaign_of(context_of(request), campaign_id)
    wanted = OrderFilter(campaign_id=campaign_id, state=state, decision=decision, order_id=order.strip() or None)
    async with context_of(request).ledger.begin() as tx:
        found = await listing.list_orders(tx, wanted, after_pk=after, limit=PAGE_SIZE + 1)
        count = await listing.count_listed(tx, wanted, MOST_COUNTED + 1)
    shown = found[:PAGE_SIZE]
    filters: dict[str, Any] = {"order": order, "state": state or "", "decision": decision or ""}
    return render.page(
        request,
        "orders",
        session=session,
        campaign=campaign,
        section="orders",
        orders=shown,
        filters=filters,
        count=count,
        most_counted=MOST_COUNTED,
        may_redial=state in FINAL_STATES or decision is not None,
        after=after,
        following=shown[-1].row.pk if len(found) > PAGE_SIZE else None,
        zone=ZoneInfo(campaign.plan.window.timezone),
    )


@router.get("/board/orders/{pk:int}")
async def order(pk: Annotated[int, Path(ge=1, le=2**63 - 1)], request: Request, session: Session) -> HTMLResponse:
    """One order with its calls."""
    context = context_of(request)
    async with context.ledger.begin() as tx:
        found = await listing.find_order(tx, pk)
        calls = await listing.list_attempts(tx, AttemptFilter(order_pk=pk), limit=100)
    if found is None:
        raise NotFoundError(f"no order has the key {pk}")
    campaign = await campaign_of(context, found.row.campaign_id)
    return render.page(
        request,
        "order",
        session=session,
        campaign=campaign,
        section="orders",
        order=found,
        calls=list(reversed(calls)),
        zone=ZoneInfo(campaign.plan.window.timezone),
    )


@router.get("/board/calls/{attempt_id}")
async def call(attempt_id: AttemptId, request: Request, session: Session) -> HTMLResponse:
    """One call: what was said, and its recording."""
    context = context_of(request)
    found = await _attempt(context, attempt_id)
    campaign = await campaign_of(context, found.campaign_id)
    return render.page(
        request,
        "call",
        session=session,
        campaign=campaign,
        section="orders",
        call=found,
        transcript=_spoken(await transcript_of(context.settings.home, found.row.artifacts)),
        has_recording=_has_recording(context, found),
        zone=ZoneInfo(campaign.plan.window.timezone),
    )


@router.get("/board/calls/{attempt_id}/recording")
async def recording(attempt_id: AttemptId, request: Request, _: Session) -> FileResponse:
    """Its recording; browsers ask for it in ranges."""
    context = context_of(request)
    found = await _attempt(context, attempt_id)
    return FileResponse(recording_of(context.settings.home, found.row.artifacts), media_type="audio/wav")


def _spoken(lines: list[dict[str, Any]] | None) -> list[Line]:
    """The transcript's lines that have words; what a file leaves out has its default."""
    known = [{name: line[name] for name in Line.__slots__ if name in line} for line in lines or []]
    return [Line(**line) for line in known if line.get("text")]


def _has_recording(context: WebContext, call: ListedAttempt) -> bool:
    try:
        recording_of(context.settings.home, call.row.artifacts)
    except NotFoundError:
        return False
    return True


async def _attempt(context: WebContext, attempt_id: str) -> ListedAttempt:
    async with context.ledger.begin() as tx:
        found = await listing.find_attempt(tx, attempt_id)
    if found is None:
        raise NotFoundError(f"no attempt has the id {attempt_id}")
    return found


async def campaign_of(context: WebContext, campaign_id: int) -> CampaignRow:
    """The campaign of that id. Raises NotFoundError."""
    async with context.ledger.begin() as tx:
        found = next((row for row in await list_campaigns(tx) if row.id == campaign_id), None)
    if found is None:
        raise NotFoundError(f"no campaign has the id {campaign_id}")
    return found
