"""One conversation: joins a line, a voice, a recogniser and the dialogue.

Frames go straight from the line into the turn detector. Everything else (turns, keys, timers, readings) passes
through one queue, so that the dialogue sees one event at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import date
from typing import Any

import structlog

from dialer.conversation import moves
from dialer.conversation.company import Company
from dialer.conversation.comprehension import Comprehension, SessionPorts, Understood
from dialer.conversation.dialogue import advance, reading_of_key
from dialer.conversation.handover import hand_over
from dialer.conversation.listening import Listener, Utterance, Voice
from dialer.conversation.machine import MACHINE_SPEECH_S, is_machine
from dialer.conversation.machine_watch import Beeped, MachineWatch
from dialer.conversation.notes import Notes, Talk
from dialer.conversation.patience import ClosingOver, Patience
from dialer.conversation.script import FIXED_PROMPTS, OrderScript
from dialer.conversation.speaking import Speaker, sentences
from dialer.conversation.state import State
from dialer.errors import DialerError, ProviderError, TelephonyError
from dialer.speech.spoken import speak_text
from dialer.telephony.ports import Line

log = structlog.get_logger(__name__)

#: The call is brought to an end this long before its hard cap.
CAP_WARNING_S = 12.0
#: After a shorter interruption ("угу") the bot goes on where it was instead of beginning the sentence anew.
BACKCHANNEL_S = 0.8


class Session:
    """Runs one conversation; `on_audio`, `on_digit` and `on_mark` are the line's handlers."""

    def __init__(self, line: Line, script: OrderScript, ports: SessionPorts, *, today: date, max_call_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._line, self._script, self._ports = line, script, ports
        self._max_call_s = max_call_s
        #: Told of the result before it is acknowledged to the customer (and of None when it is withdrawn).
        self.on_result: Callable[[moves.Result | None], Awaitable[None]] | None = None
        self._state = State(min_confidence=ports.min_confidence)
        self._answered_at = self._loop.time()
        self._queue: asyncio.Queue[Any] = asyncio.Queue()
        self._notes = Notes()
        emit = self._queue.put_nowait
        self._speaker = Speaker(line, ports.voice, self._notes.bot, self._now, emit)
        self._listener = Listener(ports.recognizer, ports.ticker, emit, self._now, MACHINE_SPEECH_S)
        self._comprehension = Comprehension(ports, self._listener, script, today)
        self._listener.is_complete = lambda text: self._comprehension.is_complete(text, self._state)
        self._company = Company(self._speaker, script, self._now, lambda: self._listener.in_turn)
        self._company.on_words = self._notes.aside
        self._machine = MachineWatch(self._listener, emit)
        self._tasks: set[asyncio.Task[None]] = set()
        self._patience = Patience(self._speaker, emit)
        self._pending, self._closing_over = 0, False

    def _now(self) -> float:
        return self._loop.time() - self._answered_at

    def on_audio(self, pcm: bytes) -> None:
        """The customer's audio."""
        self._notes.customer.add(pcm, self._now())
        self._listener.feed(pcm)
        self._machine.feed(pcm)

    def on_digit(self, digit: str) -> None:
        """A key."""
        self._queue.put_nowait(moves.Digit(digit))

    def on_mark(self, mark: str) -> None:
        """A sentence was heard."""
        self._speaker.on_mark(mark)

    # The story.

    async def warm(self) -> None:
        """Render and speak the greeting into the cache while the phone rings, then whatever is always the same."""
        try:
            for text in (self._script.text(prompt) for prompt in ("greeting", *FIXED_PROMPTS)):
                for sentence in sentences(text):
                    await self._ports.voice.prompt(speak_text(sentence))
        except ProviderError as error:
            log.warning("prompts_not_warmed", provider=error.provider)

    async def run(self) -> Talk:
        """Hold the conversation until it has a result and its last words were heard, or the call ends."""
        self._answered_at = self._loop.time()
        cap = self._loop.call_later(max(1.0, self._max_call_s - CAP_WARNING_S), self._queue.put_nowait, moves.TimeUp())
        self._line.ended.add_done_callback(lambda _cause: self._queue.put_nowait(moves.Hangup()))
        self._listener.start()
        try:
            await self._apply(moves.Answered())
            while not self._over():
                await self._on_signal(await self._queue.get())
        except TelephonyError as error:
            log.warning("media_lost", error=type(error).__name__)
        finally:
            cap.cancel()
            await self._stop()
        self._state, _ = advance(self._state, moves.Hangup())
        self._notes.bot_ends(self._speaker.heard_text if self._speaker.speaking else None)
        cause = self._line.ended.result() if self._line.ended.done() else None
        return self._notes.close(self._state.result or moves.Result(), cause, self._now())

    def _over(self) -> bool:
        return self._line.ended.done() or self._closing_over

    async def _on_signal(self, signal: object) -> None:
        match signal:
            case Beeped():
                await self._on_beep()
            case Voice() | Understood() | Utterance() | moves.Silence() if self._machine.awaits_beep:
                pass
            case Voice():
                await self._on_voice(signal)
            case Utterance():
                self._on_utterance(signal)
            case Understood():
                await self._on_understood(signal)
            case ClosingOver():
                # Whoever speaks into the closing words is heard out first.
                self._closing_over = not (self._pending or self._listener.in_turn) or self._speaker.speaking
            case moves.Silence():
                await self._on_silence(signal)
            case moves.Digit(digit):
                self._notes.customer_said(digit, reading_of_key(digit), self._now())
                await self._apply(signal)
            case ProviderError():
                log.error("voice_failed", provider=signal.provider)
                await self._apply(moves.VoiceFailed())
            case DialerError():
                raise signal
            case moves.TransferEnded(reached=True):
                await self._on_transferred()
            case moves.TimeUp() | moves.Hangup() | moves.TransferEnded():
                await self._apply(signal)

    async def _on_voice(self, voice: Voice) -> None:
        match voice:
            case Voice.HINTED | Voice.STARTED:
                if voice is Voice.STARTED:
                    self._patience.stop_waiting()
                if self._script.timings(self._state.step).interruptible:
                    await self._speaker.pause()
            case Voice.DROPPED if not (self._pending or self._listener.in_turn):
                await self._speaker.resume()
                self._patience.close_again()
                if not self._patience.waiting:
                    self._rearm()
            case Voice.ENDLESS if self._state.at_first_turn:
                await self._on_machine()

    async def _on_silence(self, silence: moves.Silence) -> None:
        if self._pending or self._listener.in_turn:
            return
        if self._speaker.speaking:
            self._rearm()
        else:
            await self._apply(silence)

    async def _on_machine(self) -> None:
        """End the call, or wait for the beep if there is a message to leave."""
        if not self._script.has("voicemail_message"):
            await self._apply(moves.MachineDetected())
            return
        self._patience.stop_waiting()
        self._company.end()
        await self._fall_silent()
        self._machine.await_beep()

    async def _on_beep(self) -> None:
        """A message is left after the beep that was waited for; any other beep just tells a machine."""
        if self._machine.awaits_beep or self._state.at_first_turn:
            self._machine.forget()
            await self._apply(moves.MachineDetected(leave_message=self._script.has("voicemail_message")))

    def _on_utterance(self, utterance: Utterance) -> None:
        """A turn has ended: hear and understand it while signals go on."""
        if self._speaker.speaking and not self._script.timings(self._state.step).interruptible:
            return
        self._pending += 1
        self._company.begin(utterance.ended_s)
        self._spawn(self._understand(utterance))

    async def _understand(self, utterance: Utterance) -> None:
        self._queue.put_nowait(await self._comprehension.understand(utterance, self._state))

    async def _on_understood(self, heard: Understood) -> None:
        self._pending -= 1
        if heard.reading is None:
            await self._apply(moves.HearingFailed())
            return
        self._notes.customer_said(heard.text, heard.reading, heard.utterance.started_s, heard.utterance)
        if self._state.at_first_turn and is_machine(heard.text, heard.utterance.speech_s):
            await self._on_machine()
        else:
            await self._apply(moves.Heard(heard.reading, self._speaker.question_begun), heard.utterance)

    # What the dialogue wants done.

    async def _apply(self, event: moves.Event, utterance: Utterance | None = None) -> None:
        known, (self._state, doing) = self._state.result, advance(self._state, event)
        if self.on_result is not None and self._state.result != known:
            await self.on_result(self._state.result)
        says = [move for move in doing if isinstance(move, moves.Say)]
        if says:
            text = " ".join(self._script.text(say.prompt, **say.values) for say in says)
            await self._say(text, utterance)
        else:
            self._company.end()
            if any(isinstance(move, moves.End) for move in doing):
                await self._fall_silent()
        for move in doing:
            await self._follow(move, utterance)

    async def _follow(self, move: moves.Move, utterance: Utterance | None) -> None:
        match move:
            case moves.Listen(step):
                if not self._state.at_first_turn:
                    self._machine.forget()
                self._patience.reopen()
                timings = self._script.timings(step)
                self._listener.end_pause_ms = timings.end_pause_ms
                self._listener.wait_for_more(timings.unclear_pause_ms)
                self._rearm()
            case moves.Resume():
                await self._go_on(utterance)
            case moves.Transfer():
                self._spawn(self._transfer())
            case moves.End():
                self._patience.close()
            case moves.Say():
                pass

    async def _say(self, text: str, utterance: Utterance | None) -> None:
        await self._fall_silent()
        self._listener.hint = text
        self._notes.bot_begins(text, self._now())
        self._speaker.say(text, lambda at_s: self._on_first_audio(utterance, at_s))

    def _on_first_audio(self, utterance: Utterance | None, at_s: float) -> None:
        self._company.end()
        if utterance is not None:
            self._notes.replied(utterance, at_s)

    async def _fall_silent(self) -> None:
        self._notes.bot_ends(self._speaker.heard_text if self._speaker.speaking else None)
        await self._speaker.stop()

    async def _go_on(self, utterance: Utterance | None) -> None:
        if utterance is not None and utterance.speech_s > BACKCHANNEL_S:
            await self._speaker.repeat_sentence()
        else:
            await self._speaker.resume()
        self._patience.close_again()
        self._rearm()

    async def _transfer(self) -> None:
        await self._speaker.wait_over()
        reached = await hand_over(self._line, self._ports.operator_endpoint, self._script, self._speaker)
        self._queue.put_nowait(moves.TransferEnded(reached=reached))

    async def _on_transferred(self) -> None:
        """The customer talks with a person now: the bot only waits for the end of the call."""
        self._state, _ = advance(self._state, moves.TransferEnded(reached=True))
        if self.on_result is not None:
            await self.on_result(self._state.result)

    def _rearm(self) -> None:
        """Ask again if nothing is said for the step's answer time after all has been heard."""
        self._patience.stop_waiting()
        if not self._state.ended and self._state.step is not moves.Step.TRANSFER:
            self._patience.wait(self._script.timings(self._state.step).answer_timeout_s)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _stop(self) -> None:
        self._company.end()
        self._machine.forget()
        self._listener.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._patience.end()
        await self._speaker.close()
