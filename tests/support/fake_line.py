"""A telephone line for session tests: plays in the loop's own (virtual) time and notes what the customer hears.

The bot's audio is played frame by frame as Asterisk would: a queue that pauses, flushes and processes marks. See
`fake_world` for the rest of a call.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping

from dialer.speech.ports import FRAME_BYTES
from dialer.telephony.ports import DialRequest, DialResult, LineHandlers

FRAME_S = 0.02


class FakeLine:
    """Implements `telephony.ports.Line` without a PBX. `operator` tells how a transfer ends."""

    attempt_id = "a-1"

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[int] = self._loop.create_future()
        self.handlers = LineHandlers()
        self.operator: Callable[[], Awaitable[bool]] | None = None
        self.transfers: list[tuple[str, dict[str, str]]] = []
        self.commands: list[tuple[float, str]] = []
        #: (from, to) of what the customer heard of the bot, in loop time; and the marks that were processed.
        self.heard: list[tuple[float, float]] = []
        self.marks: list[str] = []
        self.began_at = self._loop.time()
        self._queue: deque[bytes | str] = deque()
        self._paused = False
        #: Set and cleared with every frame.
        self.ticked = asyncio.Event()
        self._player = asyncio.create_task(self._play())

    @property
    def now(self) -> float:
        """Seconds since the line was made."""
        return self._loop.time() - self.began_at

    async def _play(self) -> None:
        while True:
            item = self._queue.popleft() if self._queue and not self._paused else None
            if isinstance(item, str):
                self.marks.append(item)
                self.handlers.on_mark(item)
                continue
            if item is not None and any(item):
                if self.heard and self.now - self.heard[-1][1] < 0.4:
                    self.heard[-1] = (self.heard[-1][0], self.now + FRAME_S)
                else:
                    self.heard.append((self.now, self.now + FRAME_S))
            await asyncio.sleep(FRAME_S)
            self.ticked.set()
            self.ticked.clear()

    def heard_since(self, since: float) -> float:
        """Seconds of the bot's speech in the last stretch without a break, as far as it lies after `since`."""
        if not self.heard:
            return 0.0
        begin, end = self.heard[-1]
        return max(0.0, end - max(since, begin))

    async def dial(self, request: DialRequest, handlers: LineHandlers) -> DialResult:
        self.handlers = handlers
        return DialResult(None)

    async def play(self, pcm: bytes) -> None:
        if not self.ended.done():
            self._queue += [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm), FRAME_BYTES)]

    async def mark(self, name: str) -> None:
        self._queue.append(name)

    async def pause(self) -> None:
        self._paused = True
        self.commands.append((self.now, "pause"))

    async def resume(self) -> None:
        self._paused = False
        self.commands.append((self.now, "resume"))

    async def flush(self) -> None:
        self._queue.clear()
        self._paused = False
        self.commands.append((self.now, "flush"))

    async def transfer(self, endpoint: str, variables: Mapping[str, str], timeout_s: float) -> bool:
        self.transfers.append((endpoint, dict(variables)))
        return False if self.operator is None else await self.operator()

    async def hangup(self) -> None:
        self.end(16)

    async def close(self) -> None:
        self._player.cancel()
        self.end(16)

    def end(self, cause: int) -> None:
        """The far side hangs up."""
        if not self.ended.done():
            self.ended.set_result(cause)

    def names(self) -> list[str]:
        """The commands that came, in order."""
        return [name for _, name in self.commands]
