"""What a conversation leaves behind: transcript, recording, and the figures that reports and metrics need."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from dialer.conversation.listening import Utterance
from dialer.conversation.moves import Result
from dialer.conversation.recording import BotTrack, CustomerTrack, Line, Transcript, save_stereo
from dialer.domain.intent import Reading
from dialer.domain.outcome import Disposition, Outcome
from dialer.domain.usage import Usage, begin_usage


@dataclass(slots=True)
class Talk:
    """A conversation that has ended. `latency_ms` holds one figure for each reply, by stage."""

    outcome: Outcome
    transcript: Transcript
    bot: BotTrack
    customer: CustomerTrack
    sources: dict[str, int]
    latency_ms: dict[str, list[int]]
    usage: Usage

    def save_recording(self, path: Path) -> None:
        """Write the stereo WAV."""
        save_stereo(path, bytes(self.bot.pcm), bytes(self.customer.pcm))


@dataclass(slots=True)
class Notes:
    """Taken while the conversation runs; times in seconds since answer."""

    transcript: Transcript = field(default_factory=Transcript)
    bot: BotTrack = field(default_factory=BotTrack)
    customer: CustomerTrack = field(default_factory=CustomerTrack)
    sources: Counter[str] = field(default_factory=Counter)
    latency_ms: dict[str, list[int]] = field(default_factory=dict)
    #: What this call uses of paid services.
    usage: Usage = field(default_factory=begin_usage)
    _saying: tuple[float, str] | None = None

    def bot_begins(self, text: str, at_s: float) -> None:
        """The bot starts to say `text`."""
        self._saying = (at_s, text)

    def bot_ends(self, heard: str | None = None) -> None:
        """The bot has said it; `heard` is what was heard of it when it was cut short."""
        if self._saying is None:
            return
        at_s, text = self._saying
        self._saying = None
        self.transcript.add(Line(round(at_s, 2), "bot", text if heard is None else heard, heard_in_full=heard is None))

    def aside(self, text: str, at_s: float) -> None:
        """The bot said a few words while the customer waited."""
        self.transcript.add(Line(round(at_s, 2), "bot", text, heard_in_full=True))

    def customer_said(self, text: str, reading: Reading, at_s: float, utterance: Utterance | None = None) -> None:
        """The customer's words, or the key pressed, and what they were taken for."""
        self.sources[reading.source.value] += 1
        latency = utterance.latency_ms if utterance else {}
        action, source = reading.action.value, reading.source.value
        self.transcript.add(Line(round(at_s, 2), "customer", text, action, source, reading.confidence, latency))

    def measured(self, stage: str, milliseconds: int) -> None:
        """One latency."""
        self.latency_ms.setdefault(stage, []).append(milliseconds)

    def replied(self, utterance: Utterance, first_audio_s: float) -> None:
        """The answer to `utterance` began to be played at `first_audio_s`."""
        utterance.latency_ms["end_pause"] = round((utterance.turn_ended_s - utterance.ended_s) * 1000)
        utterance.latency_ms["reply"] = round((first_audio_s - utterance.ended_s) * 1000)
        for stage, value in utterance.latency_ms.items():
            self.measured(stage, value)

    def close(self, result: Result, cause: int | None, at_s: float) -> Talk:
        """All of it, at the end of the call; `cause` is the hangup cause if the customer's side ended it."""
        self.bot.end(at_s)
        outcome = _outcome(result, cause, round(at_s, 2))
        return Talk(outcome, self.transcript, self.bot, self.customer, dict(self.sources), self.latency_ms, self.usage)


def _outcome(result: Result, cause: int | None, talk_s: float) -> Outcome:
    if result.voicemail:
        disposition = Disposition.VOICEMAIL
    elif result.decision is not None or result.call_later_s is not None:
        disposition = Disposition.ANSWERED
    else:
        disposition = Disposition.HUNG_UP
    return Outcome(disposition, result.decision, dict(result.data), cause, result.call_later_s, talk_s)
