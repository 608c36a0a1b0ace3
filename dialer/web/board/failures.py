"""Errors on the board: a page in the reader's language, or the way to the login."""

from __future__ import annotations

from typing import Final

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from dialer.web.board import render, sessions
from dialer.web.board.sessions import LoginNeededError
from dialer.web.problems import HttpProblem, answer_problem, problem_of

#: Statuses with words of their own; 422 is an address that somebody has edited.
_TEXTS: Final = {403: "problem_403", 404: "problem_404", 409: "problem_409", 422: "problem_404", 503: "problem_503"}


async def answer_error(request: Request, error: Exception) -> Response:
    """Starlette's exception handler for the whole application."""
    if not _is_page(request):
        return await answer_problem(request, error)
    if isinstance(error, LoginNeededError):
        return RedirectResponse(sessions.login_address(request), 303)
    problem = problem_of(error)
    text = _TEXTS.get(problem.status_code, "problem_500")
    status = 404 if problem.status_code == 422 else problem.status_code
    return render.page(request, "problem", status=status, text=text, detail=problem.detail if status == 409 else "")


def _is_page(request: Request) -> bool:
    path = request.url.path
    return path.startswith("/board") and not path.endswith("/events")


async def answer_login_needed(request: Request, error: Exception) -> Response:
    """An event stream cannot be sent to a login page: it is told that it may not."""
    if _is_page(request):
        return await answer_error(request, error)
    return HttpProblem(401, "log in again").response()
