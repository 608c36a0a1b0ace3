"""The web application: API, health, metrics and board on one ledger. Nothing connects before the first request."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from dialer.errors import DialerError
from dialer.ledger.store import Ledger
from dialer.settings import Settings
from dialer.web.api import batches, campaigns, dnc, docs, exports, health, orders, redial
from dialer.web.api.plans import usable_scripts
from dialer.web.board import analysis, calls, pages, redialing, search
from dialer.web.board.failures import answer_error, answer_login_needed
from dialer.web.board.sessions import LoginNeededError, WrongTokens
from dialer.web.board.snapshots import Snapshots
from dialer.web.context import BrokerProbe, WebContext
from dialer.web.metrics import Metrics
from dialer.web.middleware import BodyLimit, Surroundings
from dialer.web.problems import FieldProblem, Problem, documented
from dialer.web.tokens import Signer, Tokens, session_secret

STATIC: Final = Path(__file__).with_name("static")
_ABOUT: Final = """
Campaigns that confirm orders by phone. Send `Authorization: Bearer TOKEN`; scopes: read < enqueue < control.
Errors are `application/problem+json` and name the field. Times are UTC, rates 0..1, money roubles.
"""


def create_app(settings: Settings, ledger: Ledger, *, probe_broker: BrokerProbe | None = None) -> FastAPI:
    """The application; `ledger` is the caller's and is not closed. Raises ConfigError if `home` cannot be used."""
    tokens = Tokens(settings.api)
    app = FastAPI(
        title="Dialer",
        version="1",
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
    )
    app.state.context = WebContext(
        settings=settings,
        ledger=ledger,
        tokens=tokens,
        signer=Signer(session_secret(settings.home), tokens),
        probe_broker=probe_broker,
        metrics=Metrics(ledger),
    )
    app.state.snapshots = Snapshots(ledger)
    app.state.wrong_tokens = WrongTokens()
    for kind in (DialerError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer_error)
    app.add_exception_handler(LoginNeededError, answer_login_needed)
    for room in (campaigns, redial, exports, batches, orders, dnc):
        app.include_router(room.router, responses=documented(400, 401, 403, 422, 500, 503))
    for open_room in (health, docs, redialing, search, pages, calls, analysis):
        app.include_router(open_room.router)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(BodyLimit, max_bytes=settings.api.max_body_mb * 2**20)
    app.add_middleware(Surroundings)
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The document, with the types that no signature names: problems, and batches (read by hand, as JSON or CSV)."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes)
        known = document.setdefault("components", {}).setdefault("schemas", {})
        for model in (Problem, FieldProblem, batches.BatchOfOrders):
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            known |= schema.pop("$defs", {}) | {model.__name__: schema}
        for model_name in ("NewCampaign", "PlanFields"):
            known[model_name]["properties"]["script"]["anyOf"][0]["enum"] = usable_scripts()
        app.openapi_schema = document
    return app.openapi_schema
