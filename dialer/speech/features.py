"""Features for matching utterances by ear: what was said, and little of who said it, how loud and on which line.

An utterance becomes a matrix (frames, 26): mean-free mel cepstra of its spoken part and their slopes, 20 ms apart.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dialer.speech import pcm
from dialer.speech.ports import SAMPLE_RATE_HZ

Floats = NDArray[np.float32]

HOP = 160
_WINDOW = 256
_BANDS = 26
_CEPSTRA = 13
_LOWEST_HZ, _HIGHEST_HZ = 150.0, 3500.0
#: Everything this far below the loudest band is the line, not the voice.
_RANGE_DB = 38.0
#: Frames this far below the loudest frame are silence at the utterance's ends.
_ENDS_DB = 28.0
#: How much of the noise estimate is taken away, and how far over it an utterance's ends must be.
_NOISE_EXCESS = 1.5
_ENDS_OVER_NOISE = 2.0
_LEAST_RANGE_DB = 12.0
#: Coefficient 0 is loudness; it helps to tell syllables but must not rule.
_LOUDNESS_WEIGHT = 0.5
_SLOPE_WEIGHT = 1.5
#: Rows of the fixed-size sketch by which candidates are chosen.
SKETCH_ROWS = 12


def features(sound: bytes) -> Floats:
    """The spoken part of 8 kHz slin as (frames, 26); no frames when there is no sound."""
    samples = pcm.to_floats(sound)
    if len(samples) < _WINDOW or not samples.any():
        return np.zeros((0, 2 * _CEPSTRA), dtype=np.float32)
    emphasised = np.append(samples[:1], samples[1:] - np.float32(0.95) * samples[:-1])
    windows = np.lib.stride_tricks.sliding_window_view(emphasised, _WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(windows * np.hanning(_WINDOW).astype(np.float32), axis=1)) ** 2
    bands, noise = _without_noise(power.astype(np.float32) @ _mel_filters())
    loud = 10 * np.log10(bands + 1e-10)
    loud = np.maximum(loud, loud.max() - _RANGE_DB)
    loud = loud[_spoken(bands.sum(axis=1), noise)]
    cepstra = loud @ _cosines()
    cepstra -= cepstra.mean(axis=0)
    cepstra /= cepstra.std() + 1e-6
    cepstra[:, 0] *= _LOUDNESS_WEIGHT
    return np.hstack((cepstra, _SLOPE_WEIGHT * _slopes(cepstra))).astype(np.float32)


def sketch(frames: Floats) -> Floats:
    """A fixed-size summary: the means of 12 equal stretches, flattened."""
    edges = np.linspace(0, len(frames), SKETCH_ROWS + 1)
    rows = [frames[int(low) : max(int(low) + 1, int(np.ceil(high)))].mean(axis=0) for low, high in pairwise(edges)]
    return np.concatenate(rows).astype(np.float32)


def _without_noise(bands: Floats) -> tuple[Floats, float]:
    """The bands less the line's noise, which is taken from the quietest frames, and that noise's energy."""
    energy = bands.sum(axis=1)
    quietest = np.argsort(energy)[: max(4, len(bands) // 12)]
    noise = bands[quietest].mean(axis=0)
    if noise.sum() > energy.max() * 10 ** (-_LEAST_RANGE_DB / 10):
        return bands, 0.0  # there is speech in every frame
    return np.maximum(bands - _NOISE_EXCESS * noise, 0), float(noise.sum())


def _spoken(energy: Floats, noise: float) -> slice:
    loud = np.nonzero(energy > max(energy.max() * 10 ** (-_ENDS_DB / 10), noise * _ENDS_OVER_NOISE))[0]
    return slice(int(loud[0]), int(loud[-1]) + 1) if len(loud) else slice(0, len(energy))


def _slopes(frames: Floats) -> Floats:
    padded = np.pad(frames, ((2, 2), (0, 0)), mode="edge")
    slopes = (2 * (padded[4:] - padded[:-4]) + (padded[3:-1] - padded[1:-3])) / 10
    return slopes.astype(np.float32)


@cache
def _mel_filters() -> Floats:
    """(129, bands): triangles, equally wide in mel."""
    lowest, highest = (2595 * np.log10(1 + hz / 700) for hz in (_LOWEST_HZ, _HIGHEST_HZ))
    corners = 700 * (10 ** (np.linspace(lowest, highest, _BANDS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE_HZ)
    low, centre, high = corners[:-2], corners[1:-1], corners[2:]
    rising = (bins[:, None] - low) / (centre - low)
    falling = (high - bins[:, None]) / (high - centre)
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


@cache
def _cosines() -> Floats:
    """(bands, cepstra): an orthonormal cosine transform."""
    band = np.arange(_BANDS)[:, None] + 0.5
    table: NDArray[np.float64] = np.cos(np.pi / _BANDS * band * np.arange(_CEPSTRA)) * np.sqrt(2 / _BANDS)
    return table.astype(np.float32)
