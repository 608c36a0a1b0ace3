"""Where Asterisk's AudioSocket connections arrive: one TCP listener for each worker process.

A connection says in its first frame whose audio it brings, by a UUID that was made for that one call and is taken
once: that is the secret. Whoever says nothing, nonsense, or a UUID that nobody waits for is cut off.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from functools import partial
from typing import cast
from uuid import UUID, uuid4

import structlog

from dialer.errors import MediaError
from dialer.settings import AudioSocketSettings
from dialer.telephony.audiosocket_frames import FrameError, FrameReader, call_of
from dialer.telephony.audiosocket_link import AudioSocketLink

log = structlog.get_logger()

#: A connection that has not said whose it is within this time is cut off.
HELLO_S = 3.0
#: Connections that may be silent at once; the oldest makes room.
MAX_STRANGERS = 64
#: A call's connection is waited for, and kept for whoever waits, so long.
EXPECT_S = 15.0
#: Ports that are tried from the configured one on: each worker process of a machine takes its own.
PORTS_TRIED = 100
#: A peer that is gone without a word is noticed within about this time.
_DEAD_PEER_S = 10
_ANY_HOST = frozenset({"0.0.0.0", "::"})  # noqa: S104 - what ops may write


class Expected:
    """One call's connection, on its way."""

    def __init__(self, call: UUID) -> None:
        self.call = call
        self.link: asyncio.Future[AudioSocketLink] = asyncio.get_running_loop().create_future()
        self.taken = False


class AudioSocketServer:
    """Listens from `start` to `close`. `address` is what Asterisk is told to connect to."""

    def __init__(self, settings: AudioSocketSettings) -> None:
        self.address = ""
        self._settings = settings
        self._server: asyncio.Server | None = None
        self._expected: dict[UUID, Expected] = {}
        self._strangers: dict[_Hello, None] = {}
        self._links: set[AudioSocketLink] = set()
        self._refused = 0

    async def start(self, asterisk: tuple[str, int]) -> None:
        """Listen, by default where this machine reaches `asterisk` (host, port) from. Raises MediaError."""
        local = self._settings.host or await _address_towards(*asterisk)
        self._server = await self._listen(local)
        port = self._server.sockets[0].getsockname()[1]
        if local in _ANY_HOST:
            local = await _address_towards(*asterisk)
        told = self._settings.advertise or local
        self.address = told if _has_port(told) else f"{f'[{told}]' if ':' in told else told}:{port}"
        log.info("audiosocket_listens", address=self.address)

    async def _listen(self, host: str) -> asyncio.Server:
        loop, first = asyncio.get_running_loop(), self._settings.port
        refused: OSError | None = None
        for port in range(first, min(first + PORTS_TRIED, 65536)) if first else (0,):
            try:
                return await loop.create_server(partial(_Hello, self), host, port, backlog=512)
            except OSError as error:
                refused = error
        raise MediaError(f"AudioSocket cannot listen on {host} port {first}: {refused}")

    def expect(self) -> Expected:
        """Wait for the connection of a call; its UUID is fresh, and forgotten after `EXPECT_S`."""
        expected = Expected(uuid4())
        self._expected[expected.call] = expected
        asyncio.get_running_loop().call_later(EXPECT_S, self.forget, expected)
        return expected

    def forget(self, expected: Expected) -> None:
        """Wait no more; a connection that nobody has taken is ended."""
        self._expected.pop(expected.call, None)
        if not expected.link.done():
            expected.link.cancel()
        elif not expected.taken and not expected.link.cancelled():
            expected.link.result().hang_up()

    async def close(self) -> None:
        """Cut everything off and listen no more."""
        if self._server is not None:
            self._server.close()
        for expected in list(self._expected.values()):
            self.forget(expected)
        for stranger in list(self._strangers):
            stranger.cut()
        for link in list(self._links):
            link.hang_up()
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    # -- what connections say

    def arrived(self, stranger: _Hello) -> None:
        """A connection that has not said anything yet."""
        self._strangers[stranger] = None
        if len(self._strangers) > MAX_STRANGERS:
            self.refuse(next(iter(self._strangers)), "too many")

    def refuse(self, stranger: _Hello, why: str) -> None:
        """Cut a connection off. A flood of them does not flood the log."""
        self._refused += 1
        if str(self._refused).strip("0") == "1":
            log.warning("audiosocket_refused", reason=why, times=self._refused)
        stranger.cut()

    def gone(self, stranger: _Hello) -> None:
        """It has said who it is, or it has gone."""
        self._strangers.pop(stranger, None)

    def admit(self, call: UUID) -> Expected | None:
        """Who waits for this call; None for a UUID that was never given out, or is used already."""
        return self._expected.pop(call, None)

    def welcome(self, expected: Expected, link: AudioSocketLink) -> None:
        """Hand the connection to whoever waits for it."""
        self._links.add(link)
        link.on_gone = partial(self._links.discard, link)
        if expected.link.done():
            link.hang_up()
        else:
            expected.link.set_result(link)


class _Hello(asyncio.Protocol):
    """A connection until it has said whose it is."""

    def __init__(self, server: AudioSocketServer) -> None:
        self._server = server
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        _keep_alive(self._transport)
        self._timer = asyncio.get_running_loop().call_later(HELLO_S, self._server.refuse, self, "silent")
        self._server.arrived(self)

    def data_received(self, data: bytes) -> None:
        try:
            frames = self._reader.feed(data)
            if not frames:
                return
            call = call_of(*frames[0])
        except FrameError as error:
            self._server.refuse(self, str(error))
            return
        expected = self._server.admit(call)
        if expected is None or self._transport is None:
            self._server.refuse(self, "unknown call")
            return
        self._leave()
        link = AudioSocketLink(self._transport, self._reader)
        self._transport.set_protocol(link)
        self._server.welcome(expected, link)
        link.take(frames[1:])

    def connection_lost(self, _error: Exception | None) -> None:
        self._leave()

    def cut(self) -> None:
        """End it at once."""
        self._leave()
        if self._transport is not None:
            self._transport.abort()

    def _leave(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._server.gone(self)


def _keep_alive(transport: asyncio.Transport) -> None:
    """Let the kernel find out that the other side's machine is gone, whether we speak or listen."""
    connection = transport.get_extra_info("socket")
    options = {"TCP_KEEPIDLE": _DEAD_PEER_S // 2, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3}
    options["TCP_USER_TIMEOUT"] = _DEAD_PEER_S * 1000
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in options.items():
            if hasattr(socket, name):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


async def _address_towards(host: str, port: int) -> str:
    """Our own address on the way to `host`; nothing is sent. Raises MediaError."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        family, kind, protocol, _name, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    except OSError as error:
        raise MediaError(f"no way to {host}: {error}") from error


def _has_port(address: str) -> bool:
    """Whether HOST:PORT is meant, and not a bare IPv6 address."""
    return address.rpartition(":")[0] != "" and (address.count(":") == 1 or "]:" in address)
