"""Scripted ears: models that take loudness for speech, and sounds to try them with."""

import numpy as np
from numpy.typing import NDArray


class LoudnessJudge:
    """A judge to whom everything over -60 dBFS is speech."""

    def __init__(self) -> None:
        self.resets = 0
        self.asked = 0

    def probability(self, window: NDArray[np.float32]) -> float:
        """1 or 0."""
        self.asked += 1
        return _loud(window)

    def glance(self, newest: NDArray[np.float32]) -> float:
        """1 or 0."""
        return _loud(newest)

    def reset(self) -> None:
        """Count."""
        self.resets += 1


def _loud(samples: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(samples))) > 0.001)


class LoudnessGate:
    """A gate that opens to everything over -60 dBFS."""

    def is_open(self, frame: bytes) -> bool:
        """Whether the frame is loud."""
        samples = np.frombuffer(frame, "<i2").astype(np.float64)
        return bool(np.sqrt(np.mean(samples**2)) > 33)


def quiet(seconds: float) -> bytes:
    """Digital silence."""
    return bytes(2 * round(seconds * 8000))


def tone(seconds: float, amplitude: float = 0.3) -> bytes:
    """A 300 Hz tone."""
    at = np.arange(round(seconds * 8000)) / 8000
    return np.asarray(amplitude * 32767 * np.sin(2 * np.pi * 300 * at)).astype("<i2").tobytes()
