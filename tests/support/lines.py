"""A telephone line for tests: A-law, level, noise, and silence around what is said."""

import numpy as np
from numpy.typing import NDArray

_A = 87.6


def over_the_line(sound: bytes, *, gain_db: float = 0.0, noise_dbfs: float = -60.0, seed: int = 1) -> bytes:
    """Slin after its way through a telephone line, with a quarter of a second of line before and after it."""
    samples = np.frombuffer(sound, "<i2") / 32768 * 10 ** (gain_db / 20)
    padded = np.concatenate((np.zeros(2000), samples, np.zeros(2000)))
    noisy = padded + np.random.default_rng(seed).normal(0, 10 ** (noise_dbfs / 20), len(padded))
    coded = np.asarray(_expand((np.floor(_compress(np.clip(noisy, -1, 1)) * 128) + 0.5) / 128))
    return np.rint(np.clip(coded, -1, 0.9999) * 32767).astype("<i2").tobytes()


def _compress(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """A-law, ITU-T G.711."""
    size, scale = np.abs(samples), 1 + np.log(_A)
    packed = np.where(size < 1 / _A, _A * size, 1 + np.log(np.maximum(_A * size, 1e-9))) / scale
    return np.sign(samples) * packed


def _expand(packed: NDArray[np.float64]) -> NDArray[np.float64]:
    size, scale = np.abs(packed), 1 + np.log(_A)
    return np.sign(packed) * np.where(size < 1 / scale, size * scale / _A, np.exp(size * scale - 1) / _A)
