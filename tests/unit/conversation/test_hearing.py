"""Voice detection: with scripted models for its rules, with the real ones on spoken words."""

import numpy as np
import pytest
from numpy.typing import NDArray

from dialer.conversation.hearing import (
    Hearing,
    HearingTuning,
    HintOver,
    SpeechEnd,
    SpeechHint,
    SpeechStart,
    StreamClock,
)
from dialer.speech.offline import OfflineSynthesizer
from dialer.speech.ports import BYTES_PER_SECOND, FRAME_BYTES
from tests.support.ears import LoudnessGate, LoudnessJudge, quiet, tone


def hearing(judge: LoudnessJudge | None = None) -> Hearing:
    return Hearing(gate=LoudnessGate(), judge=judge or LoudnessJudge())


def heard(ear: Hearing, sound: bytes) -> list[SpeechStart | SpeechEnd]:
    """Where speech begins and ends, hints left out."""
    return [edge for edge in ear.feed(sound) if isinstance(edge, SpeechStart | SpeechEnd)]


def seconds(position: int) -> float:
    return position / BYTES_PER_SECOND


def test_speech_is_found_where_it_is() -> None:
    edges = heard(hearing(), quiet(1.0) + tone(0.5) + quiet(1.0))

    assert [type(edge) for edge in edges] == [SpeechStart, SpeechEnd]
    assert seconds(edges[0].position) == pytest.approx(1.0, abs=0.04)
    assert seconds(edges[1].position) == pytest.approx(1.5, abs=0.04)


@pytest.mark.parametrize("size", [1, 7, 320, 333, 4000])
def test_the_size_of_the_pieces_does_not_matter(size: int) -> None:
    sound = quiet(0.7) + tone(0.3) + quiet(0.5) + tone(0.9) + quiet(0.5)
    ear = hearing()

    edges = [edge for at in range(0, len(sound), size) for edge in ear.feed(sound[at : at + size])]

    assert edges == hearing().feed(sound)


def test_a_click_of_one_window_is_no_speech() -> None:
    edges = hearing().feed(quiet(1.0) + tone(0.02) + quiet(1.0))

    assert [type(edge) for edge in edges] == [SpeechHint, HintOver]


def test_a_short_gap_within_a_word_does_not_end_it() -> None:
    edges = heard(hearing(), quiet(0.5) + tone(0.2) + quiet(0.08) + tone(0.2) + quiet(0.5))

    assert len(edges) == 2


class WholeWindows(LoudnessJudge):
    """A judge who knows a syllable only when he hears it whole."""

    def probability(self, window: NDArray[np.float32]) -> float:
        return float(np.mean(np.abs(window[-256:]) > 0.01) > 0.85)

    glance = probability


class Lingering(LoudnessJudge):
    """A judge to whom what was loud goes on for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 0

    def probability(self, window: NDArray[np.float32]) -> float:
        self.left = 10 if super().probability(window) else max(0, self.left - 1)
        return float(self.left > 0)


@pytest.mark.parametrize("lead_s", [0.5, 0.52, 0.54, 0.56, 0.58, 0.6, 0.62, 0.64])
def test_a_syllable_that_windows_cut_in_two_is_a_hint_at_once(lead_s: float) -> None:
    ear, told, hum = hearing(WholeWindows()), [], tone(lead_s, amplitude=0.005)

    for at in range(0, len(sound := hum + tone(0.04) + quiet(0.3)), FRAME_BYTES):
        told += [seconds(ear.position) for edge in ear.feed(sound[at : at + FRAME_BYTES]) if type(edge) is SpeechHint]

    assert told == [pytest.approx(lead_s + 0.04)]


class Doubting(LoudnessJudge):
    """A judge who is not sure about anything for the first 20 windows (0.64 s)."""

    def probability(self, window: NDArray[np.float32]) -> float:
        self.asked += 1
        return 0.2 if self.asked <= 20 else 0.0


def test_a_hint_is_taken_back_even_if_the_line_has_fallen_silent_meanwhile() -> None:
    murmur = tone(0.6, amplitude=0.001)  # too quiet for the gate

    edges = hearing(Doubting()).feed(tone(0.02) + murmur + quiet(2.0))

    assert [type(edge) for edge in edges] == [SpeechHint, HintOver] * 2


class Murmuring(LoudnessJudge):
    """A judge to whom everything loud may be speech, and nothing is."""

    def probability(self, window: NDArray[np.float32]) -> float:
        return 0.3 * super().probability(window)

    glance = probability


def test_a_murmur_that_never_becomes_speech_holds_nobody_for_long() -> None:
    ear, edges = hearing(Murmuring()), []

    for at in range(0, len(sound := quiet(0.5) + tone(5.0) + quiet(0.5) + tone(0.02) + quiet(1.0)), FRAME_BYTES):
        edges += [(type(edge), seconds(ear.position)) for edge in ear.feed(sound[at : at + FRAME_BYTES])]

    assert [kind for kind, _ in edges] == [SpeechHint, HintOver] * 2
    assert edges[1][1] - edges[0][1] == pytest.approx(0.32, abs=0.04)


def test_a_memory_of_speech_is_no_speech() -> None:
    edges = hearing(Lingering()).feed(quiet(1.0) + tone(0.5) + quiet(1.0))

    assert [type(edge) for edge in edges] == [SpeechHint, SpeechStart, SpeechEnd]


def test_quiet_speakers_are_heard_and_their_fading_end_is_found() -> None:
    edges = heard(hearing(), quiet(0.5) + tone(0.4, amplitude=0.1) + tone(0.6, amplitude=0.0015) + quiet(0.3))

    assert seconds(edges[1].position) == pytest.approx(0.9, abs=0.05)


def test_the_judge_is_asked_only_while_somebody_may_speak_and_begins_anew_each_time() -> None:
    judge = LoudnessJudge()
    ear = hearing(judge)

    ear.feed(quiet(1.0))
    in_silence = judge.asked
    ear.feed(tone(0.3) + quiet(1.5) + tone(0.3))

    assert in_silence == 0
    assert judge.asked > 0
    assert judge.resets == 2


@pytest.mark.parametrize("word", ["да", "нет", "угу", "ага", "алло"])
@pytest.mark.parametrize("gain", [1.0, 0.1])
def test_short_answers_are_heard_by_the_real_models(word: str, gain: float) -> None:
    spoken = np.frombuffer(OfflineSynthesizer("ru+f3").render(word), "<i2") * gain

    edges = heard(Hearing(), quiet(0.6) + spoken.astype("<i2").tobytes() + quiet(1.0))

    assert [type(edge) for edge in edges][:2] == [SpeechStart, SpeechEnd]


def test_noise_is_no_speech_to_the_real_models() -> None:
    noise = np.random.default_rng(3).normal(0, 300, 8000 * 5).astype("<i2").tobytes()

    assert Hearing().feed(noise) == []


class TestStreamClock:
    """Missing frames become silence; a stalled loop does not."""

    @staticmethod
    def run(clock: StreamClock, start: float, stop: float) -> int:
        ticks = np.arange(start, stop, 0.02)
        return sum(len(clock.left_out(float(now))) for now in ticks)

    def test_while_frames_come_nothing_is_added(self) -> None:
        clock = StreamClock(HearingTuning())

        for number in range(100):
            clock.arrived(number * 0.02)
            assert clock.left_out(number * 0.02 + 0.01) == b""

    def test_a_silent_far_end_is_heard_as_silence_in_real_time(self) -> None:
        clock = StreamClock(HearingTuning())
        clock.left_out(0.0)
        clock.arrived(0.0)

        added = self.run(clock, 0.02, 2.0)

        assert added / BYTES_PER_SECOND == pytest.approx(1.98, abs=0.05)
        assert added % FRAME_BYTES == 0

    def test_a_far_end_that_never_sent_a_frame_is_silent_too(self) -> None:
        assert self.run(StreamClock(HearingTuning()), 10.0, 12.0) / BYTES_PER_SECOND == pytest.approx(2.0, abs=0.05)

    def test_a_stall_of_the_loop_is_not_silence(self) -> None:
        clock = StreamClock(HearingTuning())
        clock.arrived(0.0)
        self.run(clock, 0.0, 0.1)

        assert clock.left_out(0.6) == b""
        clock.arrived(0.61)
        assert clock.left_out(0.62) == b""
