"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How bad it is."""

    OK = "ok"
    #: Works, but not as one would want it.
    WARNING = "warning"
    #: Calls cannot be placed, or their results are lost.
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the answer. `advice` says what to do; empty when all is well."""

    check: str
    state: State
    message: str
    advice: str = ""


def ok(check: str, message: str) -> Finding:
    """All is well."""
    return Finding(check, State.OK, message)


def warning(check: str, message: str, advice: str) -> Finding:
    """Not as one would want it."""
    return Finding(check, State.WARNING, message, advice)


def failed(check: str, message: str, advice: str) -> Finding:
    """Does not work."""
    return Finding(check, State.FAILED, message, advice)
