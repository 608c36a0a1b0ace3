"""Sample-rate conversion."""

import numpy as np
import pytest

from dialer.speech.resample import Resampler, resample


def tone(hz: float, rate_hz: int, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(int(rate_hz * seconds)) / rate_hz).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [16000, 22050, 24000, 48000])
@pytest.mark.parametrize("hz", [200, 1000, 3000, 3400])
def test_speech_frequencies_pass_unchanged_and_in_place(rate_hz: int, hz: int) -> None:
    converted = resample(tone(hz, rate_hz), rate_hz)

    expected = tone(hz, 8000)
    assert len(converted) == 8000
    assert np.abs(converted[100:-100] - expected[100:-100]).max() < 0.02


@pytest.mark.parametrize("rate_hz", [16000, 22050, 24000, 48000])
@pytest.mark.parametrize("hz", [4700, 5500, 7000])
def test_what_would_fold_back_is_gone(rate_hz: int, hz: int) -> None:
    converted = resample(tone(hz, rate_hz), rate_hz)

    assert np.abs(converted[100:-100]).max() < 0.01


@pytest.mark.parametrize("rate_hz", [16000, 22050, 24000])
def test_chunks_of_any_size_give_the_same_samples_as_one_piece(rate_hz: int) -> None:
    source = tone(700, rate_hz, 0.7) + tone(2300, rate_hz, 0.7)
    random = np.random.default_rng(5)
    resampler, parts, position = Resampler(rate_hz), [], 0
    while position < len(source):
        size = int(random.integers(1, 900))
        parts.append(resampler.feed(source[position : position + size]))
        position += size
    parts.append(resampler.finish())

    assert np.allclose(np.concatenate(parts), resample(source, rate_hz), atol=1e-5)


def test_an_empty_recording_stays_empty() -> None:
    assert len(resample(np.zeros(0, dtype=np.float32), 22050)) == 0
