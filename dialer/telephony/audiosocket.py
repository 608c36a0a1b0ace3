"""Audio over AudioSocket, for an Asterisk without chan_websocket: the same commands, all kept on this side."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from dialer.errors import MediaError
from dialer.telephony.ari import AriClient
from dialer.telephony.audio_port import FRAME_BYTES, WINDOW_FRAMES, AudioHandlers
from dialer.telephony.audiosocket_link import AudioSocketLink
from dialer.telephony.audiosocket_server import AudioSocketServer, Expected
from dialer.telephony.playout import Pacer, Playout

#: Audio that is queued at once (1 s): what is longer waits for room piece by piece.
_PIECE_BYTES = 50 * FRAME_BYTES


class AudioSocketAudio:
    """Implements `Audio` on one connection."""

    def __init__(self, link: AudioSocketLink, pacer: Pacer, handlers: AudioHandlers) -> None:
        self._link = link
        self._pacer = pacer
        self._handlers = handlers
        self._playout = Playout()
        self._epoch = 0
        self._room = asyncio.Event()
        self._playing = asyncio.Lock()
        link.attach(handlers.on_audio, self._lost)
        if not link.closed:
            pacer.join(self)

    async def play(self, pcm: bytes) -> None:
        """See `Audio.play`."""
        async with self._playing:
            epoch = self._epoch
            for start in range(0, len(pcm), _PIECE_BYTES):
                piece = pcm[start : start + _PIECE_BYTES]
                await self._wait_for_room(len(piece) // FRAME_BYTES, epoch)
                if epoch != self._epoch or self._link.closed:
                    return
                self._playout.add(piece)
                self._at_once()

    async def _wait_for_room(self, frames: int, epoch: int) -> None:
        """Until enough was played, the queue was flushed, or the connection has closed."""
        while epoch == self._epoch and not self._link.closed and self._playout.frames + frames > WINDOW_FRAMES:
            self._room.clear()
            await self._room.wait()

    async def mark(self, name: str) -> None:
        """See `Audio.mark`."""
        async with self._playing:
            if not self._link.closed:
                self._playout.mark(name)

    async def pause(self) -> None:
        """See `Audio.pause`. What has gone out already (60 ms at most) is still heard."""
        self._playout.pause()

    async def resume(self) -> None:
        """See `Audio.resume`."""
        self._playout.resume()
        self._at_once()

    async def flush(self) -> None:
        """See `Audio.flush`."""
        self._drop()

    async def close(self) -> None:
        """See `Audio.close`."""
        self._pacer.leave(self)
        self._link.hang_up()
        self._drop()

    def beat(self, now: float) -> None:
        """Send what is due and tell marks. While Asterisk does not read, time stands still."""
        if not self._link.writable or self._link.closed:
            return
        frames, heard = self._playout.due(now)
        if frames:
            self._link.send(frames)
            self._room.set()
        for name in heard:
            self._handlers.on_mark(name)

    def broken(self, why: str) -> None:
        """End the connection: an Asterisk that gets no frames stands still."""
        self._link.broken(why)

    def _at_once(self) -> None:
        """Do not wait for the next beat."""
        self.beat(asyncio.get_running_loop().time())

    def _lost(self) -> None:
        self._pacer.leave(self)
        self._drop()
        self._handlers.on_closed()

    def _drop(self) -> None:
        """Forget what was to be said, and let go whoever waits to say more."""
        self._epoch += 1
        self._playout.flush()
        self._room.set()


class AudioSocketOffer:
    """Implements `AudioOffer`: Asterisk's connection is on its way, or there."""

    def __init__(self, expected: Expected, pacer: Pacer, timeout_s: float) -> None:
        self._expected = expected
        self._pacer = pacer
        self._timeout_s = timeout_s

    async def connect(self, handlers: AudioHandlers) -> AudioSocketAudio:
        """See `AudioOffer.connect`."""
        link = self._expected.link
        await asyncio.wait([link], timeout=self._timeout_s)
        if not link.done() or link.cancelled():
            raise MediaError("Asterisk's AudioSocket connection did not come")
        self._expected.taken = True
        return AudioSocketAudio(link.result(), self._pacer, handlers)


class AudioSocketDoor:
    """Makes media channels that connect to this process. Made on a running event loop; listens once it is asked."""

    def __init__(self, ari: AriClient) -> None:
        self._ari = ari
        self._pacer = Pacer()
        self._server: AudioSocketServer | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> AudioSocketServer:
        """Listen, if we do not yet. Raises MediaError."""
        async with self._starting:
            if self._server is None:
                server = AudioSocketServer(self._ari.settings.audiosocket)
                await server.start(self._ari.address)
                self._server = server
        return self._server

    async def offer(self, channel_id: str, variables: Mapping[str, str]) -> AudioSocketOffer:
        """A media channel. Raises MediaError, AriError and AriUnavailableError."""
        server = await self.start()
        expected = server.expect()
        how = {
            "external_host": server.address,
            "transport": "tcp",
            "encapsulation": "audiosocket",
            "data": str(expected.call),
        }
        try:
            await self._ari.external_media(channel_id, variables, how)
        except BaseException:
            server.forget(expected)
            raise
        return AudioSocketOffer(expected, self._pacer, self._ari.settings.request_timeout_s)

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            await self._server.close()
            self._server = None
