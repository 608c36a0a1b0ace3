"""Tables to take away: a campaign's orders, its calls (call detail records) and its analytics, as CSV for Excel."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from dialer import campaigns, reports
from dialer.reporting import call_records
from dialer.reporting.analytics import Analytics
from dialer.reporting.csv_file import BOM, ORDER_COLUMNS, csv_lines, order_cells
from dialer.reporting.order_list import PAGE_SIZE, order_page
from dialer.web.api.access import Context, Reader, Unmask, check_unmask
from dialer.web.api.campaigns import CampaignName
from dialer.web.context import WebContext
from dialer.web.problems import documented

router: Final = APIRouter(prefix="/api/v1/campaigns", tags=["campaigns"])
_TABLE: Final = documented(404)
_TABLE[200] = {"description": "A table", "content": {"text/csv": {"schema": {"type": "string"}}}}


@router.get("/{name}/orders.csv", summary="All orders as CSV", response_class=Response, responses=_TABLE)
async def orders_csv(name: CampaignName, context: Context, _: Reader) -> Response:
    """The table of `dialer report --csv`: one line per order, phones masked."""
    zone = await _zone_of(context, name)
    return download(f"{name}-orders.csv", orders_of(context, name, zone))


@router.get("/{name}/calls.csv", summary="All calls as CSV", response_class=Response, responses=_TABLE)
async def calls_csv(name: CampaignName, context: Context, scope: Reader, unmask: Unmask = False) -> Response:
    """Call detail records, one line per call that has ended, oldest first."""
    check_unmask(scope, unmask=unmask)
    zone = await _zone_of(context, name)
    return download(f"{name}-calls.csv", calls_of(context, name, zone, unmask=unmask))


@router.get("/{name}/analytics.csv", summary="Analytics as CSV", response_class=Response, responses=_TABLE)
async def analytics_csv(name: CampaignName, context: Context, _: Reader) -> Response:
    """One line per figure."""
    async with context.ledger.begin() as tx:
        return analytics_file(await reports.campaign_analytics(tx, name, context.settings.home))


async def _zone_of(context: WebContext, name: str) -> ZoneInfo:
    """Raises NotFoundError, before an answer has begun."""
    return ZoneInfo((await campaigns.find_campaign(context.ledger, name)).plan.window.timezone)


async def orders_of(context: WebContext, name: str, zone: ZoneInfo) -> AsyncIterator[str]:
    """The table's lines, each page in a transaction of its own: a slow reader holds nothing up."""
    yield csv_lines([ORDER_COLUMNS])
    after = 0
    while True:
        async with context.ledger.begin() as tx:
            page = await order_page(tx, name, after, PAGE_SIZE)
        if not page:
            return
        yield csv_lines(order_cells(line, zone) for line in page)
        after = page[-1].pk


async def calls_of(context: WebContext, name: str, zone: ZoneInfo, *, unmask: bool = False) -> AsyncIterator[str]:
    """As `orders_of`."""
    yield csv_lines([call_records.COLUMNS])
    after = None
    while True:
        async with context.ledger.begin() as tx:
            page = await call_records.call_page(tx, name, zone, after, unmask=unmask)
        if page is None:
            return
        yield csv_lines(page.rows)
        after = page.after


def download(file_name: str, lines: AsyncIterator[str]) -> StreamingResponse:
    """A table to save under that name."""

    async def encoded() -> AsyncIterator[bytes]:
        yield BOM.encode()
        async for text in lines:
            yield text.encode("utf-8", "replace")

    return StreamingResponse(encoded(), media_type="text/csv", headers=_saved_as(file_name))


def analytics_file(found: Analytics) -> Response:
    """The figures as a file to save."""
    body = (BOM + found.as_csv()).encode("utf-8", "replace")
    return Response(body, media_type="text/csv", headers=_saved_as(f"{found.campaign}-analytics.csv"))


def _saved_as(file_name: str) -> dict[str, str]:
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(file_name, safe='')}"}
