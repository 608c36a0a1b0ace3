"""Orders and attempts: lists with filters, one of each, transcript and recording."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query
from fastapi.responses import FileResponse

from dialer import campaigns, privacy
from dialer.domain.order import OrderState
from dialer.domain.outcome import Decision, Disposition
from dialer.errors import InputError, NotFoundError
from dialer.intake import parse_phone
from dialer.ledger import listing
from dialer.ledger.listing import AttemptFilter, AttemptPlace, ListedAttempt, ListedOrder, OrderFilter
from dialer.web.api import schemas
from dialer.web.api.access import Context, Controller, Reader, Unmask, shown_phone
from dialer.web.artifacts import recording_of, transcript_of
from dialer.web.context import WebContext
from dialer.web.problems import documented
from dialer.web.tokens import Scope

router: Final = APIRouter(prefix="/api/v1", tags=["orders"])
_LARGEST: Final = 2**63 - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR: Final = r"^(live|[0-9]{1,17})~[0-9A-Za-z-]{1,64}$"
#: Fields of an attempt that the ledger and the API name alike.
_SAME: Final = (
    *("attempt_id", "order_pk", "number", "node", "counted", "published_at", "claimed_at", "answered_at"),
    *("ended_at", "disposition", "decision", "cause", "talk_s"),
)

Limit = Annotated[int, Query(ge=1, le=1000, description="Rows on a page.")]
CampaignFilter = Annotated[
    str | None, Query(max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$", description="A campaign's name.")
]
OrderNumber = Annotated[
    str | None, Query(max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$", description="The shop's number of the order.")
]
Key = Annotated[int, Path(ge=1, le=_LARGEST, description="The ledger's key of the order.")]
AttemptId = Annotated[str, Path(max_length=100, pattern=r"^[0-9A-Za-z-]+$")]


@router.get("/orders", summary="Orders", responses=documented(404))
async def list_orders(
    context: Context,
    scope: Reader,
    campaign: CampaignFilter = None,
    state: OrderState | None = None,
    decision: Decision | None = None,
    disposition: Disposition | None = None,
    order_id: OrderNumber = None,
    after: Annotated[int, Query(ge=0, le=_LARGEST, description="`next` of the page before.")] = 0,
    limit: Limit = 100,
    unmask: Unmask = False,
) -> schemas.OrderPage:
    """As they arrived; filters add up."""
    wanted = OrderFilter(
        campaign_id=await _campaign_id(context, campaign),
        state=state,
        decision=decision,
        disposition=disposition,
        order_id=order_id,
    )
    return await _order_page(context, wanted, scope, after=after, limit=limit, unmask=unmask)


@router.post("/orders/search", summary="Orders of a phone number", responses=documented(404))
async def search_orders(
    wanted: schemas.PhoneSearch, context: Context, scope: Reader, unmask: Unmask = False
) -> schemas.OrderPage:
    """Up to a thousand, over all campaigns. The number travels in the body, since addresses end up in logs."""
    try:
        phone = parse_phone(wanted.phone, context.dial_prefixes)
    except InputError as error:
        raise NotFoundError(f"this is no phone number that could be dialed: {error.reason}") from error
    return await _order_page(context, OrderFilter(phone=phone), scope, after=0, limit=1000, unmask=unmask)


async def _order_page(
    context: WebContext, wanted: OrderFilter, scope: Scope, *, after: int, limit: int, unmask: bool
) -> schemas.OrderPage:
    async with context.ledger.begin() as tx:
        found = await listing.list_orders(tx, wanted, after_pk=after, limit=limit)
    items = [order_out(order, scope, unmask=unmask) for order in found]
    return schemas.OrderPage(items=items, next=found[-1].row.pk if len(found) == limit else None)


@router.get("/orders/{pk:int}", summary="One order", responses=documented(404))
async def show_order(pk: Key, context: Context, scope: Reader, unmask: Unmask = False) -> schemas.OrderDetail:
    """Everything known about it, with its attempts; name and address as the shop sent them."""
    async with context.ledger.begin() as tx:
        found = await listing.find_order(tx, pk)
        tries = await listing.list_attempts(tx, AttemptFilter(order_pk=pk), limit=100)
    if found is None:
        raise NotFoundError(f"no order has the key {pk}")
    order = found.row.order
    return schemas.OrderDetail(
        **order_out(found, scope, unmask=unmask).model_dump(),
        customer_name=order.customer_name,
        delivery_date=order.delivery_date,
        delivery_window=order.delivery_window,
        address=order.address,
        timezone=order.timezone,
        attributes=order.attributes,
        data=found.data,
        tries=[attempt_out(item) for item in reversed(tries)],
    )


@router.post("/orders/{pk:int}/erase", summary="Forget an order's customer", responses=documented(404, 409))
async def erase_order(pk: Key, context: Context, _: Controller) -> schemas.Erased:
    """Removes phone, name, address, recordings and transcripts for good; the order stays in every count.

    Refused while the order is being called, or before the shop has its decision.
    """
    async with context.ledger.begin() as tx:
        found = await listing.find_order(tx, pk)
    if found is None:
        raise NotFoundError(f"no order has the key {pk}")
    order_id = found.row.order.order_id
    counts = await privacy.erase_order(context.ledger, context.settings.home, order_id, campaign=found.campaign)
    return schemas.Erased(files=counts.files)


@router.get("/attempts", summary="Attempts", responses=documented(404))
async def list_attempts(
    context: Context,
    _: Reader,
    campaign: CampaignFilter = None,
    order: Annotated[int | None, Query(ge=1, le=_LARGEST, description="The ledger's key of an order.")] = None,
    disposition: Disposition | None = None,
    decision: Decision | None = None,
    live: Annotated[bool | None, Query(description="true: not ended yet; false: ended.")] = None,
    after: Annotated[str | None, Query(pattern=_CURSOR, description="`next` of the page before.")] = None,
    limit: Limit = 100,
) -> schemas.AttemptPage:
    """Live ones first, then the last ended first; filters add up."""
    wanted = AttemptFilter(
        campaign_id=await _campaign_id(context, campaign),
        order_pk=order,
        disposition=disposition,
        decision=decision,
        live=live,
    )
    async with context.ledger.begin() as tx:
        found = await listing.list_attempts(tx, wanted, after=_place(after) if after else None, limit=limit)
    following = _cursor(found[-1]) if len(found) == limit else None
    return schemas.AttemptPage(items=[attempt_out(item) for item in found], next=following)


@router.get("/attempts/{attempt_id}", summary="One attempt, with its transcript", responses=documented(404))
async def show_attempt(attempt_id: AttemptId, context: Context, _: Reader) -> schemas.AttemptDetail:
    """What was said, when, and how it was understood."""
    found = await _attempt(context, attempt_id)
    transcript = await transcript_of(context.settings.home, found.row.artifacts)
    out = attempt_out(found)
    return schemas.AttemptDetail(
        **out.model_dump(),
        data=found.row.data,
        transcript=None if transcript is None else [schemas.TranscriptLine(**line) for line in transcript],
        recording_url=f"/api/v1/attempts/{attempt_id}/recording" if out.has_recording else None,
    )


@router.get(
    "/attempts/{attempt_id}/recording",
    summary="The recording",
    response_class=FileResponse,
    responses={200: {"content": {"audio/wav": {}}, "description": "Stereo WAV"}, **documented(404, 416)},
)
async def recording(attempt_id: AttemptId, context: Context, _: Reader) -> FileResponse:
    """Stereo WAV, 8 kHz: the bot on the left, the customer on the right. Ranges are served."""
    found = await _attempt(context, attempt_id)
    return FileResponse(recording_of(context.settings.home, found.row.artifacts), media_type="audio/wav")


async def _campaign_id(context: WebContext, name: str | None) -> int | None:
    return None if name is None else (await campaigns.find_campaign(context.ledger, name)).id


async def _attempt(context: WebContext, attempt_id: str) -> ListedAttempt:
    async with context.ledger.begin() as tx:
        found = await listing.find_attempt(tx, attempt_id)
    if found is None:
        raise NotFoundError(f"no attempt has the id {attempt_id}")
    return found


def order_out(order: ListedOrder, scope: Scope, *, unmask: bool) -> schemas.Order:
    """An order as the API shows it."""
    row = order.row
    waits = row.state in (OrderState.NEW, OrderState.WAITING)
    return schemas.Order(
        pk=row.pk,
        campaign=order.campaign,
        order_id=row.order.order_id,
        phone=shown_phone(row.order.phone, scope, unmask=unmask),
        amount=row.order.amount,
        state=row.state,
        decision=row.decision,
        disposition=row.disposition,
        skip_reason=row.skip_reason,
        attempts=row.attempts,
        due_at=row.due_at if waits else None,
        created_at=row.created_at,
        ended_at=row.ended_at,
        delivery=order.delivery,
    )


def attempt_out(item: ListedAttempt) -> schemas.Attempt:
    """An attempt as the API shows it."""
    row = item.row
    return schemas.Attempt(
        campaign=item.campaign,
        order_id=item.order.order_id,
        has_recording="recording" in row.artifacts,
        has_transcript="transcript" in row.artifacts,
        **{name: getattr(row, name) for name in _SAME},
    )


def _cursor(item: ListedAttempt) -> str:
    """`live~ID`, or `MICROSECONDS~ID` with the time since 1970 at which the attempt ended."""
    ended_at = item.row.ended_at
    return f"{(ended_at - _EPOCH) // timedelta(microseconds=1) if ended_at else 'live'}~{item.row.attempt_id}"


def _place(cursor: str) -> AttemptPlace:
    ended, _, attempt_id = cursor.partition("~")
    return AttemptPlace(None if ended == "live" else _EPOCH + timedelta(microseconds=int(ended)), attempt_id)
