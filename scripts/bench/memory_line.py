"""A line in memory, in real time: no PBX and no socket.

The customer's side is played from the answer on. What the bot hands over is heard by the clock, as Asterisk plays it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping

from dialer.speech.ports import duration_s
from dialer.telephony.ports import DialRequest, DialResult, LineHandlers
from scripts.bench.pacing import play


class MemoryLine:
    """Implements `telephony.ports.Line`; `customer` is all that the customer's side plays (slin)."""

    attempt_id = "bench"

    def __init__(self, customer: bytes) -> None:
        self._customer = customer
        self._playing: asyncio.Task[None] | None = None
        #: Loop time of the answer, and of each beginning of the bot's turns; how late the customer's frames came.
        self.answered_at = 0.0
        self.heard: list[float] = []
        self.late_ms: list[float] = []
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[int] = self._loop.create_future()
        self.handlers = LineHandlers()
        #: Marks that are on the way, each with the seconds of audio before it, counted from the last flush.
        self._marks: deque[tuple[float, str]] = deque()
        self._queued_s = 0.0
        #: Seconds heard since the last flush, up to `_since`; playing goes on from there unless paused.
        self._heard_s, self._since = 0.0, 0.0
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None

    async def dial(self, request: DialRequest, handlers: LineHandlers) -> DialResult:
        self.handlers, self.answered_at = handlers, self._loop.time()
        self._playing = asyncio.create_task(play(self._customer, handlers.on_audio, self.late_ms))
        return DialResult(None)

    async def play(self, pcm: bytes) -> None:
        self._catch_up()
        if self._heard_s >= self._queued_s:
            self.heard.append(self._loop.time())
        self._queued_s += duration_s(pcm)

    async def mark(self, name: str) -> None:
        self._marks.append((self._queued_s, name))
        self._arm()

    async def pause(self) -> None:
        self._catch_up()
        self._paused = True
        self._arm()

    async def resume(self) -> None:
        self._catch_up()
        self._paused = False
        self._arm()

    async def flush(self) -> None:
        self._marks.clear()
        self._queued_s = self._heard_s = 0.0
        self._paused = False
        self._arm()

    async def transfer(self, endpoint: str, variables: Mapping[str, str], timeout_s: float) -> bool:
        return False

    async def hangup(self) -> None:
        if not self.ended.done():
            self.ended.set_result(16)

    async def close(self) -> None:
        if self._playing is not None:
            self._playing.cancel()
        self._marks.clear()
        self._arm()
        await self.hangup()

    def _catch_up(self) -> None:
        now = self._loop.time()
        if not self._paused:
            self._heard_s = min(self._queued_s, self._heard_s + now - self._since)
        self._since = now

    def _arm(self) -> None:
        """Wake up when the next mark will have been heard."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._catch_up()
        if self._marks and not self._paused:
            self._timer = self._loop.call_later(self._marks[0][0] - self._heard_s, self._on_heard)

    def _on_heard(self) -> None:
        self._timer = None
        _, name = self._marks.popleft()
        self._arm()
        self.handlers.on_mark(name)
