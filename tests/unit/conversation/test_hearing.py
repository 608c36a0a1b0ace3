"""Voice detection: with scripted models for its rules, with the real ones on spoken words."""

import numpy as np
import pytest

from dialer.conversation.hearing import (
    Hearing,
    HearingTuning,
    HintOver,
    SpeechEnd,
    SpeechHint,
    SpeechStart,
    StreamClock,
)
from dialer.conversation.hearing_models import JudgePool, SileroJudge
from dialer.speech.offline import OfflineSynthesizer
from dialer.speech.ports import BYTES_PER_SECOND, FRAME_BYTES
from tests.support.ears import LoudnessGate, LoudnessJudge, quiet, tone


@pytest.fixture(scope="module")
def silero() -> JudgePool:
    pool = JudgePool(limit=2, reserve=1)
    pool.warm()
    return pool


def fake_pool(size: int = 1) -> JudgePool:
    pool = JudgePool(limit=size, reserve=size, load=LoudnessJudge)
    pool.warm()
    return pool


def hearing(pool: JudgePool | None = None) -> Hearing:
    return Hearing(pool or fake_pool(), gate=LoudnessGate(), strict=LoudnessGate())


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


def test_quiet_speakers_are_heard_and_their_fading_end_is_found() -> None:
    edges = heard(hearing(), quiet(0.5) + tone(0.4, amplitude=0.1) + tone(0.6, amplitude=0.0015) + quiet(0.3))

    assert seconds(edges[1].position) == pytest.approx(0.9, abs=0.05)


def test_a_judge_is_borrowed_only_while_somebody_may_speak() -> None:
    pool = fake_pool()
    ear = hearing(pool)

    ear.feed(quiet(1.0))
    idle_in_silence = pool.borrow()
    assert idle_in_silence is not None
    pool.give_back(idle_in_silence)
    ear.feed(tone(0.3))
    assert pool.borrow() is None
    ear.feed(quiet(1.5))

    assert pool.borrow() is not None


def test_without_a_judge_the_strict_gate_stands_in() -> None:
    pool = fake_pool()
    pool.borrow()

    edges = heard(hearing(pool), quiet(0.5) + tone(0.5) + quiet(0.6))

    assert [type(edge) for edge in edges] == [SpeechStart, SpeechEnd]
    assert pool.shortages == 1


def test_closing_in_mid_speech_returns_the_judge_once() -> None:
    pool = fake_pool()
    ear = hearing(pool)
    ear.feed(tone(0.5))

    ear.close()
    ear.close()

    assert pool.borrow() is not None
    assert pool.borrow() is None


def test_a_pool_grows_beside_the_loop_up_to_its_limit() -> None:
    pool = JudgePool(limit=2, reserve=1, load=LoudnessJudge)
    pool.warm()

    first = pool.borrow()
    pool.close()  # waits for the spare
    second, third = pool.borrow(), pool.borrow()

    assert first is not None
    assert second is not None
    assert third is None


def test_a_judge_that_cannot_be_loaded_leaves_room_for_another_try() -> None:
    outcomes = iter([LoudnessJudge(), RuntimeError("no memory")])

    def load() -> LoudnessJudge:
        outcome = next(outcomes)
        if isinstance(outcome, RuntimeError):
            raise outcome
        return outcome

    pool = JudgePool(limit=2, reserve=1, load=load)
    pool.warm()

    assert pool.borrow() is not None
    pool.close()
    assert pool.borrow() is None


@pytest.mark.parametrize("word", ["да", "нет", "угу", "ага", "алло"])
@pytest.mark.parametrize("gain", [1.0, 0.1])
def test_short_answers_are_heard_by_the_real_models(silero: JudgePool, word: str, gain: float) -> None:
    spoken = np.frombuffer(OfflineSynthesizer("ru+f3").render(word), "<i2") * gain

    edges = heard(Hearing(silero), quiet(0.6) + spoken.astype("<i2").tobytes() + quiet(1.0))

    assert [type(edge) for edge in edges][:2] == [SpeechStart, SpeechEnd]


def test_noise_is_no_speech_to_the_real_models(silero: JudgePool) -> None:
    noise = np.random.default_rng(3).normal(0, 300, 8000 * 5).astype("<i2").tobytes()

    assert Hearing(silero).feed(noise) == []


def test_the_real_judge_forgets_on_reset() -> None:
    judge, window = SileroJudge(), np.zeros(256, dtype=np.float32)
    fresh = judge.probability(window)
    for _ in range(5):
        judge.probability(np.random.default_rng(1).normal(0, 0.2, 256).astype(np.float32))

    judge.reset()

    assert judge.probability(window) == pytest.approx(fresh)


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
