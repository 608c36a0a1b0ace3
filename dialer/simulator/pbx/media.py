"""The media WebSocket of one channel: Asterisk's chan_websocket, JSON control messages.

Follows the driver's rules: frames of 320 bytes, a queue of 1000 frames with XOFF at 900 and XON below 800, marks
that travel in the queue and cost no frame time, partial frames kept only while media is being buffered.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

import structlog

from dialer.simulator.pbx.frames import SocketWriter
from dialer.speech.ports import FRAME_BYTES, FRAME_MS

log = structlog.get_logger()

QUEUE_MAX = 1000
XOFF_LEVEL = 900
XON_LEVEL = 800
#: Longer text messages are ignored by the driver.
MAX_COMMAND_BYTES = 128
#: Longer messages break the connection.
MAX_MESSAGE_BYTES = 65535


class MediaLeg:
    """The queue between the media WebSocket (what the bot says) and the bridge (what the customer hears)."""

    def __init__(self, connection_id: str, on_hangup: Callable[[], None]) -> None:
        self.connection_id = connection_id
        self.channel_id = ""
        self._on_hangup = on_hangup
        self._socket: SocketWriter | None = None
        #: Audio frames (bytes) and control messages (str) in the order in which they take effect.
        self._queue: deque[bytes | str] = deque()
        self._frames = 0
        self._partial = b""
        self._bulk = False
        self._paused = False
        self._full = False
        self._report_drained = False

    @property
    def connected(self) -> bool:
        """Whether a media WebSocket is (or was) attached."""
        return self._socket is not None

    @property
    def socket(self) -> SocketWriter | None:
        """The attached media WebSocket."""
        return self._socket

    def connect(self, socket: SocketWriter, channel_name: str, variables: dict[str, str]) -> None:
        """Attach the WebSocket and greet it with MEDIA_START."""
        self._socket = socket
        self._event(
            "MEDIA_START",
            connection_id=self.connection_id,
            channel=channel_name,
            format="slin",
            optimal_frame_size=FRAME_BYTES,
            ptime=FRAME_MS,
            channel_variables=variables,
        )

    def tick(self) -> bytes | None:
        """The next 20 ms of what the bot says; None while it is paused or silent."""
        if self._paused:
            return None
        if self._full and self._frames < XON_LEVEL:
            self._full = False
            self._event("MEDIA_XON")
        if not self._queue:
            if self._report_drained:
                self._report_drained = False
                self._event("QUEUE_DRAINED")
            return None
        while self._queue:
            item = self._queue.popleft()
            if isinstance(item, bytes):
                self._frames -= 1
                return item if len(item) == FRAME_BYTES else item.ljust(FRAME_BYTES, b"\0")
            self._send(item)
        return None

    def accept(self, pcm: bytes) -> None:
        """The customer's audio, on its way to the bot."""
        if self._socket is not None:
            self._socket.binary(pcm)

    def digit(self, digit: str) -> None:
        """A key that the customer pressed."""
        self._event("DTMF_END", digit=digit)

    def audio(self, pcm: bytes) -> None:
        """A binary message from the bot."""
        if self._frames >= QUEUE_MAX:
            return
        if self._bulk:
            pcm = self._partial + pcm
        whole = len(pcm) - len(pcm) % FRAME_BYTES
        for start in range(0, whole, FRAME_BYTES):
            self._enqueue(pcm[start : start + FRAME_BYTES])
        self._partial = pcm[whole:] if self._bulk else b""

    def command(self, text: str) -> None:
        """A text message from the bot."""
        if len(text.encode()) > MAX_COMMAND_BYTES:
            log.warning("media_command_too_long", channel_id=self.channel_id)
            return
        try:
            message: Any = json.loads(text)
        except ValueError:
            self._event("ERROR", error_text="Unable to parse JSON command")
            return
        name = message.get("command") if isinstance(message, dict) else None
        handler = self._COMMANDS.get(str(name))
        if handler is None:
            log.warning("media_command_unknown", channel_id=self.channel_id, command=name)
            return
        handler(self, str(message.get("correlation_id", "")))

    def _hangup(self, _id: str) -> None:
        self._on_hangup()

    def _start_buffering(self, _id: str) -> None:
        self._bulk = True

    def _stop_buffering(self, correlation_id: str) -> None:
        self._bulk = False
        if self._partial:
            self._enqueue(self._partial)
            self._partial = b""
        self._queue.append(self._json("MEDIA_BUFFERING_COMPLETED", correlation_id=correlation_id))

    def _mark(self, correlation_id: str) -> None:
        self._queue.append(self._json("MEDIA_MARK_PROCESSED", correlation_id=correlation_id))

    def _flush(self, _id: str) -> None:
        self._queue.clear()
        self._frames = 0
        self._partial = b""
        self._bulk = False

    def _pause(self, _id: str) -> None:
        self._paused = True

    def _continue(self, _id: str) -> None:
        self._paused = False

    def _report(self, _id: str) -> None:
        self._report_drained = True

    def _status(self, _id: str) -> None:
        self._event(
            "STATUS",
            queue_length=self._frames,
            xon_level=XON_LEVEL,
            xoff_level=XOFF_LEVEL,
            queue_full=self._full,
            bulk_media=self._bulk,
            media_paused=self._paused,
        )

    def _answer(self, _id: str) -> None:
        """The channel is answered already, when its WebSocket connects."""

    _COMMANDS: ClassVar[dict[str, Callable[[MediaLeg, str], None]]] = {
        "ANSWER": _answer,
        "HANGUP": _hangup,
        "START_MEDIA_BUFFERING": _start_buffering,
        "STOP_MEDIA_BUFFERING": _stop_buffering,
        "MARK_MEDIA": _mark,
        "FLUSH_MEDIA": _flush,
        "PAUSE_MEDIA": _pause,
        "CONTINUE_MEDIA": _continue,
        "REPORT_QUEUE_DRAINED": _report,
        "GET_STATUS": _status,
    }

    def _enqueue(self, frame: bytes) -> None:
        self._queue.append(frame)
        self._frames += 1
        if not self._full and self._frames >= XOFF_LEVEL:
            self._full = True
            self._event("MEDIA_XOFF")

    def _json(self, event: str, **fields: Any) -> str:
        return json.dumps({"event": event, "channel_id": self.channel_id, **fields}, separators=(",", ":"))

    def _event(self, event: str, **fields: Any) -> None:
        self._send(self._json(event, **fields))

    def _send(self, message: str) -> None:
        if self._socket is not None:
            self._socket.text(message)
