"""Turns: when the customer begins to speak, pauses, and has finished.

No loop and no clock inside: `feed(pcm, now)` with what arrives, `tick(now)` every 20 ms or so; both return what
happened. A turn's audio carries a pre-roll, so that no first consonant is lost.

    SpeechHinted -> (HintDropped | SpeechStarted)                       a first sign of speech
    SpeechStarted -> Pause -> (SpeechResumed -> Pause)* -> TurnEnded
    SpeechStarted -> Pause -> SpeechDropped                             it was too short: a cough, a click
"""

from __future__ import annotations

from dataclasses import dataclass

from dialer.conversation.hearing import (
    Edge,
    Hearing,
    HintOver,
    SpeechEnd,
    SpeechHint,
    SpeechStart,
    StreamClock,
)
from dialer.speech.ports import BYTES_PER_SECOND

_BYTES_PER_MS = BYTES_PER_SECOND // 1000


@dataclass(frozen=True, slots=True)
class TurnTuning:
    """How a turn is cut; a step of the script sets `end_pause_ms`."""

    #: Silence that ends the turn: 300 after a yes/no question, 900 while an address is dictated.
    end_pause_ms: int = 300
    #: Less speech than this in a whole turn is dropped.
    min_speech_ms: int = 96
    #: A longer turn is cut here; what follows is a new one.
    max_turn_ms: int = 20_000
    pre_roll_ms: int = 240
    #: What is kept after the last word.
    tail_ms: int = 120


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The customer began to speak at `at` (seconds of the caller's clock): a candidate for barge-in."""

    at: float


@dataclass(frozen=True, slots=True)
class SpeechHinted:
    """Outside a turn something began at `at` that may be speech: SpeechStarted or HintDropped follows soon."""

    at: float


@dataclass(frozen=True, slots=True)
class HintDropped:
    """It was nothing."""


@dataclass(frozen=True, slots=True)
class Pause:
    """The customer stopped at `at`, perhaps only for breath; `utterance` (slin) is the turn so far.

    Transcribe it at once: if the turn ends here, the answer is already known.
    """

    at: float
    utterance: bytes


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """The customer goes on within the same turn, since `at`; what was transcribed at the pause is incomplete."""

    at: float


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The turn is over: `utterance` (slin) from `started_at` to `ended_at`, pre-roll and tail included in the audio.

    `same_as_pause` tells that the audio is byte for byte that of the last Pause. `cut` tells that the customer still
    speaks and only the turn's length was exceeded.
    """

    started_at: float
    ended_at: float
    utterance: bytes
    same_as_pause: bool
    cut: bool = False


@dataclass(frozen=True, slots=True)
class SpeechDropped:
    """What began at `started_at` was too short to be words."""

    started_at: float


TurnEvent = SpeechHinted | HintDropped | SpeechStarted | Pause | SpeechResumed | TurnEnded | SpeechDropped


class TurnDetector:
    """One call's turns."""

    def __init__(self, tuning: TurnTuning | None = None, hearing: Hearing | None = None) -> None:
        self._tuning = tuning or TurnTuning()
        self._hearing = hearing or Hearing()
        self._clock = StreamClock(self._hearing.tuning)
        #: Silence that ends the turn; may be changed at any time, the running turn included.
        self.end_pause_ms = self._tuning.end_pause_ms
        self._audio = bytearray()
        #: Stream position (bytes) of the first byte of `_audio`, and clock time of stream position 0.
        self._audio_from = 0
        self._fed = 0
        self._origin = 0.0
        self._turn_from: int | None = None
        self._speech_end = 0
        self._speech_ms = 0
        self._pause: bytes | None = None

    @property
    def speaking(self) -> bool:
        """Whether the customer speaks right now."""
        return self._hearing.speaking

    @property
    def hears_sound(self) -> bool:
        """Whether there is any sound on the line, a voice or not."""
        return self._hearing.gate_open

    @property
    def stirring(self) -> bool:
        """Whether the customer may be going on: the next window or two will tell."""
        return self._hearing.stirring

    @property
    def in_turn(self) -> bool:
        """Whether a turn has begun and not ended."""
        return self._turn_from is not None

    def feed(self, pcm: bytes, now: float) -> list[TurnEvent]:
        """The customer's next audio (slin, any length), which arrived at `now`."""
        self._clock.arrived(now)
        return self._take(pcm, now)

    def tick(self, now: float) -> list[TurnEvent]:
        """Call it every 20 ms or so: a far end that is silent may send no audio at all."""
        left_out = self._clock.left_out(now)
        return self._take(left_out, now) if left_out else []

    def forget(self) -> None:
        """Drop the turn under way, if any: its words are not wanted."""
        self._turn_from = None
        self._pause = None

    def _take(self, pcm: bytes, now: float) -> list[TurnEvent]:
        self._audio += pcm
        self._fed += len(pcm)
        self._origin = now - self._fed / BYTES_PER_SECOND
        events: list[TurnEvent] = []
        for edge in self._hearing.feed(pcm):
            events += self._on_edge(edge)
        events += self._maybe_end()
        self._trim()
        return events

    def _on_edge(self, edge: Edge) -> list[TurnEvent]:
        in_turn = self._turn_from is not None
        match edge:
            case SpeechStart(position):
                return [self._start(position)]
            case SpeechEnd(position) if in_turn:
                return [self._stop(position)]
            case SpeechHint(position) if not in_turn:
                return [SpeechHinted(self._at(position))]
            case HintOver() if not in_turn:
                return [HintDropped()]
        return []

    def _start(self, position: int) -> TurnEvent:
        if self._turn_from is not None:
            self._pause = None
            return SpeechResumed(self._at(position))
        self._turn_from = position
        self._speech_ms = 0
        self._pause = None
        return SpeechStarted(self._at(position))

    def _stop(self, position: int) -> Pause:
        self._speech_end = position
        self._speech_ms += self._hearing.speech_ms
        self._pause = self._cut_out(position + self._tuning.tail_ms * _BYTES_PER_MS)
        return Pause(self._at(position), self._pause)

    def _maybe_end(self) -> list[TurnEvent]:
        if self._turn_from is None:
            return []
        if self._hearing.speaking:
            too_long = self._fed - self._turn_from >= self._tuning.max_turn_ms * _BYTES_PER_MS
            return [self._end_cut(self._turn_from)] if too_long else []
        if self._pause is None or self._fed - self._speech_end < self.end_pause_ms * _BYTES_PER_MS:
            return []
        if self.stirring:
            return []
        started_at = self._at(self._turn_from)
        utterance, words = self._pause, self._speech_ms >= self._tuning.min_speech_ms
        self.forget()
        if not words:
            return [SpeechDropped(started_at)]
        return [TurnEnded(started_at, self._at(self._speech_end), utterance, same_as_pause=True)]

    def _end_cut(self, turn_from: int) -> TurnEvent:
        ended = TurnEnded(
            self._at(turn_from), self._at(self._fed), self._cut_out(self._fed), same_as_pause=False, cut=True
        )
        # The next turn begins where this one was cut, without a SpeechStarted: the customer never stopped.
        self._turn_from = self._fed
        self._speech_ms = 0
        return ended

    def _cut_out(self, end: int) -> bytes:
        start = (self._turn_from or 0) - self._tuning.pre_roll_ms * _BYTES_PER_MS
        return bytes(self._audio[max(0, start - self._audio_from) : end - self._audio_from])

    def _trim(self) -> None:
        if self._turn_from is None:
            # Speech is announced after its first windows; keep them and the pre-roll before them.
            keep = (self._tuning.pre_roll_ms + 400) * _BYTES_PER_MS
            surplus = len(self._audio) - keep
        else:
            surplus = self._turn_from - self._tuning.pre_roll_ms * _BYTES_PER_MS - self._audio_from
        if surplus > BYTES_PER_SECOND // 5:
            del self._audio[:surplus]
            self._audio_from += surplus

    def _at(self, position: int) -> float:
        return self._origin + position / BYTES_PER_SECOND
