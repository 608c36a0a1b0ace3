"""Silero VAD for 8 kHz calls, in numpy: one set of weights for a process, a few kilobytes of state for each call.

The network is the 8 kHz half of Silero VAD v6.2 (https://github.com/snakers4/silero-vad, MIT licence beside this file);
`scripts/make_silero_weights.py` takes its weights from the published model. A window of 256 samples with the 32 before
it passes a short-time Fourier transform (130 filters of 128 samples, 4 steps of 64), four convolutions, one LSTM cell
and a sigmoid. The runtimes that exist keep one call's state inside a loaded model: 10 MB and 50 ms for each call that
is listened to, and 140 us for a window, against 45 us here (docs/hearing.md). Results differ from theirs by less than
1e-5 (tests/unit/conversation/test_silero.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from dialer.speech.ports import SAMPLE_RATE_HZ

Floats = NDArray[np.float32]

#: What the network takes at a time at 8 kHz: 32 ms.
WINDOW_SAMPLES = 256
WINDOW_MS = WINDOW_SAMPLES * 1000 // SAMPLE_RATE_HZ
#: Samples before the window that it sees as well, and samples that are mirrored behind it.
_CONTEXT = 32
_MIRRORED = 32
#: What a glance takes: a window with its context.
GLANCE_SAMPLES = _CONTEXT + WINDOW_SAMPLES
_SAMPLES = _CONTEXT + WINDOW_SAMPLES + _MIRRORED

_FILTER, _HOP, _STEPS, _BINS = 128, 64, 4, 65
_WIDE, _NARROW, _CELL = 128, 64, 128

WEIGHTS = Path(__file__).with_name("silero_8k.npz")


@dataclass(frozen=True, slots=True)
class Weights:
    """The network, each layer as one matrix: rows are inputs (taps of a convolution one after the other)."""

    fourier: Floats
    wide: Floats
    wide_bias: Floats
    halved: Floats
    halved_bias: Floats
    quartered: Floats
    quartered_bias: Floats
    features: Floats
    features_bias: Floats
    cell: Floats
    cell_bias: Floats
    out: Floats
    out_bias: float


@cache
def weights() -> Weights:
    """The weights, read once in a process (about 5 ms): call it before the first call is taken."""
    with np.load(WEIGHTS) as held:
        arrays = {name: np.ascontiguousarray(held[name], dtype=np.float32) for name in held.files}
    return Weights(**{**arrays, "out_bias": float(arrays["out_bias"][0])})  # type: ignore[arg-type]


class SileroJudge:
    """One call's speech probabilities. Implements `hearing_models.Judge`; not for two threads at once."""

    def __init__(self) -> None:
        self._weights = weights()
        self._samples = np.zeros(_SAMPLES, np.float32)
        # Convolutions as matrix products: views that show each step's inputs as one row, edges padded with zeros.
        self._steps = _rows(self._samples, _STEPS, _FILTER, _HOP)
        self._spectrum = np.empty((_STEPS, 2 * _BINS), np.float32)
        self._loudness = np.zeros((_STEPS + 2, _BINS), np.float32)
        self._loudness_rows = _rows(self._loudness, _STEPS, 3 * _BINS, _BINS)
        self._wide = np.zeros((_STEPS + 1, _WIDE), np.float32)
        self._wide_rows = _rows(self._wide, _STEPS // 2, 3 * _WIDE, 2 * _WIDE)
        #: What the cell takes: this window's features, and its own last output.
        self._input = np.zeros(2 * _CELL, np.float32)
        self._memory = np.zeros(_CELL, np.float32)

    def reset(self) -> None:
        """See `Judge`."""
        self._samples[:] = 0.0
        self._input[:] = 0.0
        self._memory[:] = 0.0

    def probability(self, window: Floats) -> float:
        """See `Judge`."""
        held = self._samples
        held[:_CONTEXT] = held[WINDOW_SAMPLES:GLANCE_SAMPLES]
        return self._judge(held[_CONTEXT:GLANCE_SAMPLES], window)

    def glance(self, newest: Floats) -> float:
        """See `Judge`."""
        kept = self._samples[WINDOW_SAMPLES:GLANCE_SAMPLES].copy(), self._input.copy(), self._memory.copy()
        found = self._judge(self._samples[:GLANCE_SAMPLES], newest)
        self._samples[WINDOW_SAMPLES:GLANCE_SAMPLES], self._input[:], self._memory[:] = kept
        return found

    def _judge(self, own: Floats, given: Floats) -> float:
        """Take samples in, mirror the end behind them, and score."""
        held = self._samples
        np.minimum(given, 1.0, out=own)
        np.maximum(own, -1.0, out=own)
        held[-_MIRRORED:] = held[-_MIRRORED - 2 : -2 * _MIRRORED - 2 : -1]
        self._hear()
        return self._remember()

    def _hear(self) -> None:
        """From samples to the cell's features."""
        w, spectrum, loudness = self._weights, self._spectrum, self._loudness[1:-1]
        np.dot(self._steps, w.fourier, out=spectrum)
        np.multiply(spectrum, spectrum, out=spectrum)
        np.add(spectrum[:, :_BINS], spectrum[:, _BINS:], out=loudness)
        np.sqrt(loudness, out=loudness)
        wide = np.dot(self._loudness_rows, w.wide)
        wide += w.wide_bias
        np.maximum(wide, 0.0, out=self._wide[1:])
        halved = _layer(self._wide_rows, w.halved, w.halved_bias)
        quartered = _layer(halved.reshape(-1), w.quartered, w.quartered_bias)
        self._input[:_CELL] = _layer(quartered, w.features, w.features_bias)

    def _remember(self) -> float:
        """The cell (Hochreiter's, gates in the order input, forget, new, output), then the probability."""
        w, memory, output = self._weights, self._memory, self._input[_CELL:]
        gates = np.dot(self._input, w.cell)
        gates += w.cell_bias
        new = np.tanh(gates[2 * _CELL : 3 * _CELL])
        # A sigmoid by way of tanh, which cannot overflow.
        gates *= 0.5
        np.tanh(gates, out=gates)
        gates *= 0.5
        gates += 0.5
        memory *= gates[_CELL : 2 * _CELL]
        memory += gates[:_CELL] * new
        np.tanh(memory, out=output)
        output *= gates[3 * _CELL :]
        score = float(np.dot(np.maximum(output, 0.0), w.out)) + w.out_bias
        return 0.5 + 0.5 * float(np.tanh(0.5 * score))


def _layer(rows: Floats, matrix: Floats, bias: Floats) -> Floats:
    """A convolution's outputs, none below zero."""
    found: Floats = np.dot(rows, matrix)
    found += bias
    return np.maximum(found, 0.0, out=found)


def _rows(array: Floats, count: int, length: int, step: int) -> Floats:
    """A view of `count` overlapping rows of `length`, `step` apart, in a contiguous array."""
    size = array.itemsize
    return as_strided(array, (count, length), (step * size, size))
