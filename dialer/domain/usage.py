"""What one call has used of paid services. Each call runs in a context of its own and counts there."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Usage:
    """Units by which providers charge; offline providers count as well, their price is nothing."""

    #: Seconds of audio sent to the recogniser, early transcriptions that were dropped included.
    stt_s: float = 0.0
    #: Characters that were synthesised; what came from the cache costs nothing.
    tts_characters: int = 0
    llm_input_tokens: int = 0
    llm_output_tokens: int = 0


_current: ContextVar[Usage | None] = ContextVar("usage", default=None)


def begin_usage() -> Usage:
    """Count in a fresh account from here on, in this context and in the tasks that it starts."""
    usage = Usage()
    _current.set(usage)
    return usage


def usage() -> Usage:
    """The present call's account; outside a call one that nobody reads."""
    return _current.get() or Usage()
