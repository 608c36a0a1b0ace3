"""One conversation: joins a line, a voice, a recogniser and the dialogue.

Frames go straight from the line into the turn detector; everything else (turns, keys, marks, timers, readings)
passes through one queue, so that the dialogue sees one event at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import structlog

from dialer.conversation.dialogue import advance
from dialer.conversation.listening import Listener, Utterance
from dialer.conversation.machine import is_machine
from dialer.conversation.moves import (
    EXPECT_AT,
    Answered,
    Digit,
    End,
    Event,
    Hangup,
    Heard,
    HearingFailed,
    Listen,
    MachineDetected,
    Result,
    Resume,
    Say,
    Silence,
    Step,
    TimeUp,
    Transfer,
    TransferEnded,
)
from dialer.conversation.recording import BotTrack, CustomerTrack, Transcript, save_stereo
from dialer.conversation.recording import Line as TranscriptLine
from dialer.conversation.script import OrderScript
from dialer.conversation.speaking import Speaker, sentences
from dialer.conversation.state import State
from dialer.domain.intent import Action, Reading, Source
from dialer.domain.outcome import Disposition, Outcome
from dialer.errors import DialerError, ProviderError
from dialer.speech.ports import Recognizer
from dialer.speech.spoken import speak_text
from dialer.speech.voice import Voice
from dialer.telephony.ports import Line
from dialer.understanding.ports import Question, Understanding

log = structlog.get_logger(__name__)

#: The call is brought to an end this long before its hard cap.
CAP_WARNING_S = 12.0
#: Longest wait for the closing words, and for an operator to answer.
CLOSING_LIMIT_S = 20.0
TRANSFER_TIMEOUT_S = 30.0
#: A customer who waits longer than this for an answer hears "one second".
HOLD_AFTER_S = 1.2
#: Shorter interruptions are backchannels ("угу"): the bot goes on where it was, instead of beginning the sentence anew.
BACKCHANNEL_S = 0.8


@dataclass(frozen=True, slots=True)
class SessionPorts:
    """What all conversations of a process share."""

    voice: Voice
    recognizer: Recognizer
    understanding: Understanding
    min_confidence: float = 0.7
    operator_endpoint: str = ""


@dataclass(slots=True)
class Talk:
    """What a conversation leaves behind."""

    outcome: Outcome
    transcript: Transcript
    bot: BotTrack
    customer: CustomerTrack
    sources: dict[str, int] = field(default_factory=dict)
    latency_ms: dict[str, list[int]] = field(default_factory=dict)

    def save_recording(self, path: Path) -> None:
        """Write the stereo WAV."""
        save_stereo(path, bytes(self.bot.pcm), bytes(self.customer.pcm))


@dataclass(frozen=True, slots=True)
class _Understood:
    utterance: Utterance
    text: str
    reading: Reading | None


class Session:
    """Runs one conversation; `on_audio`, `on_digit` and `on_mark` are the line's handlers."""

    def __init__(self, line: Line, script: OrderScript, ports: SessionPorts, *, today: date, max_call_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._line = line
        self._script = script
        self._ports = ports
        self._today = today
        self._max_call_s = max_call_s
        self._state = State(min_confidence=ports.min_confidence)
        self._answered_at = self._loop.time()
        self._queue: asyncio.Queue[object] = asyncio.Queue()
        self._bot, self._customer = BotTrack(), CustomerTrack()
        self._transcript = Transcript()
        self._speaker = Speaker(line, ports.voice, self._bot, self._now, self._queue.put_nowait)
        self._listener = Listener(ports.recognizer, self._queue.put_nowait, self._now)
        self._tasks: set[asyncio.Task[object]] = set()
        self._silence: asyncio.TimerHandle | None = None
        self._hold: asyncio.TimerHandle | None = None
        self._asked = ""
        self._said: tuple[float, str] | None = None
        self._result: Result | None = None
        self._talk = Talk(Outcome(Disposition.HUNG_UP), self._transcript, self._bot, self._customer)

    def _now(self) -> float:
        return self._loop.time() - self._answered_at

    # The line's handlers: the frame path.

    def on_audio(self, pcm: bytes) -> None:
        """The customer's audio."""
        now = self._now()
        self._customer.add(pcm, now)
        self._listener.feed(pcm, now)

    def on_digit(self, digit: str) -> None:
        """A key."""
        self._queue.put_nowait(Digit(digit))

    def on_mark(self, mark: str) -> None:
        """A sentence was heard."""
        self._speaker.on_mark(mark)

    # The story.

    async def warm(self) -> None:
        """Render and speak the greeting into the cache while the phone rings."""
        try:
            for sentence in sentences(self._script.text("greeting")):
                await self._ports.voice.prompt(speak_text(sentence))
        except ProviderError as error:
            log.warning("greeting_not_warmed", provider=error.provider)

    async def run(self) -> Talk:
        """Hold the conversation until it has a result and its last words were heard, or the call ends."""
        self._answered_at = self._loop.time()
        cap = self._loop.call_later(max(1.0, self._max_call_s - CAP_WARNING_S), self._queue.put_nowait, TimeUp())
        self._line.ended.add_done_callback(self._on_ended)
        try:
            await self._apply(Answered())
            while not self._finished():
                await self._next_signal()
        finally:
            cap.cancel()
            await self._stop()
        talked = self._now()
        self._bot.end(talked)
        self._note_bot_line(cut=self._speaker.speaking)
        self._talk.outcome = self._outcome(talked)
        return self._talk

    def _finished(self) -> bool:
        return self._line.ended.done() or (self._result is not None and not self._speaker.speaking and self._quiet())

    def _quiet(self) -> bool:
        return not self._listener.busy

    def _on_ended(self, _cause: asyncio.Future[int]) -> None:
        self._queue.put_nowait(Hangup())

    async def _next_signal(self) -> None:
        signal = await self._queue.get()
        match signal:
            case Utterance():
                self._on_utterance(signal)
            case _Understood():
                await self._on_understood(signal)
            case Silence() if self._listener.busy or self._speaker.speaking:
                self._arm_silence()
            case Digit():
                self._note_customer(signal.digit, Reading(Action.UNKNOWN, source=Source.DTMF))
                await self._speaker.stop()
                await self._apply(signal)
            case Exception():
                raise signal if isinstance(signal, DialerError) else RuntimeError("speaking failed") from signal
            case str():
                await self._on_speech(signal)
            case None:
                pass
            case _:
                await self._apply(signal)  # type: ignore[arg-type]

    async def _on_speech(self, what: str) -> None:
        """The customer's voice starts ("started") or turns out to be a click or cough ("dropped")."""
        if what == "started":
            self._disarm_silence()
            if self._speaker.speaking and self._script.timings(self._state.step).interruptible:
                await self._speaker.pause()
        elif what == "dropped":
            await self._speaker.resume()
            self._arm_silence()
        elif what == "endless" and self._state.step is Step.CONFIRM_ORDER and self._state.turns <= 1:
            await self._apply(MachineDetected())

    def _on_utterance(self, utterance: Utterance) -> None:
        """A turn has ended: hear and understand it while signals go on."""
        if self._hold is None:
            self._hold = self._loop.call_later(HOLD_AFTER_S, self._say_hold)
        self._spawn(self._understand(utterance))

    async def _understand(self, utterance: Utterance) -> None:
        question = Question(
            expect=EXPECT_AT[self._state.step],
            today=self._today,
            asked=self._asked,
            order=self._order_context(),
            pending_address=self._state.address or None,
        )
        try:
            heard = await self._listener.text_of(utterance, hint=self._asked)
            started = self._now()
            reading = await self._ports.understanding.understand(heard, question) if heard else Reading(Action.UNKNOWN)
            utterance.latency_ms["understanding"] = round((self._now() - started) * 1000)
        except ProviderError as error:
            log.warning("hearing_failed", provider=error.provider)
            self._queue.put_nowait(_Understood(utterance, "", None))
            return
        self._queue.put_nowait(_Understood(utterance, heard, reading))

    def _order_context(self) -> dict[str, str]:
        keys = ("order_id", "amount", "delivery_date", "delivery_window", "address")
        return {key: str(self._script.values[key]) for key in keys if self._script.values.get(key) is not None}

    async def _on_understood(self, heard: _Understood) -> None:
        self._cancel_hold()
        self._listener.done(heard.utterance)
        if heard.reading is None:
            await self._speaker.stop()
            await self._apply(HearingFailed())
            return
        question_heard = self._speaker.question_begun
        self._note_customer(heard.text, heard.reading, heard.utterance)
        if is_machine(heard.text, heard.utterance.speech_s) and self._state.turns <= 1:
            await self._apply(MachineDetected())
            return
        await self._apply(Heard(heard.reading, question_heard), heard.utterance)

    # What the dialogue wants done.

    async def _apply(self, event: Event, utterance: Utterance | None = None) -> None:
        self._state, moves = advance(self._state, event)
        says = [self._script.text(move.prompt, **move.values) for move in moves if isinstance(move, Say)]
        if says:
            await self._say(" ".join(says), utterance)
        for move in moves:
            match move:
                case Listen(step):
                    self._result = None
                    self._listener.end_pause_ms = self._script.timings(step).end_pause_ms
                    self._arm_silence()
                case Resume():
                    await self._go_on(utterance)
                case Transfer():
                    self._spawn(self._transfer())
                case End(result):
                    self._result = result
                    self._disarm_silence()
                    self._spawn(self._wake_when_said())
                case Say():
                    pass

    async def _say(self, text: str, utterance: Utterance | None) -> None:
        self._note_bot_line(cut=self._speaker.speaking)
        await self._speaker.stop()
        self._asked = text
        self._said = (self._now(), text)
        self._speaker.say(text)
        if utterance is not None:
            self._spawn(self._measure_reply(utterance))

    async def _go_on(self, utterance: Utterance | None) -> None:
        if not self._speaker.speaking:
            self._arm_silence()
        elif utterance is not None and utterance.speech_s > BACKCHANNEL_S:
            await self._speaker.repeat_sentence()
        else:
            await self._speaker.resume()

    async def _transfer(self) -> None:
        await self._speaker.wait_over()
        reached = False
        if self._ports.operator_endpoint:
            variables: Mapping[str, str] = {"ORDER_ID": str(self._script.values["order_id"])}
            reached = await self._line.transfer(self._ports.operator_endpoint, variables, TRANSFER_TIMEOUT_S)
        if reached:
            self._state, _ = advance(self._state, TransferEnded(reached=True))
            await asyncio.wait({self._line.ended})
            return
        self._queue.put_nowait(TransferEnded(reached=False))

    async def _wake_when_said(self) -> None:
        """Let the closing words be heard, bounded, then wake the loop so that it sees that all is over."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._speaker.wait_over(), CLOSING_LIMIT_S)
        self._queue.put_nowait(None)

    def _say_hold(self) -> None:
        if not self._speaker.speaking and self._result is None:
            self._speaker.say(self._script.text("hold"))

    # Timers, notes and tidying up.

    def _arm_silence(self) -> None:
        self._disarm_silence()
        if self._result is not None or self._state.step in (Step.TRANSFER, Step.CLOSING):
            return
        wait_s = self._speaker.left_s() + self._script.timings(self._state.step).answer_timeout_s
        self._silence = self._loop.call_later(wait_s, self._queue.put_nowait, Silence())

    def _disarm_silence(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _cancel_hold(self) -> None:
        if self._hold is not None:
            self._hold.cancel()
            self._hold = None

    async def _measure_reply(self, utterance: Utterance) -> None:
        await self._speaker.began.wait()
        if self._speaker.first_audio_at is not None:
            reply = round((self._speaker.first_audio_at - utterance.speech_end_s) * 1000)
            utterance.latency_ms["reply"] = reply
            for stage, value in utterance.latency_ms.items():
                self._talk.latency_ms.setdefault(stage, []).append(value)

    def _note_customer(self, text: str, reading: Reading, utterance: Utterance | None = None) -> None:
        source = reading.source.value
        self._talk.sources[source] = self._talk.sources.get(source, 0) + 1
        at_s = utterance.speech_start_s if utterance else self._now()
        latency = utterance.latency_ms if utterance else {}
        self._transcript.add(
            TranscriptLine(round(at_s, 2), "customer", text, reading.action.value, source, reading.confidence, latency)
        )

    def _note_bot_line(self, *, cut: bool) -> None:
        if self._said is not None:
            at_s, text = self._said
            heard = self._speaker.heard_text if cut else text
            self._transcript.add(TranscriptLine(round(at_s, 2), "bot", heard or text, heard_in_full=not cut))
            self._said = None

    def _spawn(self, work: object) -> None:
        task: asyncio.Task[object] = asyncio.create_task(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _stop(self) -> None:
        self._disarm_silence()
        self._cancel_hold()
        self._listener.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _outcome(self, talked: float) -> Outcome:
        result = self._state.result or Result()
        cause = self._line.ended.result() if self._line.ended.done() else None
        if result.voicemail:
            disposition = Disposition.VOICEMAIL
        elif result.decision is not None or result.call_later_s is not None:
            disposition = Disposition.ANSWERED
        else:
            disposition = Disposition.HUNG_UP
        return Outcome(disposition, result.decision, dict(result.data), cause, result.call_later_s, round(talked, 2))
