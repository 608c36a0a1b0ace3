"""WebSocket frames and the 20 ms beat, both as cheap as they can be: they are the simulator's hot path."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web

from dialer.speech.ports import FRAME_MS

_FIN_TEXT = 0x81
_FIN_BINARY = 0x82
#: Bytes that may wait for a slow reader; frames beyond that are lost, as they would be on a wire.
_BACKLOG_BYTES = 512 * 1024
#: Beats missed by more than this (a stalled machine) are skipped instead of made up for.
_MAX_BURST = 50


class SocketWriter:
    """Writes whole, unmasked, uncompressed frames to an accepted WebSocket without awaiting (RFC 6455, 5.2)."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        if request.transport is None:
            raise ConnectionResetError("the client left during the handshake")
        self.socket = socket
        self._transport = request.transport

    def text(self, message: str) -> None:
        """Send one text message."""
        self._write(_FIN_TEXT, message.encode())

    def binary(self, data: bytes) -> None:
        """Send one binary message; dropped when the reader does not keep up."""
        if self._transport.get_write_buffer_size() < _BACKLOG_BYTES:
            self._write(_FIN_BINARY, data)

    def _write(self, head: int, data: bytes) -> None:
        if self.socket.closed or self._transport.is_closing():
            return
        size = len(data)
        if size < 126:
            prefix = bytes((head, size))
        elif size < 65536:
            prefix = bytes((head, 126)) + size.to_bytes(2, "big")
        else:
            prefix = bytes((head, 127)) + size.to_bytes(8, "big")
        self._transport.write(prefix + data)


class FrameClock:
    """Calls `beat` every 20 ms for all calls together, without drift, and rests while there are none."""

    def __init__(self, beat: Callable[[], None]) -> None:
        self._beat = beat
        self._needed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to beat (once somebody needs it)."""
        self._task = asyncio.create_task(self._run(), name="pbx-frame-clock")

    def need(self, needed: bool) -> None:
        """Whether there is any call to beat for."""
        if needed:
            self._needed.set()
        else:
            self._needed.clear()

    async def stop(self) -> None:
        """End the beat."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._needed.wait()
            started, beats = loop.time(), 0
            while self._needed.is_set():
                due = int((loop.time() - started) * 1000 / FRAME_MS) - beats
                if due > _MAX_BURST:
                    beats += due - 1
                    due = 1
                for _ in range(due):
                    self._beat()
                beats += due
                await asyncio.sleep(started + (beats + 1) * FRAME_MS / 1000 - loop.time())


class Background:
    """Keeps fire-and-forget tasks referenced until they end."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, task: asyncio.Task[Any]) -> None:
        """Look after `task`."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Cancel what still runs and wait for it."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
