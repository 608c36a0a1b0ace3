"""Browsers: login by token, a signed cookie, forms that only our own pages can send."""

from __future__ import annotations

import time
from collections import deque
from typing import Annotated, Final
from urllib.parse import parse_qs, quote, urlsplit

from fastapi import Depends, Request
from starlette.responses import Response

from dialer.web.context import context_of
from dialer.web.problems import HttpProblem
from dialer.web.tokens import SESSION_S, BrowserSession, Scope, same

COOKIE: Final = "dialer_session"
_LOGIN: Final = "/board/login"
#: Wrong tokens from one address that are borne within a minute.
_MAX_WRONG: Final = 10
_WRONG_MEMORY_S: Final = 60.0
_MAX_ADDRESSES: Final = 10_000


class LoginNeededError(Exception):
    """The browser has no session, or it has run out: it is sent to the login page."""


def session_of(request: Request) -> BrowserSession:
    """The browser's session. Raises LoginNeededError."""
    session = context_of(request).signer.read(request.cookies.get(COOKIE, ""), time.time())
    if session is None:
        raise LoginNeededError
    return session


Session = Annotated[BrowserSession, Depends(session_of)]


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a plain form; of several alike, the first."""
    body = (await request.body()).decode("utf-8", "replace")
    return {name: values[0] for name, values in parse_qs(body, max_num_fields=50).items()}


async def checked_form(request: Request, session: Session) -> dict[str, str]:
    """The form, if it came from one of our own pages. Raises HttpProblem 403."""
    check_origin(request)
    form = await form_of(request)
    if not same(form.get("csrf", ""), session.csrf):
        raise HttpProblem(403, "this form is not from this session")
    return form


def check_origin(request: Request) -> None:
    """Browsers say where a form comes from; if they do, it must be from here. Raises HttpProblem 403."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise HttpProblem(403, "this form comes from another site")


def remember(request: Request, response: Response, scope: Scope) -> None:
    """Log the browser in."""
    response.set_cookie(
        COOKIE,
        context_of(request).signer.issue(scope, time.time()),
        max_age=SESSION_S,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def login_address(request: Request) -> str:
    """The login page, which leads back to where the browser wanted to go."""
    wanted = request.url.path if request.method == "GET" else "/board"
    return f"{_LOGIN}?next={quote(wanted)}"


def way_back(wanted: str | None) -> str:
    """Where to go after login: a page of the board and nothing else."""
    inside = wanted is not None and (wanted == "/board" or wanted.startswith("/board/"))
    return str(wanted) if inside and "//" not in str(wanted) and "\\" not in str(wanted) else "/board"


class WrongTokens:
    """Slows down whoever guesses tokens."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[float]] = {}

    def is_guessing(self, address: str, now_s: float) -> bool:
        """Whether this address has shown too many wrong tokens lately."""
        return len(self._recent(address, now_s)) >= _MAX_WRONG

    def note(self, address: str, now_s: float) -> None:
        """It showed a wrong one."""
        if len(self._seen) >= _MAX_ADDRESSES:
            self._seen.clear()
        self._recent(address, now_s).append(now_s)

    def _recent(self, address: str, now_s: float) -> deque[float]:
        times = self._seen.setdefault(address, deque(maxlen=_MAX_WRONG))
        while times and times[0] < now_s - _WRONG_MEMORY_S:
            times.popleft()
        return times
