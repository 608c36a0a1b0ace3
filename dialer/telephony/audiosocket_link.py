"""One AudioSocket connection of a call: bytes in and out, and nothing of what they mean."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import structlog

from dialer.telephony.audiosocket_frames import HANGUP_FRAME, FrameError, FrameReader, Kind

log = structlog.get_logger()

#: Bytes that may wait for an Asterisk that does not read (half a second); then speaking halts.
_WRITE_AHEAD = 8 * 1024


class AudioSocketLink(asyncio.Protocol):
    """Made when the connection has said whose it is. `attach` before the first beat."""

    def __init__(self, transport: asyncio.Transport, reader: FrameReader) -> None:
        self.closed = False
        #: Whether Asterisk takes what we send.
        self.writable = True
        #: Called once, when the connection has gone.
        self.on_gone: Callable[[], None] = _nobody
        self._on_audio: Callable[[bytes], None] = _unheard
        self._on_closed: Callable[[], None] = _nobody
        self._transport = transport
        self._reader = reader
        transport.set_write_buffer_limits(high=_WRITE_AHEAD)

    def attach(self, on_audio: Callable[[bytes], None], on_closed: Callable[[], None]) -> None:
        """Tell what comes, and the end unless it is ours."""
        self._on_audio, self._on_closed = on_audio, on_closed
        if self.closed:
            on_closed()

    def send(self, frames: bytes) -> None:
        """Whole frames, in one piece: an Asterisk that finds half of one ends the channel."""
        if not self.closed:
            self._transport.write(frames)

    def hang_up(self) -> None:
        """End it from our side: nobody is told."""
        self._on_closed = _nobody
        if not self.closed:
            self.send(HANGUP_FRAME)
            self.closed = True
            self._transport.close()

    def take(self, frames: Iterable[tuple[int, bytes]]) -> None:
        """What has come."""
        for kind, payload in frames:
            if kind == Kind.AUDIO:
                if len(payload) % 2:
                    return self.broken("half a sample")
                self._on_audio(payload)
            elif kind == Kind.HANGUP:
                self._transport.close()
            elif kind == Kind.ERROR:
                log.error("audiosocket_error", code=payload.hex()[:8])
            # A key is told by ARI as well, and whatever else newer Asterisks may say is none of ours.
        return None

    def broken(self, why: str) -> None:
        """Nothing that follows can be understood."""
        log.error("audiosocket_broken", reason=why)
        self._transport.abort()

    # -- asyncio's side

    def data_received(self, data: bytes) -> None:
        """The frame path."""
        try:
            self.take(self._reader.feed(data))
        except FrameError as error:
            self.broken(str(error))

    def connection_lost(self, _error: Exception | None) -> None:
        self.closed = True
        self.on_gone()
        on_closed, self._on_closed = self._on_closed, _nobody
        on_closed()

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True


def _unheard(_pcm: bytes) -> None:
    """Audio from before anybody listens."""


def _nobody() -> None:
    """There is nobody to tell."""
