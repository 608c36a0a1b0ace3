"""A circuit breaker: after several failures in a row stop asking a provider for a while, then try it once.

Pure: the caller passes `now` (seconds of any monotonic clock). Not thread-safe: one event loop owns it.
"""

from __future__ import annotations

from enum import StrEnum


class BreakerState(StrEnum):
    """Whether requests may go out."""

    #: Requests go out.
    CLOSED = "closed"
    #: Requests are refused until `open_s` have passed.
    OPEN = "open"
    #: One trial request may go out; its end closes or reopens the breaker.
    HALF_OPEN = "half_open"


class Breaker:
    """Opens after `threshold` failures in a row, for `open_s` seconds; then lets one trial request out at a time.

    A trial that never reports its end (a cancelled call) is replaced after another `open_s` seconds.
    """

    def __init__(self, threshold: int = 5, open_s: float = 15.0) -> None:
        if threshold < 1 or open_s <= 0:
            raise ValueError("a breaker needs a threshold of at least 1 and a positive open_s")
        self._threshold = threshold
        self._open_s = open_s
        self._failures = 0
        self._retry_at: float | None = None

    def state(self, now: float) -> BreakerState:
        """The state at `now`; asking changes nothing."""
        if self._retry_at is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self._retry_at else BreakerState.HALF_OPEN

    def allow(self, now: float) -> bool:
        """Whether a request may go out now. Half-open, it takes the one trial: do not ask without meaning it."""
        state = self.state(now)
        if state is BreakerState.HALF_OPEN:
            self._retry_at = now + self._open_s
            return True
        return state is BreakerState.CLOSED

    def succeeded(self, now: float) -> None:
        """A request was answered: close."""
        self._failures = 0
        self._retry_at = None

    def failed(self, now: float) -> None:
        """A request failed: open when `threshold` failures in a row are reached, or when it was the trial."""
        self._failures += 1
        if self._failures >= self._threshold:
            self._retry_at = now + self._open_s
