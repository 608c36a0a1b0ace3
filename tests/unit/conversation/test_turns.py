"""Turn-taking, frame by frame, on an injected clock."""

from collections.abc import Iterator

import numpy as np
import pytest

from dialer.conversation.hearing import Hearing
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
    TurnTuning,
)
from tests.support.ears import LoudnessGate, LoudnessJudge, quiet, tone

START = 100.0


class Listener:
    """Plays sound into a detector in 20 ms frames and ticks it, as a line does; notes what happened when."""

    def __init__(self, **tuning: int) -> None:
        ear = Hearing(gate=LoudnessGate(), judge=LoudnessJudge())
        self.turns = TurnDetector(TurnTuning(**tuning), hearing=ear)
        self.now = START
        self.events: list[tuple[float, TurnEvent]] = []
        self.hints: list[tuple[float, TurnEvent]] = []

    def play(self, sound: bytes) -> "Listener":
        for at in range(0, len(sound), 320):
            self.now += 0.02
            self._note(self.turns.feed(sound[at : at + 320], self.now))
            self._note(self.turns.tick(self.now))
        return self

    def wait(self, seconds: float) -> "Listener":
        """The far end sends nothing."""
        for _ in range(round(seconds / 0.02)):
            self.now += 0.02
            self._note(self.turns.tick(self.now))
        return self

    def _note(self, events: list[TurnEvent]) -> None:
        for event in events:
            told = self.hints if isinstance(event, SpeechHinted | HintDropped) else self.events
            told.append((self.now - START, event))

    def kinds(self) -> list[type]:
        return [type(event) for _, event in self.events]

    def of(self, kind: type) -> Iterator[tuple[float, TurnEvent]]:
        return ((at, event) for at, event in self.events if isinstance(event, kind))


def test_an_answer_starts_pauses_and_ends_after_the_configured_pause() -> None:
    listener = Listener(end_pause_ms=300).play(quiet(1.0) + tone(0.4) + quiet(1.0))

    assert listener.kinds() == [SpeechStarted, Pause, TurnEnded]
    (started, _), (paused, _), (ended, end) = listener.events
    assert started == pytest.approx(1.08, abs=0.05)
    assert paused == pytest.approx(1.53, abs=0.06)
    assert ended == pytest.approx(1.70, abs=0.05)
    assert isinstance(end, TurnEnded)
    assert end.started_at - START == pytest.approx(1.0, abs=0.05)
    assert end.ended_at - START == pytest.approx(1.4, abs=0.05)


def test_the_turn_carries_its_pre_roll_and_every_word() -> None:
    listener = Listener().play(quiet(1.0) + tone(0.4) + quiet(0.2) + tone(0.3) + quiet(1.0))

    (_, end), *others = listener.of(TurnEnded)

    assert not others
    assert isinstance(end, TurnEnded)
    loud = np.abs(np.frombuffer(end.utterance, "<i2")) > 1000
    assert loud.sum() / 8000 == pytest.approx(0.62, abs=0.1)
    assert np.argmax(loud) / 8000 == pytest.approx(0.24, abs=0.05)


def test_going_on_after_a_breath_revises_the_pause() -> None:
    listener = Listener(end_pause_ms=900).play(tone(0.4) + quiet(0.5) + tone(0.4) + quiet(1.2))

    assert listener.kinds() == [SpeechStarted, Pause, SpeechResumed, Pause, TurnEnded]
    pauses = [event for _, event in listener.of(Pause)]
    end = listener.events[-1][1]
    assert isinstance(end, TurnEnded)
    assert len(pauses[0].utterance) < len(pauses[1].utterance) == len(end.utterance)
    assert end.same_as_pause
    assert end.utterance == pauses[1].utterance


def test_the_pause_can_be_lengthened_while_the_turn_runs() -> None:
    listener = Listener(end_pause_ms=300).play(tone(0.4) + quiet(0.2))
    listener.turns.end_pause_ms = 900

    listener.play(quiet(0.5))
    assert TurnEnded not in listener.kinds()
    listener.play(quiet(0.4))

    assert listener.kinds()[-1] is TurnEnded


def test_a_far_end_that_falls_silent_without_frames_ends_the_turn_too() -> None:
    listener = Listener(end_pause_ms=300).play(quiet(0.2) + tone(0.4)).wait(0.6)

    ended, _ = next(listener.of(TurnEnded))
    assert ended == pytest.approx(0.9, abs=0.06)


def test_a_stalled_loop_does_not_end_a_turn() -> None:
    listener = Listener(end_pause_ms=300).play(tone(0.4))
    listener.now += 0.7

    listener.wait(0.02)
    listener.play(tone(0.3))

    assert TurnEnded not in listener.kinds()


def test_a_cough_is_dropped() -> None:
    listener = Listener(min_speech_ms=160).play(quiet(0.5) + tone(0.1) + quiet(1.0))

    assert listener.kinds() == [SpeechStarted, Pause, SpeechDropped]


def test_an_endless_talker_is_cut_and_goes_on_in_a_new_turn() -> None:
    listener = Listener(max_turn_ms=2000).play(tone(5.0) + quiet(1.0))

    ends = [event for _, event in listener.of(TurnEnded)]
    assert [event.cut for event in ends] == [True, True, False]
    assert sum(len(event.utterance) for event in ends) / 16000 == pytest.approx(5.6, abs=0.3)
    assert listener.kinds().count(SpeechStarted) == 1


def test_a_forgotten_turn_says_nothing_more() -> None:
    listener = Listener().play(tone(0.4))

    listener.turns.forget()
    listener.play(quiet(1.0))

    assert listener.kinds() == [SpeechStarted]
    assert not listener.turns.in_turn


def test_two_answers_are_two_turns() -> None:
    listener = Listener(end_pause_ms=300).play((tone(0.3) + quiet(1.0)) * 2)

    assert listener.kinds() == [SpeechStarted, Pause, TurnEnded] * 2


def test_memory_stays_flat_on_a_long_silent_call() -> None:
    listener = Listener().play(quiet(30.0))

    assert len(listener.turns._audio) < 16000


def test_the_first_window_of_speech_is_a_hint_and_no_dropped_hint_follows() -> None:
    listener = Listener().play(quiet(1.0) + tone(0.4) + quiet(1.0))

    ((hinted, hint),) = listener.hints
    started, _ = next(listener.of(SpeechStarted))
    assert isinstance(hint, SpeechHinted)
    assert 1.0 < hinted < started


def test_a_click_is_hinted_at_and_taken_back_within_a_fifth_of_a_second() -> None:
    listener = Listener().play(quiet(1.0) + tone(0.02) + quiet(1.0))

    assert listener.events == []
    (hinted, _), (dropped, drop) = listener.hints
    assert isinstance(drop, HintDropped)
    assert dropped - hinted < 0.2


def test_a_pause_within_a_turn_needs_no_hints() -> None:
    listener = Listener(end_pause_ms=900).play(tone(0.4) + quiet(0.5) + tone(0.4) + quiet(1.2))

    assert len(listener.hints) == 1
