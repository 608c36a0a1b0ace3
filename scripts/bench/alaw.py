"""G.711 A-law (ITU-T G.711, table 1a) by table: the standard library has none since Python 3.13."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def _levels() -> NDArray[np.int16]:
    """The 16-bit sample that each byte stands for."""
    code = np.arange(256) ^ 0x55
    mantissa, exponent = code & 0x0F, (code >> 4) & 0x07
    size = np.where(exponent == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, size, -size).astype(np.int16)


LEVELS = _levels()
_ORDER = np.argsort(LEVELS)
_BETWEEN = (LEVELS[_ORDER][1:].astype(np.int32) + LEVELS[_ORDER][:-1]) / 2


def encode(samples: NDArray[np.int16]) -> bytes:
    """Samples as A-law: for each the nearest level."""
    return _ORDER[np.searchsorted(_BETWEEN, samples)].astype(np.uint8).tobytes()


def decode(coded: bytes) -> bytes:
    """A-law as 8 kHz slin."""
    return LEVELS[np.frombuffer(coded, np.uint8)].astype("<i2").tobytes()
