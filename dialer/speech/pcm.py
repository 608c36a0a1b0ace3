"""Small arithmetic on 8 kHz slin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dialer.speech.ports import FRAME_BYTES, SAMPLE_RATE_HZ

Floats = NDArray[np.float32]

FULL_SCALE = 32768.0
#: Frames quieter than this under the loudest one are not counted as speech when a level is measured.
_ACTIVE_RANGE_DB = 30.0


def to_floats(pcm: bytes) -> Floats:
    """Slin as floats within [-1, 1)."""
    return np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(FULL_SCALE)


def to_slin(samples: Floats) -> bytes:
    """Floats as slin; what is beyond full scale is held at it."""
    scaled: NDArray[np.int16] = np.clip(np.rint(samples * np.float32(FULL_SCALE)), -32768, 32767).astype("<i2")
    return scaled.tobytes()


def silence(seconds: float) -> bytes:
    """Digital silence."""
    return bytes(2 * round(seconds * SAMPLE_RATE_HZ))


def speech_level_db(samples: Floats) -> float:
    """RMS in dBFS of the frames in which somebody speaks; -120 for digital silence."""
    frame = FRAME_BYTES // 2
    usable = samples[: len(samples) // frame * frame]
    if not len(usable):
        usable = np.zeros(frame, dtype=np.float32)
    energies = np.mean(np.square(usable.reshape(-1, frame), dtype=np.float64), axis=1)
    loudest = float(energies.max())
    if loudest <= 1e-12:
        return -120.0
    active = energies[energies > loudest * 10 ** (-_ACTIVE_RANGE_DB / 10)]
    return float(10 * np.log10(active.mean()))


def with_short_pauses(samples: Floats, longest_s: float) -> Floats:
    """Speech whose inner silences (40 dB under its peak) are cut down to `longest_s`."""
    step = SAMPLE_RATE_HZ // 100
    blocks = samples[: len(samples) // step * step].reshape(-1, step)
    if not len(blocks):
        return samples
    silent = np.abs(blocks).max(axis=1) < 0.01 * np.abs(blocks).max()
    keep, run, longest = [], 0, round(longest_s * 100)
    for index, still in enumerate(silent):
        run = run + 1 if still else 0
        if run <= longest:
            keep.append(index)
    return np.concatenate((blocks[keep].reshape(-1), samples[len(blocks) * step :]))


def without_tail(samples: Floats, keep_s: float) -> Floats:
    """Speech with no more than `keep_s` of silence (46 dB under its peak) at its end."""
    if not len(samples):
        return samples
    loud = np.nonzero(np.abs(samples) > 0.005 * np.abs(samples).max())[0]
    return samples[: int(loud[-1]) + 1 + round(keep_s * SAMPLE_RATE_HZ)] if len(loud) else samples


def faded_in(samples: Floats, seconds: float) -> Floats:
    """Speech that begins from silence: a vowel that starts at full strength clicks."""
    length = min(len(samples), round(seconds * SAMPLE_RATE_HZ))
    faded = samples.copy()
    faded[:length] *= np.linspace(0, 1, length, dtype=np.float32)
    return faded


def levelled(samples: Floats, target_db: float, ceiling: float = 0.89) -> Floats:
    """Speech brought to `target_db` dBFS; peaks over 0.7 of the ceiling are bent, never cut.

    The bend keeps a continuous slope, so a loud vowel gets rounder instead of crackling.
    """
    level = speech_level_db(samples)
    if level <= -120.0:
        return samples
    gained = samples * np.float32(10 ** ((target_db - level) / 20))
    knee = np.float32(0.7 * ceiling)
    room = np.float32(ceiling) - knee
    over = np.abs(gained) - knee
    bent = np.sign(gained) * (knee + room * np.tanh(np.maximum(over, 0) / room))
    return np.where(over > 0, bent, gained).astype(np.float32)
