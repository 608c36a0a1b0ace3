"""The clocks of one conversation: how long an answer is waited for, and when the closing words are over."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from dialer.conversation.moves import Silence
from dialer.conversation.speaking import Speaker

#: A wait that has this little left is over: a timer cannot be set for less than the clock's own steps.
_NEARLY_S = 0.001
#: Longest wait for the closing words.
CLOSING_LIMIT_S = 20.0


@dataclass(frozen=True, slots=True)
class ClosingOver:
    """The closing words have been heard, or have taken too long."""


class Patience:
    """Emits `Silence` when an answer does not come, and `ClosingOver`."""

    def __init__(self, speaker: Speaker, emit: Callable[[Silence | ClosingOver], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._speaker = speaker
        self._emit = emit
        self._silence: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> bool:
        """Whether an answer is waited for."""
        return self._silence is not None

    def wait(self, answer_timeout_s: float) -> None:
        """Wait for an answer for this long after all has been heard, by the clock: a silent line sends no frames."""
        self.stop_waiting()
        self._wait(answer_timeout_s, answer_timeout_s)

    def _wait(self, seconds: float, answer_timeout_s: float) -> None:
        self._silence = self._loop.call_later(self._speaker.left_s() + seconds, self._waited, answer_timeout_s)

    def _waited(self, answer_timeout_s: float) -> None:
        """When the wait began, the question may not even have been handed over: it was over later than that."""
        missing_s = answer_timeout_s - self._speaker.silent_s
        if missing_s > _NEARLY_S:
            self._wait(missing_s, answer_timeout_s)
        else:
            self._emit(Silence())

    def stop_waiting(self) -> None:
        """Somebody speaks, or nothing is asked any more."""
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def close(self) -> None:
        """What is being said is the last."""
        self.stop_waiting()
        self.reopen()
        self._closing = asyncio.create_task(self._until_said())

    def close_again(self) -> None:
        """If the closing words were over before somebody spoke, they are over again."""
        if self._closing is not None and self._closing.done():
            self._closing = asyncio.create_task(self._until_said())

    def reopen(self) -> None:
        """It was not the last after all."""
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None

    async def end(self) -> None:
        """The call is over."""
        self.stop_waiting()
        if self._closing is not None:
            self._closing.cancel()
            await asyncio.gather(self._closing, return_exceptions=True)

    async def _until_said(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._speaker.wait_over(), CLOSING_LIMIT_S)
        self._emit(ClosingOver())
