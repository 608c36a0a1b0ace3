"""Offline speech: espeak-ng in this process, through ctypes.

The library comes with the wheel `espeakng-loader`. It is GPL-3, so it is an optional extra that is imported only when
an offline voice is asked for. espeak keeps one global state: one lock guards it, and calls run in a worker thread.
Function signatures: espeak-ng 1.52, `speak_lib.h`.
"""

from __future__ import annotations

import asyncio
import ctypes
import re
import threading
from collections.abc import AsyncIterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialer.errors import ConfigError, ProviderError
from dialer.speech import pcm
from dialer.speech.resample import resample

#: espeak_AUDIO_OUTPUT: AUDIO_OUTPUT_SYNCHRONOUS hands samples to the callback within espeak_Synth.
_OUTPUT_SYNCHRONOUS = 2
#: espeakINITIALIZE_DONT_EXIT: a failed start returns a code instead of ending the process.
_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
#: espeakPHONEMES: `[[...]]` within the text holds phonemes.
_PHONEMES_IN_TEXT = 0x100
#: espeakENDPAUSE: without the pause at the end the last buffer (up to 60 ms of the last vowel) never comes.
_END_PAUSE = 0x1000
_FLAGS = _CHARS_UTF8 | _PHONEMES_IN_TEXT | _END_PAUSE
_RATE, _PITCH = 1, 3
_POS_CHARACTER = 1

#: Loudness of offline speech, RMS of its spoken parts.
LEVEL_DBFS = -16.0
#: Silence left of espeak's own pause at the end.
_TAIL_S = 0.06
#: espeak begins a first vowel at full strength.
_FADE_IN_S = 0.01

#: Words that espeak-ng's Russian dictionary stresses wrongly, as espeak phonemes (found by its phoneme trace).
_PHONEMES = {"сорок": "[[s'orVk]]", "отмените": "[[Vtm;in;'it;i]]"}
_MISREAD = re.compile(rf"\b(?:{'|'.join(_PHONEMES)})\b", re.IGNORECASE)

_LOADING = threading.Lock()
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Espeak:
    """The process's one espeak-ng. Get it from `engine()`."""

    def __init__(self, library: Any, data_path: str) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._heard: list[bytes] = []
        self._callback = _Callback(self._take)
        self.sample_rate_hz: int = library.espeak_Initialize(_OUTPUT_SYNCHRONOUS, 0, data_path.encode(), _DONT_EXIT)
        if self.sample_rate_hz <= 0:
            raise ConfigError(f"espeak-ng did not start with the data in {data_path}")
        library.espeak_SetSynthCallback(self._callback)

    def _take(self, samples: Any, count: int, _events: int | None) -> int:
        if samples and count > 0:
            self._heard.append(ctypes.string_at(samples, count * 2))
        return 0

    def render(self, text: str, *, voice: str, words_per_minute: int, pitch: int) -> NDArray[np.float32]:
        """`text` as floats at `sample_rate_hz`. Blocks for about 1 ms per second of speech.

        Raises ConfigError for a voice that espeak does not have, ProviderError when it fails.
        """
        encoded = _with_stress(text).encode()
        with self._lock:
            if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
                raise ConfigError(f"espeak-ng has no voice {voice!r}")
            self._library.espeak_SetParameter(_RATE, words_per_minute, 0)
            self._library.espeak_SetParameter(_PITCH, pitch, 0)
            self._heard.clear()
            size = ctypes.c_size_t(len(encoded) + 1)
            failed = self._library.espeak_Synth(encoded, size, 0, _POS_CHARACTER, 0, _FLAGS, None, None)
            sound = b"".join(self._heard)
            self._heard.clear()
        if failed:
            raise ProviderError("offline", f"espeak-ng failed with code {failed}")
        return pcm.to_floats(sound)


def engine() -> Espeak:
    """The process's espeak-ng, loaded once, whichever thread asks first.

    Raises ConfigError when the wheel is not installed.
    """
    with _LOADING:
        return _load()


@cache
def _load() -> Espeak:
    try:
        import espeakng_loader
    except ImportError as error:
        raise ConfigError("the offline voice needs espeak-ng: pip install 'order-dialer[embedded]'") from error
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    library.espeak_Synth.argtypes = [
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    return Espeak(library, espeakng_loader.get_data_path())


def _with_stress(text: str) -> str:
    """The text with misread words as phonemes; double brackets of its own lose their meaning to espeak."""
    plain = text.replace("[[", "[").replace("]]", "]")
    return _MISREAD.sub(lambda found: _PHONEMES[found.group().lower()], plain)


class OfflineSynthesizer:
    """`ports.Synthesizer` on espeak-ng.

    `variant` is espeak's voice with an optional timbre ("ru", "ru+f3", "ru+m2", "ru+Andrea"); `pitch` is 0 to 99.
    `longest_pause_s` shortens espeak's pauses at commas, which are longer than those of somebody in a hurry.
    The library is loaded on the first use. Raises ConfigError then, if it is not installed.
    """

    name = "offline"

    def __init__(
        self,
        variant: str = "ru+f2",
        *,
        words_per_minute: int = 165,
        pitch: int = 50,
        longest_pause_s: float | None = None,
    ) -> None:
        hasty = "" if longest_pause_s is None else f"-{longest_pause_s}"
        self.voice = f"{variant}-{words_per_minute}-{pitch}{hasty}"
        self._longest_pause_s = longest_pause_s
        self._variant = variant
        self._words_per_minute = words_per_minute
        self._pitch = pitch

    def render(self, text: str) -> bytes:
        """The whole text as 8 kHz slin, in the calling thread."""
        espeak = engine()
        sound = espeak.render(text, voice=self._variant, words_per_minute=self._words_per_minute, pitch=self._pitch)
        narrow = pcm.without_tail(resample(sound, espeak.sample_rate_hz), _TAIL_S)
        if self._longest_pause_s is not None:
            narrow = pcm.with_short_pauses(narrow, self._longest_pause_s)
        return pcm.to_slin(pcm.faded_in(pcm.levelled(narrow, LEVEL_DBFS), _FADE_IN_S))

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        """See `ports.Synthesizer`; the text comes as one chunk, for it is made in a few milliseconds."""
        if text.strip():
            yield await asyncio.to_thread(self.render, text)
