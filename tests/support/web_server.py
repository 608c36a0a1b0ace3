"""The web application behind a real server, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import uvicorn

from dialer.ledger.store import Ledger
from dialer.settings import ApiSettings, load_settings
from dialer.web.app import create_app

READ, ENQUEUE, CONTROL = "read-token", "enqueue-token", "control-token"


class WebServer:
    """`with WebServer(database_url, home) as base_url: ...`"""

    def __init__(self, database_url: str, home: Path) -> None:
        tokens = ApiSettings(read_token=READ, enqueue_token=ENQUEUE, control_token=CONTROL, max_body_mb=1)  # type: ignore[arg-type]
        self._settings = load_settings(home=home, api=tokens)
        self._database_url = database_url
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="web-server")
        self._ready = threading.Event()
        self._server: uvicorn.Server | None = None
        self._port = 0

    async def _serve(self) -> None:
        ledger = Ledger(self._database_url)
        app = create_app(self._settings, ledger)
        config = uvicorn.Config(app, port=0, log_config=None, access_log=False, timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        serving = asyncio.create_task(self._server.serve())
        while not self._server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        self._port = self._server.servers[0].sockets[0].getsockname()[1]
        self._ready.set()
        await serving
        await ledger.close()

    def __enter__(self) -> str:
        self._thread.start()
        assert self._ready.wait(15), "the web server did not start"
        return f"http://127.0.0.1:{self._port}"

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.should_exit = True
        self._thread.join(15)
