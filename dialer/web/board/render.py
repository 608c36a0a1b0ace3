"""Templates: pages, and the regions of pages that the event stream sends anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from dialer.reporting import charts, names
from dialer.reporting.charts import Slice
from dialer.reporting.model import CONFIRMATION_GOAL
from dialer.reporting.names import Words
from dialer.web.board import words
from dialer.web.board.language import COOKIE, Speech, speech_of
from dialer.web.board.texts import TEXTS
from dialer.web.tokens import BrowserSession, Scope

_TEMPLATES: Final = Path(__file__).parents[1] / "templates"
_LANGUAGE_S: Final = 365 * 24 * 3600


@cache
def environment() -> Environment:
    """Everything is escaped; a misspelt name is an error."""
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {
        "charts": charts,
        "words": words,
        "names": names,
        "slices": slices,
        "legend": legend,
        "GOAL": CONFIRMATION_GOAL,
        "STAGES": frozenset(key for key in TEXTS if key.startswith(("stage_", "provider_"))),
    }
    return made


def slices(speech: Speech, counts: Mapping[str, int], names: Words) -> list[Slice]:
    """Counts as the slices of a bar, in the words' order; what did not occur is left out."""
    ordered: Iterable[str] = [*names, *(name for name in counts if name not in names)]
    return [
        Slice(speech.word(names, name), speech.tone(names, name), counts[name]) for name in ordered if counts.get(name)
    ]


def legend(speech: Speech, found: list[Slice]) -> Markup:
    """What the colours mean."""
    template = environment().get_template("parts/legend.html.j2")
    return Markup(template.render(w=speech, slices=found))  # noqa: S704 - the template escapes


def region(name: str, speech: Speech, **values: Any) -> str:
    """One region of a page."""
    return environment().get_template(f"regions/{name}.html.j2").render(w=speech, **values)


def page(
    request: Request, name: str, *, session: BrowserSession | None = None, status: int = 200, **values: Any
) -> HTMLResponse:
    """A whole page in the reader's language, which is remembered if it was asked for."""
    speech = speech_of(request)
    common = {
        "w": speech,
        "session": session,
        "may_control": session is not None and session.scope >= Scope.CONTROL,
        "here": request.url.path,
    }
    html = environment().get_template(f"{name}.html.j2").render(**common, **values)
    response = HTMLResponse(html, status)
    if request.query_params.get("lang") == speech.language:
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, speech.language, max_age=_LANGUAGE_S, samesite="lax", secure=secure)
    return response
