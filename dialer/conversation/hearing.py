"""Hearing: where in a call's audio somebody speaks.

20 ms frames pass a cheap gate; while it is open a judge (Silero) scores 32 ms windows. `Hearing` knows no clock: its
positions count the stream's own bytes. `StreamClock` turns the silence of a far end that sends no frames into audio.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from dialer.conversation.hearing_models import Gate, Judge, WebRtcGate
from dialer.conversation.hint import Hint
from dialer.conversation.silero import GLANCE_SAMPLES, WINDOW_MS, WINDOW_SAMPLES, Floats, SileroJudge
from dialer.speech.ports import BYTES_PER_SECOND, FRAME_BYTES, FRAME_MS

_BYTES_PER_MS = BYTES_PER_SECOND // 1000
_WINDOW_BYTES = 2 * WINDOW_SAMPLES
_GLANCE_BYTES = 2 * GLANCE_SAMPLES
#: A glance is for what is louder than the last window: in steady noise there is nothing new to see.
_RISE = 1.1
#: How long the judge may take silence after speech for more of it.
_MEMORY_BYTES = 400 * _BYTES_PER_MS


@dataclass(frozen=True, slots=True)
class HearingTuning:
    """Measured on recorded Russian speech: `docs/hearing.md`, `scripts/measure_hearing.py`."""

    #: A window at least this likely is speech.
    start_probability: float = 0.4
    #: One window this likely, though not yet speech, is a hint that speech begins: good enough to pause the bot.
    hint_probability: float = 0.15
    #: A hint that has not become speech by now is over.
    longest_hint_ms: int = 320
    #: Within speech a window stays speech down to this ...
    keep_probability: float = 0.4
    #: ... and while it is no more than this below the loudest: the judge's memory outlasts a short word by 0.2 s.
    fade_db: float = 30.0
    #: Quiet speakers are raised towards this RMS before they are judged, by no more than `max_gain`.
    judged_level: float = 0.1
    max_gain: float = 4.0
    #: Speech has begun when this much of the last `start_within_ms` was speech.
    start_ms: int = 64
    start_within_ms: int = 128
    #: Speech has ended after this much without any.
    release_ms: int = 128
    #: Frames in a row that open the gate.
    open_frames: int = 1
    #: Quiet after which the gate shuts and the judge rests.
    shut_ms: int = 480
    #: What the judge hears of the time before the gate opened.
    lead_in_ms: int = 192
    #: No frame for this long means that the far end is silent.
    gap_ms: int = 120
    #: Ticks further apart than this mean that our own loop stalled.
    stall_ms: int = 80


@dataclass(frozen=True, slots=True)
class SpeechStart:
    """Somebody began to speak at stream position `position` (bytes)."""

    position: int


@dataclass(frozen=True, slots=True)
class SpeechEnd:
    """Nobody speaks since stream position `position` (bytes), the end of the last window with speech."""

    position: int


@dataclass(frozen=True, slots=True)
class SpeechHint:
    """At stream position `position` something began that may be speech: SpeechStart or HintOver follows."""

    position: int


@dataclass(frozen=True, slots=True)
class HintOver:
    """It was nothing."""


Edge = SpeechStart | SpeechEnd | SpeechHint | HintOver


class Hearing:
    """One call's voice detection. Feed it everything."""

    def __init__(
        self, tuning: HearingTuning | None = None, gate: Gate | None = None, judge: Judge | None = None
    ) -> None:
        self.tuning = tuning or HearingTuning()
        self._fade = 10 ** (-self.tuning.fade_db / 20)
        self._gate = gate or WebRtcGate()
        self._judge = judge or SileroJudge()
        self._open = False
        self._open_run = 0
        #: Stream positions (bytes): after all that was gated, of the last open frame, after the last judged window.
        self.position = 0
        self._last_open = 0
        self._judged = 0
        self._frames = bytearray()
        #: While shut: the lead-in. While open: what is not judged yet.
        self._windows = bytearray()
        #: The newest audio, judged or not: what a glance sees.
        self._newest = b""
        #: RMS of the loudest window of late (for the gain) and of the present speech (for its end).
        self._loud = 0.0
        self._peak = 0.0
        #: RMS of the last window, and whether that is as quiet as the end of a word.
        self._level = 0.0
        self._faded = False
        self.speaking = False
        self._recent: deque[bool] = deque(maxlen=self.tuning.start_within_ms // WINDOW_MS)
        self._hint = Hint(self.tuning.start_within_ms // WINDOW_MS, self.tuning.longest_hint_ms // WINDOW_MS)
        self._last_speech = -_MEMORY_BYTES
        self._speech_windows = 0

    @property
    def gate_open(self) -> bool:
        """Whether there is, or has just been, any sound that may be a voice."""
        return self._open

    @property
    def speech_ms(self) -> int:
        """How much of the present (or the last) speech was judged to be speech, its gaps left out."""
        return self._speech_windows * WINDOW_MS

    @property
    def stirring(self) -> bool:
        """Nobody speaks yet, but one of the last two windows was speech: it may be going on in a moment."""
        return not self.speaking and True in tuple(self._recent)[-2:]

    def feed(self, pcm: bytes) -> list[Edge]:
        """Hear the next audio of any length; what does not fill a 20 ms frame waits for the rest."""
        edges: list[Edge] = []
        self._frames += pcm
        used = 0
        while len(self._frames) - used >= FRAME_BYTES:
            frame = bytes(self._frames[used : used + FRAME_BYTES])
            used += FRAME_BYTES
            self.position += FRAME_BYTES
            self._windows += frame
            self._newest = (self._newest + frame)[-_GLANCE_BYTES:]
            self._gate_frame(frame)
            if self._open:
                self._judge_windows(edges)
                self._glance(edges)
        del self._frames[:used]
        return edges

    def _gate_frame(self, frame: bytes) -> None:
        if self._gate.is_open(frame):
            self._open_run += 1
            self._last_open = self.position
        else:
            self._open_run = 0
        if not self._open and self._open_run >= self.tuning.open_frames:
            self._open = True
            self._judge.reset()
            self._loud = 0.0
            self._recent.clear()
            self._hint.reset()
        elif self._open and not self.speaking and not self._hint.given and self._is_quiet():
            self._open = False
            self._open_run = 0
        if not self._open:
            del self._windows[: -self.tuning.lead_in_ms * _BYTES_PER_MS]

    def _is_quiet(self) -> bool:
        return self.position - self._last_open >= self.tuning.shut_ms * _BYTES_PER_MS

    def _judge_windows(self, edges: list[Edge]) -> None:
        while len(self._windows) >= _WINDOW_BYTES:
            window = bytes(self._windows[:_WINDOW_BYTES])
            del self._windows[:_WINDOW_BYTES]
            self._judged = self.position - len(self._windows)
            probability = self._probability(window)
            edge = self._go_on(probability) if self.speaking else self._may_start(probability)
            if edge is not None:
                edges.append(edge)

    def _glance(self, edges: list[Edge]) -> None:
        """Windows end where they end: a short first syllable cut in two by that shows in the audio up to now."""
        if self.speaking or not self._hint.wanted or not self._windows:
            return
        samples, level = _samples(self._newest)
        if len(samples) < GLANCE_SAMPLES or level < max(self._peak * self._fade, self._level * _RISE):
            return
        gain = self._gain(max(self._loud, level))
        if self._judge.glance(samples * gain) >= self.tuning.hint_probability:
            self._hint.give()
            edges.append(SpeechHint(self.position - _WINDOW_BYTES))

    def _gain(self, loud: float) -> np.float32:
        return np.float32(min(max(self.tuning.judged_level / loud, 1.0), self.tuning.max_gain))

    def _probability(self, window: bytes) -> float:
        samples, level = _samples(window)
        self._level = level
        self._loud = max(self._loud * 0.995, level, 1e-6)
        self._peak = max(self._peak if self.speaking else self._peak * 0.8, level)
        self._faded = level < self._peak * self._fade
        if self._faded and (self.speaking or self._judged - self._last_speech < _MEMORY_BYTES):
            self._judge.probability(samples)  # its memory goes on
            return 0.0
        return self._judge.probability(samples * self._gain(self._loud))

    def _may_start(self, probability: float) -> SpeechStart | SpeechHint | HintOver | None:
        self._recent.append(probability >= self.tuning.start_probability)
        voiced = sum(self._recent)
        if voiced * WINDOW_MS < self.tuning.start_ms:
            return self._may_hint(probability)
        self._hint.reset()
        since_first = len(self._recent) - list(self._recent).index(True)
        self.speaking = True
        self._speech_windows = voiced
        self._last_speech = self._judged
        self._recent.clear()
        return SpeechStart(self._judged - since_first * _WINDOW_BYTES)

    def _may_hint(self, probability: float) -> SpeechHint | HintOver | None:
        likely = probability >= self.tuning.hint_probability and not self._faded
        if self._hint.ends(likely):
            return HintOver()
        if not likely or not self._hint.wanted:
            return None
        self._hint.give()
        return SpeechHint(self._judged - _WINDOW_BYTES)

    def _go_on(self, probability: float) -> SpeechEnd | None:
        if probability >= self.tuning.keep_probability:
            self._speech_windows += 1
            self._last_speech = self._judged
            return None
        if self._judged - self._last_speech < self.tuning.release_ms * _BYTES_PER_MS:
            return None
        self.speaking = False
        return SpeechEnd(self._last_speech)


def _samples(pcm: bytes) -> tuple[Floats, float]:
    """As numbers from -1 to 1, and their RMS."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    samples *= np.float32(1 / 32768)
    return samples, math.sqrt(float(np.dot(samples, samples)) / len(samples))


class StreamClock:
    """Finds the silence that a far end left out of its stream.

    Silent far ends send nothing, so time without frames is silence; but frames also fail to arrive while our own loop
    stalls, and then they are still to come. Ticks far apart tell the one from the other.
    """

    def __init__(self, tuning: HearingTuning) -> None:
        self._gap_s = tuning.gap_ms / 1000
        self._stall_s = tuning.stall_ms / 1000
        self._covered_until: float | None = None
        self._ticked_at: float | None = None
        self._absent = False

    def arrived(self, now: float) -> None:
        """Audio came at `now`."""
        self._covered_until = now
        self._absent = False

    def left_out(self, now: float) -> bytes:
        """Called every 20 ms or so: the silence to hear for the time until `now`; empty while frames come."""
        stalled = self._ticked_at is None or now - self._ticked_at > self._stall_s
        self._ticked_at = now
        if self._covered_until is None or (stalled and not self._absent):
            self._covered_until = max(self._covered_until or now, now - self._gap_s / 2)
            return b""
        missing_s = now - self._covered_until
        if missing_s < (FRAME_MS / 1000 if self._absent else self._gap_s):
            return b""
        self._absent = True
        frames = int(missing_s * 1000 / FRAME_MS + 1e-6)
        self._covered_until += frames * FRAME_MS / 1000
        return bytes(frames * FRAME_BYTES)
