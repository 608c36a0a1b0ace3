"""Answering machines: what tells them from people."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from dialer.speech.ports import FRAME_BYTES, FRAME_MS

#: A person who picks up says a word or two and waits; a machine talks on. Seconds of unbroken speech.
MACHINE_SPEECH_S = 7.0
#: With a typical phrase, this much speech is enough: a short "I cannot talk" of a person is not a machine.
PHRASE_SPEECH_S = 1.5

#: A tone of this length is a beep. DTMF has two tones, voices have many.
BEEP_MS = 240
_BEEP_PEAK = 1000.0
_TONE_SHARE = 0.97
#: 400 to 2000 Hz.
_LOWEST_BIN, _HIGHEST_BIN = 8, 40
_WINDOW = np.hanning(FRAME_BYTES // 2).astype(np.float32)

_PHRASES = re.compile(
    r"остав\w+ (?:ваше |своё |свое )?(?:голосовое )?сообщение"
    r"|после (?:звукового )?(?:сигнала|гудка)"
    r"|автоответчик"
    r"|голосов\w+ (?:почт|ассистент|помощник)"
    r"|абонент (?:временно |сейчас )?(?:недоступен|не отвечает|не может|занят|находится)"
    r"|аппарат (?:абонента )?(?:выключен|отключен)"
    r"|вне зоны (?:действия|доступа)"
    r"|нажмите (?:решетку|решётку|звездочку|звёздочку)",
    re.IGNORECASE,
)


def is_machine(text: str, speech_s: float) -> bool:
    """Whether the first words after answer are a machine's."""
    return speech_s >= PHRASE_SPEECH_S and sounds_like_machine(text)


def sounds_like_machine(text: str) -> bool:
    """Whether only machines say that."""
    return _PHRASES.search(text) is not None


class BeepDetector:
    """Finds the beep after a machine's greeting: one steady tone. Frames of 8 kHz slin."""

    def __init__(self) -> None:
        self._run = 0
        self._bin = 0

    def feed(self, pcm: bytes) -> bool:
        """The next audio; True once the tone has lasted."""
        for start in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES):
            peak = _tone(np.frombuffer(pcm[start : start + FRAME_BYTES], dtype="<i2").astype(np.float32))
            self._run = self._run + 1 if peak and abs(peak - self._bin) <= 1 else int(peak > 0)
            self._bin = peak
            if self._run * FRAME_MS >= BEEP_MS:
                self._run = 0
                return True
        return False


def _tone(samples: NDArray[np.float32]) -> int:
    """The spectral bin (50 Hz each) that holds nearly all of a frame's energy; 0 if there is none."""
    if float(np.abs(samples).max()) < _BEEP_PEAK:
        return 0
    power = np.abs(np.fft.rfft(samples * _WINDOW)) ** 2
    peak = int(np.argmax(power))
    if not _LOWEST_BIN <= peak <= _HIGHEST_BIN:
        return 0
    return peak if float(power[peak - 2 : peak + 3].sum()) >= _TONE_SHARE * float(power.sum()) else 0
