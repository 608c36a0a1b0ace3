"""The board's analytics page and its CSV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from dialer import reports
from dialer.errors import NotFoundError
from dialer.reporting import charts
from dialer.reporting.analytics import Analytics, Bucket
from dialer.reporting.charts import Column, Slice
from dialer.reporting.model import CONFIRMATION_GOAL
from dialer.reporting.names import WEEKDAYS, region_name
from dialer.web.api.exports import analytics_file, calls_of, download, orders_of
from dialer.web.board import render
from dialer.web.board.calls import campaign_of
from dialer.web.board.language import Speech, speech_of
from dialer.web.board.pages import CampaignId
from dialer.web.board.sessions import Session
from dialer.web.board.words import DISPOSITIONS
from dialer.web.context import WebContext, context_of

router: Final = APIRouter(include_in_schema=False)
_TABLES: Final = {"orders": orders_of, "calls": calls_of}
#: Regions beyond these are in the CSV.
_SHOWN_REGIONS: Final = 12


@dataclass(frozen=True, slots=True)
class Picture:
    """One chart with its figures. Buckets are named as the reader says them."""

    title: str
    svg: str
    buckets: list[tuple[str, Bucket]]


@router.get("/board/campaigns/{campaign_id:int}/analytics")
async def analytics(campaign_id: CampaignId, request: Request, session: Session) -> HTMLResponse:
    """Rates, reasons and costs."""
    context, speech = context_of(request), speech_of(request)
    campaign = await campaign_of(context, campaign_id)
    found = await _ask(context, campaign.name, speech.language)
    return render.page(
        request,
        "analytics",
        session=session,
        campaign=campaign,
        section="analytics",
        found=found,
        pictures=pictures(found, speech),
        answered_of=_answered_of,
        regions=[(region_name(bucket.key, speech.language), bucket) for bucket in found.regions[:_SHOWN_REGIONS]],
    )


@router.get("/board/campaigns/{campaign_id:int}/analytics.csv")
async def analytics_csv(campaign_id: CampaignId, request: Request, _: Session) -> Response:
    """Every figure, for Excel."""
    context = context_of(request)
    campaign = await campaign_of(context, campaign_id)
    return analytics_file(await _ask(context, campaign.name, speech_of(request).language))


@router.get("/board/campaigns/{campaign_id:int}/{table}.csv")
async def table_csv(campaign_id: CampaignId, table: str, request: Request, _: Session) -> Response:
    """All orders, or all calls, for Excel."""
    context = context_of(request)
    campaign = await campaign_of(context, campaign_id)
    if table not in _TABLES:
        raise NotFoundError("there is no such table")
    lines = _TABLES[table](context, campaign.name, ZoneInfo(campaign.plan.window.timezone))
    return download(f"{campaign.name}-{table}.csv", lines)


async def _ask(context: WebContext, name: str, language: str) -> Analytics:
    async with context.ledger.begin() as tx:
        return await reports.campaign_analytics(tx, name, context.settings.home, language)


def pictures(found: Analytics, speech: Speech) -> list[Picture]:
    """The charts by time and by attempt number."""
    weekdays = WEEKDAYS[speech.language]
    return [
        _picture(speech, "by_hour", found.shown_hours, lambda bucket: bucket.key, width=1100),
        _picture(speech, "by_weekday", found.weekdays, lambda bucket: weekdays[int(bucket.key) - 1]),
        _picture(speech, "by_number", found.numbers, lambda bucket: bucket.key),
    ]


def _picture(
    speech: Speech,
    title: str,
    buckets: Sequence[Bucket],
    name: Callable[[Bucket], str],
    *,
    width: int = 440,
) -> Picture:
    named = [(name(bucket), bucket) for bucket in buckets]
    items = [
        Column(label, bucket.answered, bucket.attempts, _title(speech, label, bucket), bucket.confirmation_rate)
        for label, bucket in named
    ]
    spoken = f"{speech(title)}: " + "; ".join(item.title for item in items if item.whole)
    return Picture(speech(title), charts.columns(items, spoken, CONFIRMATION_GOAL, width=width), named)


def _title(speech: Speech, label: str, bucket: Bucket) -> str:
    reach, confirmed = speech.percent(bucket.reach_rate, 0), speech.percent(bucket.confirmation_rate, 0)
    calls = f"{label}: {speech('calls').lower()} {speech.number(bucket.attempts)}"
    return f"{calls}, {speech('reach_rate').lower()} {reach}, {speech('confirmation_rate').lower()} {confirmed}"


def _answered_of(speech: Speech, bucket: Bucket) -> list[Slice]:
    """A bucket's calls as the two parts of a bar."""
    missed = bucket.attempts - bucket.answered
    return [
        Slice(speech("columns_answered"), "live", bucket.answered),
        Slice(speech.word(DISPOSITIONS, "no_answer"), "live2", missed),
    ]
