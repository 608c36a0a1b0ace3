"""What the bot is saying on one call, paced by our own clock: AudioSocket has no queue in Asterisk.

Every frame has the moment at which the customer begins to hear it, 20 ms after the one before; it goes out
`LEAD_FRAMES` earlier, so that a short stall of this process is not heard and barge-in is still immediate. After a
longer stall, or silence, the moments begin anew: what is late is not hurried, since the customer has heard the gap.

Where there is nothing to say, silence goes out, a frame every 20 ms: an Asterisk that is woken without finding a frame
waits for one with the channel locked, and before long no request is answered any more (docs/telephony.md).
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

import structlog

from dialer.telephony.audio_port import FRAME_BYTES
from dialer.telephony.audiosocket_frames import audio_frame

log = structlog.get_logger()

FRAME_S = 0.02
#: Frames that go out before they are due. Asterisk takes what comes up to 80 ms early for one stream (its
#: MAX_TIMESTAMP_SKEW), and four frames fit into one TCP segment: one that arrives in two parts ends the channel.
LEAD_FRAMES = 3
_LEAD_S = LEAD_FRAMES * FRAME_S
_SILENCE = audio_frame(bytes(FRAME_BYTES))


class Playout:
    """The queue of one call. Pure: it is told the time, and says what is due."""

    def __init__(self) -> None:
        #: Audio frames as they go out, and the names of marks between them.
        self._queue: deque[bytes | str] = deque()
        #: Marks whose audio has gone out, and when it will have been heard.
        self._marks: deque[tuple[float, str]] = deque()
        #: When the next frame is to be heard.
        self._next = 0.0
        #: Audio that does not fill a frame yet: it waits for the next piece, or for a mark.
        self._partial = b""
        self._paused = False
        #: Frames that wait.
        self.frames = 0

    def add(self, pcm: bytes) -> None:
        """Queue audio."""
        pcm = self._partial + pcm if self._partial else pcm
        whole = len(pcm) - len(pcm) % FRAME_BYTES
        for start in range(0, whole, FRAME_BYTES):
            self._queue.append(audio_frame(pcm[start : start + FRAME_BYTES]))
        self.frames += whole // FRAME_BYTES
        self._partial = pcm[whole:]

    def mark(self, name: str) -> None:
        """Queue a mark; an unfinished frame before it is filled with silence."""
        if self._partial:
            self.add(bytes(FRAME_BYTES - len(self._partial)))
        self._queue.append(name)

    def pause(self) -> None:
        """Nothing is due until `resume`."""
        self._paused = True

    def resume(self) -> None:
        """Go on."""
        self._paused = False

    def flush(self) -> None:
        """Forget everything, a pause included. What has gone out is still heard, before what comes now."""
        self._queue.clear()
        self._marks.clear()
        self._partial, self._paused, self.frames = b"", False, 0

    def due(self, now: float) -> tuple[bytes, list[str]]:
        """The frames to send now (at most `LEAD_FRAMES` + 1), and the marks that have been heard."""
        frames: list[bytes] = []
        while self._queue and not self._paused:
            item = self._queue[0]
            if isinstance(item, str):
                self._marks.append((self._next, item))
            else:
                self._next = max(self._next, now)
                if self._next - _LEAD_S > now:
                    break
                frames.append(item)
                self._next += FRAME_S
            self._queue.popleft()
        self.frames -= len(frames)
        if not frames and self._next <= now:
            # Never early: what is said next would have to wait behind it.
            frames.append(_SILENCE)
            self._next = now + FRAME_S
        heard: list[str] = []
        while self._marks and self._marks[0][0] <= now and not self._paused:
            heard.append(self._marks.popleft()[1])
        return b"".join(frames), heard


class Speaker(Protocol):
    """Whoever is called every 20 ms."""

    def beat(self, now: float) -> None:
        """Send what is due."""
        ...

    def broken(self, why: str) -> None:
        """`beat` has failed, and is not called any more."""
        ...


class Pacer:
    """One timer for all calls of a process: a beat every 20 ms, at absolute times, while there are any."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._speakers: set[Speaker] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0.0

    def join(self, speaker: Speaker) -> None:
        """Beat for `speaker`, for the first time at once."""
        self._speakers.add(speaker)
        now = self._loop.time()
        if self._timer is None:
            self._next = now
            self._set()
        speaker.beat(now)

    def leave(self, speaker: Speaker) -> None:
        """Beat for `speaker` no more."""
        self._speakers.discard(speaker)

    def _set(self) -> None:
        """The next beat that has not been missed."""
        missed = max(0, int((self._loop.time() - self._next) / FRAME_S))
        self._next += (missed + 1) * FRAME_S
        self._timer = self._loop.call_at(self._next, self._beat)

    def _beat(self) -> None:
        now = self._loop.time()
        self._timer = None
        for speaker in tuple(self._speakers):
            try:
                speaker.beat(now)
            except Exception:  # one call's fault must not silence all others
                log.exception("beat_failed")
                self.leave(speaker)
                speaker.broken("beat failed")
        if self._speakers and self._timer is None:
            self._set()
