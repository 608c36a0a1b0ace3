"""Every error as application/problem+json (RFC 9457), mapped from our own errors in this one place.

Server-side failures are described in general words: what the library said goes to the log, not to the caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import HTTPException
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException as PlainHTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from dialer.campaigns.plans import CALLER_ID_FORM, CRON_FORM, NAME_FORM
from dialer.errors import BrokerError, ConflictError, DialerError, InputError, LedgerError, NotFoundError

log = structlog.get_logger()

MEDIA_TYPE: Final = "application/problem+json"
_TIME_FORM: Final = "must be a time such as 10:00"
_FORMS: Final = {
    "cron": CRON_FORM,
    "caller_id": CALLER_ID_FORM,
    "name": NAME_FORM,
    "into": NAME_FORM,
    "start": _TIME_FORM,
    "end": _TIME_FORM,
}
#: Told to callers when PostgreSQL or Redis is away.
RETRY_AFTER_S: Final = 5


class FieldProblem(BaseModel):
    """One thing that is wrong with the request."""

    field: str = Field(description="Where: a body field, a query parameter, a header.", examples=["orders.0.phone"])
    reason: str = Field(description="Why, in words.")


class Problem(BaseModel):
    """What went wrong."""

    type: str = Field("about:blank", description="A kind of problem that has no page of its own.")
    title: str = Field(description="The status in words.", examples=["Not Found"])
    status: int = Field(description="The HTTP status.", examples=[404])
    detail: str = Field(description="What happened this time.")
    field: str | None = Field(None, description="The first wrong field, if a field was wrong.")
    errors: list[FieldProblem] = Field([], description="All wrong fields.")


class HttpProblem(HTTPException):
    """An answer that is no success, raised anywhere in a request (FastAPI lets only its own kind through)."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.errors = list(errors)

    def body(self) -> Problem:
        """What the caller reads."""
        return Problem(
            type="about:blank",
            title=HTTPStatus(self.status_code).phrase,
            status=self.status_code,
            detail=self.detail,
            field=self.errors[0].field if self.errors else None,
            errors=self.errors,
        )

    def response(self) -> Response:
        """The answer itself."""
        body = self.body().model_dump(exclude_none=True)
        return JSONResponse(body, self.status_code, self.headers, media_type=MEDIA_TYPE)


def problem_of(error: Exception) -> HttpProblem:
    """The answer to any error."""
    match error:
        case HttpProblem():
            problem = error
        case RequestValidationError():
            problem = _invalid_request(error)
        case PlainHTTPException():
            problem = HttpProblem(error.status_code, str(error.detail), headers=error.headers)
        case InputError():
            problem = HttpProblem(422, str(error), errors=[FieldProblem(field=error.field, reason=error.reason)])
        case NotFoundError():
            problem = HttpProblem(404, str(error))
        case ConflictError():
            problem = HttpProblem(409, str(error))
        case _:
            problem = _our_fault(error)
    return problem


def _our_fault(error: Exception) -> HttpProblem:
    known = isinstance(error, DialerError)
    reason = str(error) if known else ""
    log.error("request_failed", error=type(error).__name__, reason=reason, exc_info=None if known else error)
    if isinstance(error, LedgerError | BrokerError) and not error.permanent:
        again = {"Retry-After": str(RETRY_AFTER_S)}
        return HttpProblem(503, "the ledger or the broker is away: try again", headers=again)
    return HttpProblem(500, "something went wrong inside the dialer; its log says what")


def _invalid_request(error: RequestValidationError) -> HttpProblem:
    """Fields by their names as the caller wrote them; values are not repeated."""
    malformed = any(item["type"] == "json_invalid" for item in error.errors())
    problems = [
        FieldProblem(field="body" if malformed else _place(item["loc"]), reason=_reason(item))
        for item in error.errors()
    ]
    detail = "; ".join(f"{problem.field}: {problem.reason}" for problem in problems[:5])
    return HttpProblem(400 if malformed else 422, detail, errors=problems)


def _reason(item: Mapping[str, Any]) -> str:
    """In words for people, who cannot read the patterns of the OpenAPI document."""
    if item["type"] == "string_pattern_mismatch":
        return _FORMS.get(str(item["loc"][-1]), "does not have the form that /openapi.json describes")
    if item["type"] == "extra_forbidden":
        return "there is no such field"
    return str(item["msg"]).removeprefix("Value error, ")


def _place(location: Sequence[Any]) -> str:
    """`("body", "window", "start")` is `window.start`; what is wrong with the body as a whole is `body`."""
    named = [str(part) for part in location]
    return ".".join(named[1:]) or named[0]


async def answer_problem(request: Request, error: Exception) -> Response:
    """Starlette's exception handler."""
    problem = problem_of(error)
    if problem.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        problem.headers = {"Allow": ", ".join(_methods(request))}
    return problem.response()


def _methods(request: Request) -> list[str]:
    """What the path takes, over all routes: the router names only the first one's methods."""
    found: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= getattr(route, "methods", None) or set()
    return sorted(found)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's `responses` for these statuses."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }
