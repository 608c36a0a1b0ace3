"""Sample-rate conversion to the dialer's 8 kHz, whole or in chunks, in plain numpy.

A windowed-sinc low-pass in polyphase form: for the rate `up/down` each of the `up` phases is one short FIR, and all
outputs of one phase are a single matrix-vector product over strided windows of the input.
"""

from __future__ import annotations

from functools import cache
from math import ceil, gcd

import numpy as np
from numpy.typing import NDArray

from dialer.speech.ports import SAMPLE_RATE_HZ

Floats = NDArray[np.float32]

#: Telephone speech ends at 3.4 kHz; the filter is down by 60 dB where folding would reach back below that.
PASS_HZ = 3500.0
STOP_HZ = 4300.0
_KAISER_BETA = 6.0


class Resampler:
    """Converts mono audio from `source_hz` to 8 kHz and keeps its state between chunks.

    Output sample 0 is aligned with input sample 0: the filter's delay is taken out.
    """

    def __init__(self, source_hz: int) -> None:
        if source_hz < SAMPLE_RATE_HZ:
            raise ValueError(f"cannot bring {source_hz} Hz down to {SAMPLE_RATE_HZ} Hz")
        common = gcd(source_hz, SAMPLE_RATE_HZ)
        self._up, self._down = SAMPLE_RATE_HZ // common, source_hz // common
        self._phases = _phases(source_hz, self._up)
        self._taps = self._phases.shape[1]
        #: Input from absolute index `_first` on; the leading zeros are the filter's history.
        self._held: Floats = np.zeros(self._taps // 2, dtype=np.float32)
        self._first = -(self._taps // 2)
        self._produced = 0

    def feed(self, samples: Floats) -> Floats:
        """As many output samples as the input so far determines."""
        self._held = np.concatenate((self._held, samples))
        end = self._first + len(self._held)
        # Output n needs inputs up to floor(n * down / up) + taps // 2.
        ready = ceil(max(0, end - self._taps // 2) * self._up / self._down)
        output = self._convert(self._produced, ready)
        self._produced = max(self._produced, ready)
        keep_from = self._produced * self._down // self._up - self._taps // 2
        if keep_from > self._first:
            self._held = self._held[keep_from - self._first :]
            self._first = keep_from
        return output

    def finish(self) -> Floats:
        """The last output samples; the resampler is used up."""
        return self.feed(np.zeros(self._taps // 2, dtype=np.float32))

    def _convert(self, start: int, stop: int) -> Floats:
        output = np.zeros(max(0, stop - start), dtype=np.float32)
        item = self._held.itemsize
        for offset in range(min(self._up, len(output))):
            position = (start + offset) * self._down
            begin = position // self._up - self._taps // 2 - self._first
            count = (len(output) - offset + self._up - 1) // self._up
            windows = np.lib.stride_tricks.as_strided(
                self._held[begin:], shape=(count, self._taps), strides=(self._down * item, item), writeable=False
            )
            output[offset :: self._up] = windows @ self._phases[position % self._up]
        return output


def resample(samples: Floats, source_hz: int) -> Floats:
    """A whole recording at 8 kHz."""
    if source_hz == SAMPLE_RATE_HZ:
        return samples
    resampler = Resampler(source_hz)
    return np.concatenate((resampler.feed(samples), resampler.finish()))


@cache
def _phases(source_hz: int, up: int) -> Floats:
    """One FIR per phase, shape (up, taps), taps odd; each sums to 1, so a constant stays the same constant."""
    half = ceil(source_hz * 4.0 / (STOP_HZ - PASS_HZ) / 2)
    index = np.arange(-half, half + 1, dtype=np.float64)
    phases = np.empty((up, len(index)), dtype=np.float64)
    cutoff = (PASS_HZ + STOP_HZ) / source_hz
    for phase in range(up):
        at = index - phase / up
        edge = np.clip(1.0 - (at / (half + 1)) ** 2, 0.0, None)
        phases[phase] = np.sinc(cutoff * at) * np.i0(_KAISER_BETA * np.sqrt(edge))
        phases[phase] /= phases[phase].sum()
    return phases.astype(np.float32)
