"""A proxy before the PBX that can cut connections, all of them or the events WebSockets alone, or stall them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import cast

import structlog

log = structlog.get_logger(__name__)

#: What a request for the events WebSocket begins with, wherever in a connection it comes.
_EVENTS_REQUEST = b"GET /ari/events"


@dataclass(slots=True)
class _Pair:
    """A client's connection and ours to the PBX."""

    near: _Side
    far: _Side
    carries_events: bool = False

    def cut(self) -> None:
        for side in (self.near, self.far):
            if side.transport is not None:
                side.transport.abort()


class _Side(asyncio.Protocol):
    """One end of a pair: whatever arrives is written to the other end."""

    def __init__(self, proxy: CuttingProxy) -> None:
        self.proxy = proxy
        self.transport: asyncio.Transport | None = None
        self.pair: _Pair | None = None
        self.waiting: list[bytes] = []

    @property
    def other(self) -> _Side | None:
        """The opposite end, once it is connected."""
        if self.pair is None:
            return None
        return self.pair.far if self.pair.near is self else self.pair.near

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if self.proxy.stalled:
            self.transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        if self.pair is None:
            self.waiting.append(data)
            return
        if self.pair.near is self and _EVENTS_REQUEST in data:
            self.pair.carries_events = True
        other = self.other
        if other is not None and other.transport is not None:
            other.transport.write(data)

    def connection_lost(self, _error: Exception | None) -> None:
        if self.pair is not None:
            self.proxy.open.pop(id(self.pair), None)
            other = self.other
            if other is not None and other.transport is not None:
                other.transport.close()


class CuttingProxy:
    """Listens on a free loopback port and forwards to `target_port`; runs on the caller's event loop."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.port = 0
        self.open: dict[int, _Pair] = {}
        #: Connections stand, and nothing goes through them.
        self.stalled = False
        self._server: asyncio.Server | None = None
        self._joining: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, "127.0.0.1", 0, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and cut everything."""
        if self._server is not None:
            self._server.close()
        self.cut()

    def cut(self, *, events_only: bool = False) -> int:
        """Abort connections (TCP reset, nothing is said to either end); returns how many."""
        doomed = [pair for pair in list(self.open.values()) if pair.carries_events or not events_only]
        for pair in doomed:
            pair.cut()
        return len(doomed)

    def stall(self) -> None:
        """Let nothing through, and break nothing: what is sent meanwhile arrives after `flow`."""
        self.stalled = True
        for transport in self._transports():
            transport.pause_reading()

    def flow(self) -> None:
        """Let everything through again."""
        self.stalled = False
        for transport in self._transports():
            transport.resume_reading()

    def _transports(self) -> list[asyncio.Transport]:
        sides = [side for pair in self.open.values() for side in (pair.near, pair.far)]
        return [side.transport for side in sides if side.transport is not None]

    def _accept(self) -> _Side:
        near = _Side(self)
        task = asyncio.get_running_loop().create_task(self._join(near))
        self._joining.add(task)
        task.add_done_callback(self._joining.discard)
        return near

    async def _join(self, near: _Side) -> None:
        """Connect to the PBX for a client; a PBX that is away drops the client."""
        loop = asyncio.get_running_loop()
        try:
            _, far = await loop.create_connection(lambda: _Side(self), "127.0.0.1", self.target_port)
        except OSError:
            if near.transport is not None:
                near.transport.abort()
            return
        pair = _Pair(near, far)
        self.open[id(pair)] = pair
        near.pair = far.pair = pair
        if not self.stalled and near.transport is not None:
            near.transport.resume_reading()
        for data in near.waiting:
            near.data_received(data)
        if near.transport is None or near.transport.is_closing():
            pair.cut()
