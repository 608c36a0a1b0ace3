"""The two models behind hearing: a cheap gate, and an accurate judge that is asked only while the gate is open."""

from __future__ import annotations

from typing import Any, Protocol

from dialer.conversation.silero import Floats
from dialer.speech.ports import SAMPLE_RATE_HZ


class Judge(Protocol):
    """Says how likely a window holds speech, given the windows before it."""

    def probability(self, window: Floats) -> float:
        """0..1 for the next 256 samples; beyond +-1 they are clipped."""
        ...

    def glance(self, newest: Floats) -> float:
        """0..1 for the newest 256 samples with the 32 before them, as if they came next; it is not remembered."""
        ...

    def reset(self) -> None:
        """Forget what came before."""
        ...


class Gate(Protocol):
    """Says cheaply whether a 20 ms frame may hold speech."""

    def is_open(self, frame: bytes) -> bool:
        """For the next 160 samples of slin."""
        ...


class WebRtcGate:
    """WebRTC's voice detector; `strictness` 0 lets most through, 3 least."""

    def __init__(self, strictness: int = 1) -> None:
        import webrtcvad

        self._detector: Any = webrtcvad.Vad(strictness)

    def is_open(self, frame: bytes) -> bool:
        """See `Gate`."""
        return bool(self._detector.is_speech(frame, SAMPLE_RATE_HZ))
