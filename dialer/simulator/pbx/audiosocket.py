"""One channel's AudioSocket connection: Asterisk's chan_audiosocket, which connects to the bot.

Follows the driver's rules: the connection is made before the request is answered, the first frame carries the UUID,
audio that comes in goes on at once (there is no queue, so nothing is paced here), and anything but audio and hang-up
ends the channel, as does a frame that is not whole within 5 ms.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

import structlog

log = structlog.get_logger()

#: How long the driver tries to connect.
CONNECT_S = 2.0
#: How long it waits for the rest of a frame; on a busy machine that rule would end sound calls, so here it is longer.
_WHOLE_S = 0.5
_HANGUP, _UUID, _DTMF, _AUDIO = 0x00, 0x01, 0x03, 0x10
_BACKLOG_BYTES = 512 * 1024


class AudioSocketLeg:
    """Implements `Leg`: what the bot says, and what it hears."""

    def __init__(self, call: UUID) -> None:
        self._call = call
        #: Called when the connection has ended.
        self.on_end: Callable[[], None] = lambda: None
        self._said: list[bytes] = []
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.StreamReader | None = None

    async def connect(self, host: str, port: int) -> None:
        """Connect to the bot. Raises OSError (a timeout included)."""
        async with asyncio.timeout(CONNECT_S):
            self._reader, self._writer = await asyncio.open_connection(host, port)

    async def serve(self) -> None:
        """Say whose call it is, then take what the bot says, until either side ends it."""
        self._write(_UUID, self._call.bytes)
        try:
            while await self._take_frame():
                continue
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            log.info("audiosocket_lost", reason=type(error).__name__)
        finally:
            self.on_end()

    async def _take_frame(self) -> bool:
        """One frame; False when the channel is to end."""
        if self._reader is None:
            return False
        kind = await self._reader.read(1)
        if not kind or kind[0] == _HANGUP:
            return False
        async with asyncio.timeout(_WHOLE_S):
            size = int.from_bytes(await self._reader.readexactly(2), "big")
            payload = await self._reader.readexactly(size)
        if kind[0] != _AUDIO or not payload:
            log.error("audiosocket_frame_unknown", kind=kind[0], size=size)
            return False
        self._said.append(payload)
        return True

    def close(self) -> None:
        """The channel has ended."""
        if self._writer is not None:
            with suppress(OSError):
                self._writer.close()

    def tick(self) -> bytes | None:
        """All that the bot has sent since the last beat: more than 20 ms of it, if the bot hurries."""
        if not self._said:
            return None
        said, self._said = b"".join(self._said), []
        return said

    def accept(self, pcm: bytes) -> None:
        """The customer's audio, on its way to the bot."""
        self._write(_AUDIO, pcm)

    def digit(self, digit: str) -> None:
        """A key that the customer pressed."""
        self._write(_DTMF, digit.encode())

    def _write(self, kind: int, payload: bytes) -> None:
        writer = self._writer
        if writer is None or writer.is_closing() or writer.transport.get_write_buffer_size() > _BACKLOG_BYTES:
            return
        writer.write(bytes((kind,)) + len(payload).to_bytes(2, "big") + payload)
