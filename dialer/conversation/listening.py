"""The bot's ear: turns from frames, and their text.

The text is asked for as soon as the customer pauses. A phrase that is complete in itself ends the turn after a short
pause; anything else gets a longer one, and if the customer goes on, the whole turn is heard anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

import structlog

from dialer.conversation.turns import (
    HintDropped,
    Pause,
    SpeechDropped,
    SpeechHinted,
    SpeechResumed,
    SpeechStarted,
    TurnDetector,
    TurnEnded,
    TurnEvent,
)
from dialer.domain.plain import plain_text
from dialer.domain.usage import usage
from dialer.speech.ports import Recognizer, duration_s

log = structlog.get_logger(__name__)

#: Seconds between ticks of the turn detectors.
TICK_S = 0.02
#: A timer may fire this much before its time.
_EARLY_MS = 1.0


class Voice(Enum):
    """What the customer's voice does."""

    #: Somebody may begin to speak: DROPPED or STARTED follows.
    HINTED = "hinted"
    #: Somebody began to speak.
    STARTED = "started"
    #: It was a click or a cough.
    DROPPED = "dropped"
    #: Speech that goes on and on: a machine, or a very talkative person.
    ENDLESS = "endless"


@dataclass(eq=False, slots=True)
class Utterance:
    """One turn of the customer; times in seconds since answer, latencies in milliseconds by stage."""

    words: asyncio.Task[str]
    started_s: float
    ended_s: float
    turn_ended_s: float
    latency_ms: dict[str, int] = field(default_factory=dict)

    @property
    def speech_s(self) -> float:
        """How long the customer spoke."""
        return self.ended_s - self.started_s


class Ticker:
    """Ticks all calls of a process together: one timer instead of one for each call."""

    def __init__(self) -> None:
        self._ticked: set[Callable[[], None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, tick: Callable[[], None]) -> None:
        """Call `tick` every 20 ms from now on."""
        self._ticked.add(tick)
        if self._timer is None:
            self._schedule()

    def remove(self, tick: Callable[[], None]) -> None:
        """No more."""
        self._ticked.discard(tick)

    def _schedule(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._run)

    def _run(self) -> None:
        self._timer = None
        for tick in tuple(self._ticked):
            try:
                tick()
            except Exception:  # one call's fault must not stop the clock of all others
                log.exception("tick_failed")
                self.remove(tick)
        if self._ticked:
            self._schedule()


class Listener:
    """Hears one call. Tells `emit` of `Voice` and `Utterance`; `now` gives seconds since answer."""

    def __init__(
        self,
        recognizer: Recognizer,
        ticker: Ticker,
        emit: Callable[[Voice | Utterance], None],
        now: Callable[[], float],
        endless_s: float,
    ) -> None:
        self._recognizer = recognizer
        #: Kept, for ticks come in the context of another call.
        self._usage = usage()
        self._loop = asyncio.get_running_loop()
        self._detector = TurnDetector()
        self._ticker = ticker
        self._emit = emit
        self.now = now
        self._endless_s = endless_s
        self._started_s: float | None = None
        #: Since when the customer has been speaking without a pause.
        self._unbroken_from: float | None = None
        self._spoken_s = 0.0
        #: The transcription begun at the last pause, and all that are under way.
        self._early: asyncio.Task[str] | None = None
        self._paused_s = 0.0
        self._early_check: asyncio.TimerHandle | None = None
        #: Silence that ends a turn whose words are complete in themselves (`is_complete`).
        self.end_pause_ms = 300
        self.is_complete: Callable[[str], bool] = lambda _text: False
        self._transcribing: set[asyncio.Task[str]] = set()
        #: What the recogniser is told was asked.
        self.hint = ""
        self._ticking = self._tick

    def start(self) -> None:
        """Begin to count time (at answer)."""
        self._ticker.add(self._ticking)

    @property
    def spoken_s(self) -> float:
        """How long the customer has spoken in this call."""
        return self._spoken_s + (0.0 if self._unbroken_from is None else self.now() - self._unbroken_from)

    @property
    def hears_sound(self) -> bool:
        """Whether there is any sound on the line, a voice or not."""
        return self._detector.hears_sound

    @property
    def in_turn(self) -> bool:
        """Whether the customer's turn is under way."""
        return self._detector.in_turn

    def wait_for_more(self, milliseconds: int) -> None:
        """How long a silence ends a turn whose words are not complete in themselves."""
        self._detector.end_pause_ms = milliseconds

    def feed(self, pcm: bytes) -> None:
        """The customer's next audio."""
        for event in self._detector.feed(pcm, self.now()):
            self._on_event(event)

    def _tick(self) -> None:
        now = self.now()
        for event in self._detector.tick(now):
            self._on_event(event)
        if self._unbroken_from is not None and now - self._unbroken_from > self._endless_s:
            self._spoken_s, self._unbroken_from = self.spoken_s, None
            self._emit(Voice.ENDLESS)

    def _on_event(self, event: TurnEvent) -> None:
        match event:
            case SpeechHinted():
                self._emit(Voice.HINTED)
            case HintDropped():
                self._emit(Voice.DROPPED)
            case SpeechStarted(at):
                self._started_s = self._unbroken_from = at
                self._emit(Voice.STARTED)
            case Pause(at, pcm):
                self._paused_s = at
                self._spoken_s = self.spoken_s
                self._unbroken_from = None
                self._early = self._begin(pcm)
                self._early.add_done_callback(lambda _task: self._maybe_answer())
                wait_s = at + self.end_pause_ms / 1000 - self.now()
                self._early_check = self._loop.call_later(max(0.0, wait_s), self._maybe_answer)
            case SpeechResumed(at):
                self._unbroken_from = at
                self._drop_early()
            case SpeechDropped():
                self._started_s = None
                self._drop_early()
                self._emit(Voice.DROPPED)
            case TurnEnded():
                if not event.same_as_pause:
                    self._drop_early()
                self._end_turn(self._early or self._begin(event.utterance), event.started_at, event.ended_at)

    def _maybe_answer(self) -> None:
        """End the turn early if its words are known and complete and the short pause is over."""
        words = self._early
        if words is None or not words.done() or words.cancelled() or words.exception() is not None:
            return
        if (self.now() - self._paused_s) * 1000 + _EARLY_MS < self.end_pause_ms or not self.is_complete(words.result()):
            return
        if self._detector.stirring:
            self._cancel_check()
            self._early_check = self._loop.call_later(TICK_S, self._maybe_answer)
            return
        started_s = self._started_s if self._started_s is not None else self._paused_s
        self._detector.forget()
        self._end_turn(words, started_s, self._paused_s)

    def _end_turn(self, words: asyncio.Task[str], started_s: float, ended_s: float) -> None:
        self._early = self._started_s = None
        self._cancel_check()
        self._emit(Utterance(words, started_s, ended_s, self.now()))

    def _cancel_check(self) -> None:
        if self._early_check is not None:
            self._early_check.cancel()
            self._early_check = None

    async def text_of(self, utterance: Utterance) -> str:
        """The utterance's words, "" if there are none. Raises ProviderError."""
        text = await utterance.words
        utterance.latency_ms["stt_after_turn"] = round((self.now() - utterance.turn_ended_s) * 1000)
        return text

    def _begin(self, pcm: bytes) -> asyncio.Task[str]:
        task = asyncio.ensure_future(self._transcribe(pcm))
        self._transcribing.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[str]) -> None:
        self._transcribing.discard(task)
        if not task.cancelled():
            task.exception()  # a dropped early transcription may fail unseen

    async def _transcribe(self, pcm: bytes) -> str:
        self._usage.stt_s += duration_s(pcm)
        text = ""
        async for hypothesis in self._recognizer.transcribe(pcm, hint=self.hint):
            text = hypothesis.text
        return plain_text(text).strip()

    def _drop_early(self) -> None:
        self._cancel_check()
        if self._early is not None:
            self._early.cancel()
            self._early = None

    def close(self) -> None:
        """Stop hearing."""
        self._ticker.remove(self._ticking)
        self._drop_early()
        for task in tuple(self._transcribing):
            task.cancel()
