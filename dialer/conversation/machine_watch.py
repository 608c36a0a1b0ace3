"""Listens for an answering machine's beep during the first turn of a call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from dialer.conversation.listening import Listener
from dialer.conversation.machine import BeepDetector

#: A beep tells a machine only after this much speech: before that it may be anything.
SPEECH_BEFORE_BEEP_S = 1.5
#: Longest wait for the beep when there is a message to leave.
BEEP_LIMIT_S = 15.0


@dataclass(frozen=True, slots=True)
class Beeped:
    """A machine's beep was heard, or did not come in time."""


class MachineWatch:
    """Emits `Beeped`."""

    def __init__(self, listener: Listener, emit: Callable[[Beeped], None]) -> None:
        self._listener = listener
        self._emit = emit
        self._detector: BeepDetector | None = BeepDetector()
        self._limit: asyncio.TimerHandle | None = None

    @property
    def awaits_beep(self) -> bool:
        """Whether a machine is known and its beep is waited for."""
        return self._limit is not None

    def feed(self, pcm: bytes) -> None:
        """The customer's audio. Costs nothing once forgotten, next to nothing in silence."""
        if self._detector is None or not self._listener.hears_sound:
            return
        due = self.awaits_beep or self._listener.spoken_s >= SPEECH_BEFORE_BEEP_S
        if due and self._detector.feed(pcm):
            self._emit(Beeped())

    def await_beep(self) -> None:
        """It is a machine: tell when it has beeped."""
        if self._limit is None:
            self._limit = asyncio.get_running_loop().call_later(BEEP_LIMIT_S, self._emit, Beeped())

    def forget(self) -> None:
        """It does not matter any more."""
        self._detector = None
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
