"""Whether the service lives and can work, and its figures for Prometheus. No token for the first two."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from sqlalchemy import text

from dialer.errors import DialerError
from dialer.web.api.access import Context, Reader
from dialer.web.api.schemas import Health
from dialer.web.context import WebContext
from dialer.web.problems import documented

router: Final = APIRouter(tags=["health"])
_METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/healthz", summary="The process lives")
async def healthz() -> Health:
    """Asks nobody."""
    return Health(status="ok", checks={})


@router.get("/readyz", summary="The service can work", responses={503: {"model": Health, "description": "Not now"}})
async def readyz(context: Context, response: Response) -> Health:
    """Asks PostgreSQL and the broker."""
    checks = {"database": await _database(context), "broker": await _broker(context)}
    failing = any(answer.startswith("failing") for answer in checks.values())
    response.status_code = 503 if failing else 200
    return Health(status="failing" if failing else "ok", checks=checks)


@router.get("/metrics", summary="For Prometheus", response_class=PlainTextResponse, responses=documented(401, 403, 503))
async def metrics(context: Context, _: Reader) -> Response:
    """Computed from the ledger; what each means: docs/api.md."""
    return Response(await context.metrics.scrape(), headers={"Content-Type": _METRICS_TYPE})


async def _database(context: WebContext) -> str:
    try:
        async with context.ledger.begin() as tx:
            await tx.execute(text("SELECT 1 FROM campaigns LIMIT 1"))
    except DialerError as error:
        return f"failing: {type(error).__name__}"
    return "ok"


async def _broker(context: WebContext) -> str:
    if context.probe_broker is None:
        return "not configured"
    try:
        await context.probe_broker()
    except DialerError as error:
        return f"failing: {type(error).__name__}"
    return "ok"
