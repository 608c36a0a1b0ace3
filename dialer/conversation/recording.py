"""What was said and when: a stereo recording (bot left, customer right) and a timed transcript.

Both sides are placed by the clock: the customer's side sends nothing while it is silent, and the bot's audio is
handed over faster than it is heard.
"""

from __future__ import annotations

import json
import wave
from collections import deque
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dialer.speech.ports import BYTES_PER_SECOND, SAMPLE_RATE_HZ

_SAMPLE_BYTES = 2
#: Frames arrive with jitter: a gap below this is closed up instead of becoming a click of silence.
_JITTER_BYTES = BYTES_PER_SECOND * 60 // 1000


def _offset(seconds: float) -> int:
    """Byte offset of a moment, on a whole sample."""
    return int(seconds * SAMPLE_RATE_HZ) * _SAMPLE_BYTES


class CustomerTrack:
    """The customer's side: frames are placed where they arrived, gaps become silence."""

    def __init__(self) -> None:
        self.pcm = bytearray()

    def add(self, pcm: bytes, at_s: float) -> None:
        """Frames that ended arriving at `at_s` seconds into the call."""
        gap = _offset(at_s) - len(pcm) - len(self.pcm)
        if gap > _JITTER_BYTES:
            self.pcm.extend(bytes(gap))
        self.pcm.extend(pcm)


class BotTrack:
    """The bot's side: a queue that plays in real time, can be paused, and can be flushed."""

    def __init__(self) -> None:
        self.pcm = bytearray()
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._paused = False
        self._played_to_s = 0.0

    def play(self, pcm: bytes, at_s: float) -> None:
        """Audio queued at `at_s`."""
        self._advance(at_s)
        self._queue.append(pcm)
        self._queued += len(pcm)

    def pause(self, at_s: float) -> None:
        """Playing stops; the queue stays."""
        self._advance(at_s)
        self._paused = True

    def resume(self, at_s: float) -> None:
        """Playing goes on."""
        self._advance(at_s)
        self._paused = False

    def flush(self, at_s: float) -> None:
        """The queue is dropped and playing is possible again."""
        self._advance(at_s)
        self._queue.clear()
        self._queued = 0
        self._paused = False

    def end(self, at_s: float) -> None:
        """The call ends: what had not been heard by now never was."""
        self._advance(at_s)

    def left_s(self, at_s: float) -> float:
        """Seconds of audio still to be heard at `at_s`, were it not paused."""
        elapsed = 0.0 if self._paused else max(0.0, at_s - self._played_to_s)
        return max(0.0, self._queued / BYTES_PER_SECOND - elapsed)

    def _advance(self, at_s: float) -> None:
        budget = 0 if self._paused else max(0, _offset(at_s) - _offset(self._played_to_s))
        self._played_to_s = max(at_s, self._played_to_s)
        started_at = _offset(self._played_to_s) - budget
        if budget and self._queue and len(self.pcm) < started_at:
            self.pcm.extend(bytes(started_at - len(self.pcm)))
        while budget > 0 and self._queue:
            head = self._queue.popleft()
            heard, rest = head[:budget], head[budget:]
            self.pcm.extend(heard)
            budget -= len(heard)
            self._queued -= len(heard)
            if rest:
                self._queue.appendleft(rest)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the transcript. `at_s` counts from answer; `latency_ms` by stage where it was measured."""

    at_s: float
    who: str
    text: str
    action: str | None = None
    source: str | None = None
    confidence: float | None = None
    latency_ms: dict[str, int] = field(default_factory=dict)
    #: For the bot's lines: False when the customer cut it short.
    heard_in_full: bool | None = None


class Transcript:
    """Who said what, in order."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def add(self, line: Line) -> None:
        """Append a line."""
        self.lines.append(line)

    def save(self, path: Path, about: dict[str, Any]) -> None:
        """Write as JSON: `about` (ids, decision) and the lines."""
        spoken = [asdict(line) for line in sorted(self.lines, key=lambda line: line.at_s)]
        lines = [{key: value for key, value in line.items() if value not in (None, {})} for line in spoken]
        body = {**about, "lines": lines}
        path.write_text(json.dumps(body, ensure_ascii=False, indent=1), "utf-8")


def save_stereo(path: Path, bot: bytes, customer: bytes) -> None:
    """Write an 8 kHz stereo WAV, bot left and customer right, padded to the longer side."""
    samples = max(len(bot), len(customer)) // _SAMPLE_BYTES
    stereo = np.zeros((samples, 2), dtype="<i2")
    for channel, pcm in enumerate((bot, customer)):
        side = np.frombuffer(pcm, dtype="<i2")
        stereo[: len(side), channel] = side
    with wave.open(str(path), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(_SAMPLE_BYTES)
        out.setframerate(SAMPLE_RATE_HZ)
        out.writeframes(stereo.tobytes())
