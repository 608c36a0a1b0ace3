"""The simulated PBX: one HTTP server with ARI, its events, and the media WebSockets; AudioSockets go out."""

from __future__ import annotations

import asyncio
import base64
import secrets
import socket
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from dialer.simulator.pbx.events import EventHub
from dialer.simulator.pbx.frames import Background, SocketWriter
from dialer.simulator.pbx.media import MAX_MESSAGE_BYTES, MediaLeg
from dialer.simulator.pbx.model import AriRefusal, Channel
from dialer.simulator.pbx.phone import Callees
from dialer.simulator.pbx.records import CallLog, CallRecord
from dialer.simulator.pbx.rest import Rest
from dialer.simulator.pbx.switch import Switch

log = structlog.get_logger()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
#: What a dialer needs of an Asterisk; all of it is here.
MODULES = frozenset(
    "res_ari_channels res_ari_bridges res_ari_endpoints res_ari_events res_stasis res_http_websocket"
    " bridge_softmix bridge_holding func_timeout func_callerid codec_resample chan_pjsip res_pjsip_session"
    " res_rtp_asterisk chan_websocket res_audiosocket chan_audiosocket".split()
)
#: How long a WebSocket's polite close may take.
_CLOSE_S = 1.0


class SimulatedPbx:
    """Speaks ARI, chan_websocket and chan_audiosocket as Asterisk 22 does, and rings simulated phones.

    Use as `async with SimulatedPbx(callees) as pbx`: then `ari_url`, `username`, `password` are what a client
    needs, and `calls` is the far side's record of every dial.
    """

    def __init__(
        self,
        callees: Callees,
        *,
        port: int = 0,
        username: str = "dialer",
        password: str | None = None,
        records: Path | None = None,
        modules: Iterable[str] = MODULES,
    ) -> None:
        """`modules` is what it says it has; media come both ways all the same."""
        self.username = username
        self.password = password if password is not None else secrets.token_hex(8)
        self.port = port
        self._records = CallLog(records)
        self.modules = modules
        self._background = Background()
        self._events = EventHub(self._background)
        self._switch = Switch(callees, self._events, self._records, self._background)
        self._runner: web.AppRunner | None = None

    @property
    def calls(self) -> list[CallRecord]:
        """Every dial so far, in order, as the far side saw it."""
        return self._records.calls

    @property
    def ari_url(self) -> str:
        """Base of the REST interface."""
        return f"http://127.0.0.1:{self.port}/ari"

    @property
    def live_channels(self) -> list[str]:
        """Ids of the channels that live now (customers' and media's)."""
        return list(self._switch.channels)

    @property
    def live_bridges(self) -> list[str]:
        """Ids of the bridges that exist now."""
        return list(self._switch.bridges)

    async def drop_events(self, app: str) -> None:
        """Cut an application's events WebSocket; its channels stay."""
        await self._events.drop(app)

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[_refusals, self._authenticate])
        app.add_routes(Rest(self._switch, lambda: self.modules).routes())
        app.add_routes([web.get("/ari/events", self._serve_events), web.get("/media/{connection}", self._serve_media)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_CLOSE_S)
        await self._runner.setup()
        listener = socket.create_server(("127.0.0.1", self.port), backlog=512)
        self.port = listener.getsockname()[1]
        await web.SockSite(self._runner, listener).start()
        self._switch.clock.start()
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self._switch.clock.stop()
        for channel in list(self._switch.channels.values()):
            self._switch.hangup(channel, 41)
        await self._events.close()
        await self._background.settle()
        if self._runner is not None:
            await self._runner.cleanup()
        self._records.close()

    @web.middleware
    async def _authenticate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Basic authentication or `api_key=user:password`; the media WebSocket needs none (its id is the secret)."""
        if request.path.startswith("/ari"):
            expected = f"{self.username}:{self.password}"
            header = request.headers.get("Authorization", "")
            basic = "Basic " + base64.b64encode(expected.encode()).decode()
            if header != basic and request.query.get("api_key") != expected:
                raise AriRefusal(401, "Authentication required")
        return await handler(request)

    async def _serve_events(self, request: web.Request) -> web.StreamResponse:
        apps = [name for name in request.query.get("app", "").split(",") if name]
        if not apps:
            raise AriRefusal(400, "HTTP request is missing param: [app]")
        stream = web.WebSocketResponse(protocols=("ari",), compress=False, timeout=_CLOSE_S)
        await stream.prepare(request)
        listener = SocketWriter(stream, request)
        self._events.register(apps, listener)
        try:
            async for _message in stream:
                continue
        finally:
            self._events.unregister(listener)
        return stream

    async def _serve_media(self, request: web.Request) -> web.StreamResponse:
        channel = self._switch.media.get(request.match_info["connection"])
        if channel is None or not isinstance(leg := channel.leg, MediaLeg):
            raise AriRefusal(404, "WebSocket instance not found")
        if leg.connected:
            raise AriRefusal(409, "Another websocket connection exists for this connection id")
        stream = web.WebSocketResponse(
            protocols=("media",), compress=False, timeout=_CLOSE_S, max_msg_size=MAX_MESSAGE_BYTES
        )
        await stream.prepare(request)
        leg.connect(SocketWriter(stream, request), channel.name, channel.variables)
        self._switch.media_connected(channel)
        await self._read_media(stream, leg, channel)
        return stream

    async def _read_media(self, stream: web.WebSocketResponse, leg: MediaLeg, channel: Channel) -> None:
        """Take what the bot says until either side closes; a lost WebSocket ends the media channel (not the call)."""
        async for message in stream:
            if message.type is WSMsgType.BINARY:
                leg.audio(message.data)
            elif message.type is WSMsgType.TEXT:
                leg.command(message.data)
        lost = stream.close_code in {None, WSCloseCode.ABNORMAL_CLOSURE, WSCloseCode.MESSAGE_TOO_BIG}
        self._switch.hangup(channel, 38 if lost else 16)


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer refusals the way ARI does: a status and a JSON message."""
    try:
        return await handler(request)
    except AriRefusal as refusal:
        return web.json_response({"message": refusal.message}, status=refusal.status)
    except web.HTTPNotFound:
        return web.json_response({"message": "Resource not found"}, status=404)


async def serve_until(pbx: SimulatedPbx, stop: asyncio.Event, on_ready: Callable[[SimulatedPbx], None]) -> None:
    """Run the PBX until `stop` is set; `on_ready` is called once it listens."""
    async with pbx:
        on_ready(pbx)
        log.info("simulated_pbx_ready", port=pbx.port)
        await stop.wait()
    log.info("simulated_pbx_stopped", calls=len(pbx.calls))
