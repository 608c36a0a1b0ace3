"""How a simulated customer hears: loudness and silence, and nothing of the words."""

from __future__ import annotations

import asyncio

import numpy as np

from dialer.speech.ports import duration_s

#: Mean amplitude (of 32767) above which a frame is speech; the line's silence is far below.
SPEECH_AMPLITUDE = 150
#: Speech shorter than this is the tail of something else, not a turn.
SHORTEST_TURN_S = 0.2


class Ear:
    """Feeds on heard audio. Silence is measured by the clock, for a silent line sends no frames."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._last_speech_at = 0.0
        self._speech_s = 0.0
        self._more = asyncio.Event()

    def hear(self, pcm: bytes) -> None:
        """Take heard audio (slin)."""
        samples = np.frombuffer(pcm, dtype="<i2")
        if samples.size and np.abs(samples.astype(np.int32)).mean() > SPEECH_AMPLITUDE:
            self._last_speech_at = self._loop.time()
            self._speech_s += duration_s(pcm)
            self._more.set()

    def forget(self) -> None:
        """What was said so far does not count any more."""
        self._speech_s = 0.0

    @property
    def speech_s(self) -> float:
        """Seconds of speech since the last `forget`."""
        return self._speech_s

    async def speech(self, at_least_s: float) -> None:
        """Wait until that much speech was heard since the last `forget`."""
        while self._speech_s < at_least_s:
            self._more.clear()
            await self._more.wait()

    async def end_of_turn(self, silence_s: float) -> None:
        """Wait for speech, and then for `silence_s` without any."""
        await self.speech(SHORTEST_TURN_S)
        rest_s = silence_s
        while rest_s > 0:
            await asyncio.sleep(rest_s)
            rest_s = self._last_speech_at + silence_s - self._loop.time()
