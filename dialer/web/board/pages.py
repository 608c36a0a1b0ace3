"""The board's pages: login, campaigns, one campaign, its buttons."""

from __future__ import annotations

import time
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from dialer import campaigns
from dialer.errors import NotFoundError
from dialer.web.board import events, render, sessions
from dialer.web.board.language import Speech, speech_of
from dialer.web.board.sessions import Session, WrongTokens, checked_form
from dialer.web.board.snapshots import CampaignSnapshot, Snapshots
from dialer.web.context import context_of
from dialer.web.problems import HttpProblem
from dialer.web.tokens import BrowserSession, Scope

router: Final = APIRouter(include_in_schema=False)
CampaignId = Annotated[int, Path(ge=1, le=2**31 - 1)]
#: Regions of a campaign's page, each a template.
REGIONS: Final = (
    "head",
    "notice",
    "hero",
    "progress",
    "pace",
    "decisions",
    "funnel",
    "live",
    "recent",
    "retries",
    "health",
)
_MOVES: Final = {
    "start": campaigns.start,
    "pause": campaigns.pause,
    "resume": campaigns.resume,
    "stop": campaigns.stop,
}


def snapshots_of(request: Request) -> Snapshots:
    """The application's snapshots."""
    found: Snapshots = request.app.state.snapshots
    return found


def _wrong_tokens_of(request: Request) -> WrongTokens:
    found: WrongTokens = request.app.state.wrong_tokens
    return found


@router.get("/")
def root() -> Response:
    """The board is the front page."""
    return RedirectResponse("/board", 303)


@router.get("/board/login")
def login(request: Request) -> Response:
    """Asks for a token."""
    wanted = sessions.way_back(request.query_params.get("next"))
    return render.page(request, "login", wanted=wanted, problem=None)


@router.post("/board/login")
async def log_in(request: Request) -> Response:
    """A token opens a session of its scope."""
    sessions.check_origin(request)
    form = await sessions.form_of(request)
    wanted = sessions.way_back(form.get("next"))
    address = request.client.host if request.client else ""
    wrong, now_s = _wrong_tokens_of(request), time.monotonic()
    if wrong.is_guessing(address, now_s):
        return render.page(request, "login", status=429, wanted=wanted, problem="token_slow")
    scope = context_of(request).tokens.scope_of(form.get("token", "").strip())
    if scope is None:
        wrong.note(address, now_s)
        return render.page(request, "login", status=401, wanted=wanted, problem="token_wrong")
    response = RedirectResponse(wanted, 303)
    sessions.remember(request, response, scope)
    return response


@router.post("/board/logout")
def log_out(_form: Annotated[dict[str, str], Depends(checked_form)]) -> Response:
    """Forgets the browser."""
    response = RedirectResponse("/board/login", 303)
    response.delete_cookie(sessions.COOKIE)
    return response


@router.get("/board")
async def overview(request: Request, session: Session) -> HTMLResponse:
    """All campaigns."""
    lines = await snapshots_of(request).overview()
    return render.page(request, "overview", session=session, lines=lines)


@router.get("/board/events")
async def overview_events(request: Request, _: Session) -> StreamingResponse:
    """The same, as it changes."""
    speech = speech_of(request)

    async def read() -> events.Regions:
        lines = await snapshots_of(request).overview()
        return {"campaigns": render.region("campaigns", speech, lines=lines)}

    return events.stream(request, read)


@router.get("/board/campaigns/{campaign_id:int}")
async def campaign(campaign_id: CampaignId, request: Request, session: Session) -> HTMLResponse:
    """One campaign, live."""
    snapshot = await snapshots_of(request).campaign(campaign_id)
    regions = _regions(speech_of(request), snapshot, session)
    return render.page(
        request, "campaign", session=session, campaign=snapshot.campaign, regions=regions, section="overview"
    )


@router.get("/board/campaigns/{campaign_id:int}/events")
async def campaign_events(campaign_id: CampaignId, request: Request, session: Session) -> StreamingResponse:
    """Its regions, as they change."""
    speech = speech_of(request)

    async def read() -> events.Regions:
        return _regions(speech, await snapshots_of(request).campaign(campaign_id), session)

    return events.stream(request, read)


def _regions(speech: Speech, snapshot: CampaignSnapshot, session: BrowserSession) -> events.Regions:
    values = {
        "s": snapshot,
        "report": snapshot.report,
        "campaign": snapshot.campaign,
        "zone": ZoneInfo(snapshot.report.timezone),
        "campaign_zone": ZoneInfo(snapshot.campaign.plan.window.timezone),
        "session": session,
        "may_control": session.scope >= Scope.CONTROL,
    }
    return {name: render.region(name, speech, **values) for name in REGIONS}


@router.post("/board/campaigns/{campaign_id:int}/{move}")
async def move_campaign(
    campaign_id: CampaignId,
    move: str,
    request: Request,
    session: Session,
    _form: Annotated[dict[str, str], Depends(checked_form)],
) -> Response:
    """A button: start, pause, resume or stop."""
    if session.scope < Scope.CONTROL:
        raise HttpProblem(403, "this needs a control token")
    if move not in _MOVES:
        raise NotFoundError("there is no such button")
    snapshots = snapshots_of(request)
    name = (await snapshots.campaign(campaign_id)).campaign.name
    await _MOVES[move](context_of(request).ledger, name)
    snapshots.forget()
    return RedirectResponse(f"/board/campaigns/{campaign_id}", 303)
