"""Around every request: a size limit, security headers, and one log line without anything personal."""

from __future__ import annotations

import time
from typing import Final

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dialer.web.problems import HttpProblem

log = structlog.get_logger()

_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
#: The API's try-it page styles itself from its script.
_DOCS_CSP: Final = _CSP.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
#: Asked so often that a line each would drown the log.
_QUIET: Final = ("/healthz", "/readyz", "/metrics", "/static")


class BodyLimit:
    """Refuses request bodies above `max_bytes`, whether or not their length was announced."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._max_bytes:
            await self._too_large().response()(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._max_bytes:
                raise self._too_large()
            return message

        await self._app(scope, counted, send)

    def _too_large(self) -> HttpProblem:
        return HttpProblem(413, f"the request is larger than {self._max_bytes // 2**20} MB: send smaller batches")


class Surroundings:
    """Adds the headers and writes the log line; the path is logged as its pattern, since ids may be personal."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        began = time.perf_counter()
        status = 0

        async def dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _dress(MutableHeaders(scope=message), path)
            await send(message)

        try:
            await self._app(scope, receive, dressed)
        finally:
            if not path.startswith(_QUIET):
                route = getattr(scope.get("route"), "path", "-")
                milliseconds = round((time.perf_counter() - began) * 1000)
                log.info("http_request", method=scope["method"], route=route, status=status, ms=milliseconds)


def _dress(headers: MutableHeaders, path: str) -> None:
    for name, value in _HEADERS.items():
        headers[name] = value
    headers["Content-Security-Policy"] = _DOCS_CSP if path == "/docs" else _CSP
    if not path.startswith("/static"):
        headers.setdefault("Cache-Control", "no-store")
