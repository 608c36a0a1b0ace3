"""Measure hearing on recorded Russian speech: misses, false triggers, delays and cost.

    python -m scripts.measure_hearing [--sounds FOLDER] [--markdown]

The recordings are Debian's package asterisk-core-sounds-ru-wav (8 kHz; words and phrases read by one woman). Without
--sounds it is fetched with `apt-get download` and unpacked under the cache folder; no root is needed. Each recording
is played into the detector between stretches of silence or line noise, in 20 ms frames, through A-law.
"""

from __future__ import annotations

import argparse
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dialer.conversation.hearing import Hearing, HearingTuning, SpeechEnd, SpeechHint, SpeechStart
from dialer.speech.ports import FRAME_BYTES
from scripts.recordings import fetch

Floats = NDArray[np.float64]

#: Recordings without a voice.
TONES = frozenset(["beep", "beeperr", "ascending-2tone", "descending-2tone", "confbridge-join", "confbridge-leave"])
LINE_NOISE_DBFS = -45.0
LEAD_S, TAIL_S = 1.0, 1.2


@dataclass
class Group:
    """One kind of recording at one level."""

    heard: int = 0
    missed: list[str] = field(default_factory=list)
    broken: int = 0
    early: int = 0
    #: From the first sound to the first hint of speech (what pauses the bot), and to speech that is certain.
    hint_ms: list[float] = field(default_factory=list)
    onset_ms: list[float] = field(default_factory=list)
    tail_ms: list[float] = field(default_factory=list)


def spoken(path: Path) -> Floats:
    """The recording without its leading and trailing silence."""
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768.0
    envelope = np.sqrt(np.mean(samples[: len(samples) // 80 * 80].reshape(-1, 80) ** 2, axis=1))
    loud = np.nonzero(envelope > envelope.max() * 0.05)[0]
    return samples[loud[0] * 80 : (loud[-1] + 1) * 80]


def speech_files(sounds: Path) -> list[Path]:
    """Recordings of a voice: no tones, no pure silence, and not the package's own empty files."""
    return [
        path
        for path in sorted(sounds.rglob("*.wav"))
        if path.stem not in TONES and "silence" not in path.parts and path.stat().st_size > 1000
    ]


def loudest(samples: Floats, seconds: float) -> Floats:
    """The loudest stretch of a word, faded at both ends: as short as a hasty "yes"."""
    size = int(seconds * 8000)
    energy = np.convolve(samples**2, np.ones(size), "valid")
    start = int(np.argmax(energy))
    cut = samples[start : start + size].copy()
    fade = np.linspace(0, 1, 120)
    cut[:120] *= fade
    cut[-120:] *= fade[::-1]
    return cut


def alaw(samples: Floats) -> bytes:
    """Through the telephone's A-law and back, as slin (ITU-T G.711's curve, A = 87.6)."""
    a, sign, size = 87.6, np.sign(samples), np.minimum(np.abs(samples), 1.0)
    scale = 1 + np.log(a)
    packed = np.where(size < 1 / a, a * size, 1 + np.log(np.maximum(a * size, 1e-9))) / scale
    coded = (np.floor(packed * 128) + 0.5) / 128
    back = np.where(coded < 1 / scale, coded * scale / a, np.exp(coded * scale - 1) / a)
    return np.round(np.clip(sign * back, -1, 0.9999) * 32767).astype("<i2").tobytes()


def noise(length: int, dbfs: float, random: np.random.Generator) -> Floats:
    """Line noise: white with a 50 Hz hum 6 dB below it."""
    level = 10 ** (dbfs / 20)
    hum = 0.5 * level * np.sqrt(2) * np.sin(2 * np.pi * 50 * np.arange(length) / 8000)
    return random.normal(0, level, length) + hum


def frames(pcm: bytes) -> Iterator[bytes]:
    for start in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES):
        yield pcm[start : start + FRAME_BYTES]


@dataclass
class Told:
    """What hearing told of one sound, in seconds: stretches of speech, when starts were announced, and hints."""

    stretches: list[tuple[float, float]] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    hints: list[float] = field(default_factory=list)


def listen(samples: Floats, tuning: HearingTuning) -> Told:
    hearing = Hearing(tuning)
    starts: list[float] = []
    told = Told()
    for frame in frames(alaw(samples)):
        for edge in hearing.feed(frame):
            if isinstance(edge, SpeechStart):
                starts.append(edge.position / 16000)
                told.starts.append(hearing.position / 16000)
            elif isinstance(edge, SpeechEnd):
                told.stretches.append((starts[-1], edge.position / 16000))
            elif isinstance(edge, SpeechHint):
                told.hints.append(hearing.position / 16000)
    return told


def measure(clips: dict[str, Floats], gain_db: float, noisy: bool, tuning: HearingTuning) -> Group:
    random, group = np.random.default_rng(7), Group()
    for name, clip in clips.items():
        lead, tail = np.zeros(int(LEAD_S * 8000)), np.zeros(int(TAIL_S * 8000))
        sound = np.concatenate((lead, clip * 10 ** (gain_db / 20), tail))
        if noisy:
            sound = sound + noise(len(sound), LINE_NOISE_DBFS, random)
        told = listen(sound, tuning)
        end = LEAD_S + len(clip) / 8000
        inside = [at for at in told.starts if LEAD_S - 0.1 < at < end + 0.15]
        group.early += sum(1 for start, _ in told.stretches if start < LEAD_S - 0.3)
        if not inside:
            group.missed.append(name)
            continue
        group.heard += 1
        group.broken += len(inside) > 1 and len(clip) < 0.8 * 8000
        group.onset_ms.append((inside[0] - LEAD_S) * 1000)
        first = min([*(at for at in told.hints if at > LEAD_S - 0.1), inside[0]])
        group.hint_ms.append((first - LEAD_S) * 1000)
        if told.stretches:
            group.tail_ms.append((told.stretches[-1][1] - end) * 1000)
    return group


def disturbances(sounds: Path) -> dict[str, Floats]:
    """Ten minutes and more of what is not speech."""
    random = np.random.default_rng(11)
    at = np.arange(60 * 8000) / 8000

    def tone(*hz: float, level: float = 0.1) -> Floats:
        return np.sum([level * np.sin(2 * np.pi * f * at) for f in hz], axis=0)

    pulses = (at % 1.0 < 0.15).astype(float)
    clicks = np.zeros(len(at))
    clicks[random.integers(0, len(at), 120)] = random.uniform(-0.9, 0.9, 120)
    brown = np.cumsum(random.normal(0, 1, len(at)))
    brown -= np.convolve(brown, np.ones(400) / 400, "same")
    result = {
        "white noise -50 dBFS": random.normal(0, 10 ** (-50 / 20), len(at)),
        "white noise -35 dBFS": random.normal(0, 10 ** (-35 / 20), len(at)),
        "white noise -25 dBFS": random.normal(0, 10 ** (-25 / 20), len(at)),
        "street rumble -30 dBFS": brown / brown.std() * 10 ** (-30 / 20),
        "hum 50/150 Hz": tone(50, 150),
        "ringback 425 Hz": tone(425) * (at % 5 < 1),
        "DTMF bursts": tone(770, 1336) * pulses,
        "clicks, 2 per second": clicks,
        "breath (noise bursts 0.4 s)": random.normal(0, 0.03, len(at)) * (at % 3 < 0.4),
        "coughs (decaying bursts)": random.normal(0, 0.3, len(at)) * np.exp(-(at % 3) * 25),
    }
    prompts = [np.tile(spoken(path), 20) for path in sorted(sounds.glob("*.wav")) if path.stem in TONES]
    return result | {"recorded beeps": np.concatenate(prompts)}


def cost(samples: Floats, tuning: HearingTuning) -> float:
    """Milliseconds of CPU per 20 ms frame."""
    pieces = list(frames(alaw(samples)))
    hearing = Hearing(tuning)
    started = time.process_time()
    for piece in pieces:
        hearing.feed(piece)
    spent = time.process_time() - started
    return spent * 1000 / len(pieces)


def percentile(values: list[float], share: float) -> str:
    return f"{np.percentile(values, share):.0f}" if values else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sounds", type=Path, help="folder of the unpacked package")
    sounds = parser.parse_args().sounds or fetch()
    tuning = HearingTuning()
    clips = {str(path.relative_to(sounds)): spoken(path) for path in speech_files(sounds)}
    words = {name: clip for name, clip in clips.items() if len(clip) <= 0.5 * 8000}
    groups = {
        "phrases over 0.5 s": {name: clip for name, clip in clips.items() if 0.5 * 8000 < len(clip) < 4 * 8000},
        "words up to 0.5 s": words,
        "words cut to 0.30 s": {name: loudest(clip, 0.30) for name, clip in words.items() if len(clip) >= 2400},
        "words cut to 0.20 s": {name: loudest(clip, 0.20) for name, clip in words.items() if len(clip) >= 1600},
        "words cut to 0.15 s": {name: loudest(clip, 0.15) for name, clip in words.items() if len(clip) >= 1200},
    }
    print(
        "| speech | level | line noise | clips | missed | in pieces | hint ms p50 / p95 "
        "| onset ms p50 / p95 | end ms p50 |"
    )
    print("| --- " * 9 + "|")
    for kind, some in groups.items():
        for noisy in (False, True):
            for gain in (0.0, -10.0, -20.0):
                group = measure(some, gain, noisy, tuning)
                onset = f"{percentile(group.onset_ms, 50)} / {percentile(group.onset_ms, 95)}"
                missed = f"{len(group.missed)} ({100 * len(group.missed) / len(some):.1f}%)"
                print(
                    f"| {kind} | {gain:.0f} dB | {'yes' if noisy else 'no'} | {len(some)} | {missed} | {group.broken} "
                    f"| {percentile(group.hint_ms, 50)} / {percentile(group.hint_ms, 95)} "
                    f"| {onset} | {percentile(group.tail_ms, 50)} |"
                )
    print("\n| not speech | seconds | false triggers | wrong pauses |\n| --- | --- | --- | --- |")
    for kind, sound in disturbances(sounds).items():
        told = listen(sound, tuning)
        print(f"| {kind} | {len(sound) / 8000:.0f} | {len(told.starts)} | {len(told.hints)} |")
    speech = np.concatenate([clip for name, clip in clips.items() if name not in words][:60])
    print("\n| frames of 20 ms | ms of CPU each |\n| --- | --- |")
    for kind, sound in {"silence": np.zeros(480000), "speech": speech}.items():
        print(f"| {kind} | {cost(sound, tuning):.3f} |")


if __name__ == "__main__":
    main()
