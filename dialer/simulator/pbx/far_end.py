"""The customer's side of a channel: the phone that the callee holds."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from dialer.simulator.pbx.records import CallRecord
from dialer.speech.ports import FRAME_BYTES


class FarEndEvents(Protocol):
    """What the switch does when the far end acts."""

    def far_ringing(self, leg: FarEnd) -> None: ...

    def far_progress(self, leg: FarEnd) -> None: ...

    def far_answer(self, leg: FarEnd) -> None: ...

    def far_hangup(self, leg: FarEnd, cause: int) -> None: ...

    def far_digit(self, leg: FarEnd, digit: str) -> None: ...


class FarEnd:
    """A Phone and a Leg in one: two ends of the same wire."""

    def __init__(self, channel_id: str, record: CallRecord, events: FarEndEvents) -> None:
        self.channel_id = channel_id
        self.number = record.number
        self.record = record
        self.on_audio: Callable[[bytes], None] = _ignore
        self.task: asyncio.Task[None] | None = None
        self.dial_timeout_s = -1.0
        self._events = events
        self._outgoing: deque[bytes] = deque()
        self._spoken = asyncio.Event()
        self._spoken.set()

    async def ringing(self) -> None:
        self._events.far_ringing(self)

    async def progress(self) -> None:
        self._events.far_progress(self)

    async def answer(self) -> None:
        self._events.far_answer(self)

    async def reject(self, cause: int) -> None:
        self._events.far_hangup(self, cause)

    async def hangup(self) -> None:
        self._events.far_hangup(self, 16)

    async def send_digit(self, digit: str) -> None:
        self._events.far_digit(self, digit)

    def send(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), FRAME_BYTES):
            self._outgoing.append(pcm[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\0"))
        if self._outgoing:
            self._spoken.clear()

    async def spoken(self) -> None:
        await self._spoken.wait()

    def tick(self) -> bytes | None:
        if not self._outgoing:
            return None
        frame = self._outgoing.popleft()
        if not self._outgoing:
            self._spoken.set()
        return frame

    def accept(self, pcm: bytes) -> None:
        self.on_audio(pcm)

    def digit(self, digit: str) -> None:
        """A simulated phone does not hear the other side's keys."""


def _ignore(_pcm: bytes) -> None:
    """Nobody listens yet."""
