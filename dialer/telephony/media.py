"""The media WebSocket of one call: audio both ways, and what the customer has really heard.

What Asterisk does with each command is written down in docs/telephony.md. Its queue holds 1000 frames and drops
silently what does not fit, so this side counts: every stretch of audio is followed by a mark, and at most
`WINDOW_FRAMES` (below Asterisk's XOFF level of 900) are ever on the way. XOFF and XON are honoured as well.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping

import aiohttp
import structlog

from dialer.errors import MediaError
from dialer.telephony.ari import AriClient
from dialer.telephony.audio_port import FRAME_BYTES, WINDOW_FRAMES, AudioHandlers

log = structlog.get_logger()

#: Audio in one message: 200 frames (4 s), below Asterisk's limit of 65,500 bytes.
MESSAGE_BYTES = 200 * FRAME_BYTES
#: How a media channel is made that waits for our connection.
_HOW = {
    "external_host": "INCOMING",
    "transport": "websocket",
    "encapsulation": "none",
    "connection_type": "server",
}
#: Frames after which a mark of our own is due, so that the count stays true.
ACK_FRAMES = 50

_START = '{"command":"START_MEDIA_BUFFERING"}'
_STOP = '{"command":"STOP_MEDIA_BUFFERING"}'
_PAUSE = '{"command":"PAUSE_MEDIA"}'
_CONTINUE = '{"command":"CONTINUE_MEDIA"}'
_FLUSH = '{"command":"FLUSH_MEDIA"}'


class MediaSocket:
    """One connected media WebSocket. Implements `Audio`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, handlers: AudioHandlers) -> None:
        self._socket = socket
        self._on_audio = handlers.on_audio
        self._on_mark = handlers.on_mark
        self._on_closed = handlers.on_closed
        self.started = asyncio.Event()
        #: Marks on the way: number, frames since the mark before, the caller's name for it if it is his.
        self._marks: deque[tuple[int, int, str | None]] = deque()
        self._last_mark = 0
        self._frames_on_the_way = 0
        self._frames_since_mark = 0
        self._buffering = False
        self._xoff = False
        self._epoch = 0
        self._room = asyncio.Event()
        self._playing = asyncio.Lock()
        self._reader = asyncio.create_task(self._read(), name="media")

    async def play(self, pcm: bytes) -> None:
        """See `Audio.play`."""
        async with self._playing:
            epoch = self._epoch
            for start in range(0, len(pcm), MESSAGE_BYTES):
                piece = pcm[start : start + MESSAGE_BYTES]
                frames = -(-len(piece) // FRAME_BYTES)
                await self._wait_for_room(frames, epoch)
                if epoch != self._epoch or self._socket.closed:
                    return
                await self._send_audio(piece, frames)

    async def mark(self, name: str) -> None:
        """See `Audio.mark`."""
        async with self._playing:
            if self._buffering:
                self._buffering = False
                await self._command(_STOP)
            await self._send_mark(name)

    async def pause(self) -> None:
        """See `Audio.pause`."""
        await self._command(_PAUSE)

    async def resume(self) -> None:
        """See `Audio.resume`."""
        await self._command(_CONTINUE)

    async def flush(self) -> None:
        """See `Audio.flush`."""
        self._epoch += 1
        self._marks.clear()
        self._frames_on_the_way = self._frames_since_mark = 0
        self._buffering = False
        self._room.set()
        await self._command(_FLUSH)
        await self._command(_CONTINUE)  # a flush does not end a pause

    async def close(self) -> None:
        """See `Audio.close`."""
        self._on_closed = _nobody
        self._epoch += 1
        self._room.set()
        await self._socket.close()
        await asyncio.wait([self._reader])

    # -- to Asterisk

    async def _wait_for_room(self, frames: int, epoch: int) -> None:
        """Until Asterisk has played enough, the queue was flushed, or the socket has closed."""
        while (
            epoch == self._epoch
            and not self._socket.closed
            and (self._xoff or self._frames_on_the_way + frames > WINDOW_FRAMES)
        ):
            self._room.clear()
            await self._room.wait()

    async def _send_audio(self, piece: bytes, frames: int) -> None:
        # Counted before the first await: a flush in between must find the books in order.
        self._frames_on_the_way += frames
        self._frames_since_mark += frames
        starts, self._buffering = not self._buffering, True
        if starts:
            await self._command(_START)
        await self._audio(piece)
        if self._frames_since_mark >= ACK_FRAMES:
            await self._send_mark(None)

    async def _send_mark(self, name: str | None) -> None:
        self._last_mark += 1
        self._marks.append((self._last_mark, self._frames_since_mark, name))
        self._frames_since_mark = 0
        await self._command(f'{{"command":"MARK_MEDIA","correlation_id":"{self._last_mark}"}}')

    async def _command(self, command: str) -> None:
        if self._socket.closed:
            return
        try:
            await self._socket.send_str(command)
        except (aiohttp.ClientError, ConnectionError):
            self._lost()

    async def _audio(self, piece: bytes) -> None:
        if self._socket.closed:
            return
        try:
            await self._socket.send_bytes(piece)
        except (aiohttp.ClientError, ConnectionError):
            self._lost()

    def _lost(self) -> None:
        """Asterisk went away in mid-sentence: the reader notices too and tells the line."""
        log.debug("media_write_refused")
        self._room.set()

    # -- from Asterisk

    async def _read(self) -> None:
        """The frame path: one callback for each message, nothing in between."""
        on_audio = self._on_audio
        try:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.BINARY:
                    on_audio(message.data)
                elif message.type is aiohttp.WSMsgType.TEXT:
                    self._control(message.data)
        finally:  # a call whose listener has failed is as deaf as one without a socket
            self._room.set()
            self.started.set()
            self._on_closed()

    def _control(self, text: str) -> None:
        """What is no control message costs that message, and not the call its ears."""
        try:
            self._on_control(json.loads(text))
        except (ValueError, AttributeError) as error:
            log.error("media_message_unreadable", error=type(error).__name__)

    def _on_control(self, event: dict[str, object]) -> None:
        """A control message; there are a few in a second at most."""
        kind = event.get("event")
        if kind == "MEDIA_MARK_PROCESSED":
            self._mark_processed(str(event.get("correlation_id")))
        elif kind == "MEDIA_START":
            if event.get("optimal_frame_size") != FRAME_BYTES:
                log.error("media_format_unexpected", format=event.get("format"), size=event.get("optimal_frame_size"))
            self.started.set()
        elif kind == "MEDIA_XOFF":
            self._xoff = True
        elif kind == "MEDIA_XON":
            self._xoff = False
            self._room.set()
        elif kind == "ERROR":
            log.error("media_command_refused", reason=str(event.get("error_text"))[:200])

    def _mark_processed(self, correlation_id: str) -> None:
        """Everything up to this mark was heard. Marks of flushed audio may still come in: they are unknown by now."""
        if not any(str(number) == correlation_id for number, _, _ in self._marks):
            return
        while self._marks:
            number, frames, name = self._marks.popleft()
            self._frames_on_the_way -= frames
            if name is not None:
                self._on_mark(name)
            if str(number) == correlation_id:
                break
        self._room.set()


class WebSocketOffer:
    """Implements `AudioOffer`: a media channel that waits for our WebSocket."""

    def __init__(self, ari: AriClient, connection_id: str) -> None:
        self._ari = ari
        self._connection_id = connection_id

    @classmethod
    async def make(cls, ari: AriClient, channel_id: str, variables: Mapping[str, str]) -> WebSocketOffer:
        """Make the channel. Raises MediaError, AriError and AriUnavailableError."""
        snapshot = await ari.external_media(channel_id, variables, _HOW)
        connection_id = snapshot.get("channelvars", {}).get("MEDIA_WEBSOCKET_CONNECTION_ID")
        if not isinstance(connection_id, str):
            raise MediaError("the media channel has no connection id: chan_websocket is older than Asterisk 22.6")
        return cls(ari, connection_id)

    async def connect(self, handlers: AudioHandlers) -> MediaSocket:
        """See `AudioOffer.connect`."""
        return MediaSocket(await self._ari.open_media(self._connection_id), handlers)


def _nobody() -> None:
    """The socket was closed by us: there is nobody to tell."""
