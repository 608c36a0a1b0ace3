"""What became of an order: found by the shop's number over all campaigns."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from dialer.ledger import listing
from dialer.ledger.listing import OrderFilter
from dialer.web.board import render
from dialer.web.board.sessions import Session
from dialer.web.context import context_of

router: Final = APIRouter(include_in_schema=False)
#: An order is in a few campaigns at most: the first one, and whatever called it again.
_MOST: Final = 50


@router.get("/board/orders")
async def search(
    request: Request,
    session: Session,
    order: Annotated[str, Query(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")] = "",
) -> Response:
    """The order's page; a list, if several campaigns have it or none."""
    wanted = order.strip()
    if not wanted:
        return RedirectResponse("/board", 303)
    async with context_of(request).ledger.begin() as tx:
        found = await listing.list_orders(tx, OrderFilter(order_id=wanted), limit=_MOST)
    if len(found) == 1:
        return RedirectResponse(f"/board/orders/{found[0].row.pk}", 303)
    return render.page(request, "search", session=session, orders=found, wanted=wanted)
