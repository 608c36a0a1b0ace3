"""Server-sent events: the regions of a page that have changed, once a second at most."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import structlog
from fastapi import Request
from starlette.responses import StreamingResponse

from dialer.errors import DialerError
from dialer.web.board.sessions import COOKIE
from dialer.web.context import context_of

log = structlog.get_logger()

EVERY_S: Final = 1.0
#: A comment is sent at least this often, so that proxies keep the connection.
_ALIVE_S: Final = 15.0
#: Browsers come back after this long.
_RETRY_MS: Final = 2000

#: Region -> its HTML.
Regions = dict[str, str]


def stream(request: Request, read: Callable[[], Awaitable[Regions]]) -> StreamingResponse:
    """The answer to an EventSource; it ends with the session."""
    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(_events(request, read), media_type="text/event-stream", headers=headers)


async def _events(request: Request, read: Callable[[], Awaitable[Regions]]) -> AsyncIterator[str]:
    sent: Regions = {}
    quiet_since = time.monotonic()
    yield f"retry: {_RETRY_MS}\n\n"
    while _still_logged_in(request):
        try:
            regions = await read()
        except DialerError as error:
            log.warning("board_stream_failed", error=type(error).__name__)
            yield event("trouble", {})
        else:
            changed = {name: html for name, html in regions.items() if sent.get(name) != html}
            sent = regions
            if changed:
                quiet_since = time.monotonic()
                yield event("board", changed)
            elif time.monotonic() - quiet_since > _ALIVE_S:
                quiet_since = time.monotonic()
                yield event("board", {})
        await asyncio.sleep(EVERY_S)
    yield event("over", {})


def event(name: str, data: Regions) -> str:
    """One event; JSON keeps line breaks out of it."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def _still_logged_in(request: Request) -> bool:
    return context_of(request).signer.read(request.cookies.get(COOKIE, ""), time.time()) is not None
