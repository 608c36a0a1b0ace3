"""A provider's guard: deadlines, bounded retries and a breaker around every request, and its health for back-pressure.

Only ProviderErrors count; a cancelled request says nothing about the provider.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

import structlog

from dialer.domain.breaker import Breaker, BreakerState
from dialer.errors import ProviderBusyError, ProviderError, ProviderTimeoutError
from dialer.speech.ports import BYTES_PER_SECOND, Hypothesis, Recognizer

T = TypeVar("T")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a provider may take, in seconds. A retry starts the time anew, but only before anything came."""

    #: Until the first item.
    first_s: float = 1.5
    #: Between items.
    stall_s: float = 1.0
    #: From the request to the last item.
    total_s: float = 8.0
    retries: int = 0
    #: Pause before a retry.
    backoff_s: float = 0.1


class Guard:
    """Guards one provider for all calls of a process (one event loop)."""

    def __init__(
        self,
        provider: str,
        limits: Limits | None = None,
        breaker: Breaker | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.provider = provider
        self._limits = limits or Limits()
        self._breaker = breaker or Breaker()
        self._clock = clock

    @property
    def state(self) -> BreakerState:
        """Whether requests go out; anything but CLOSED means that the provider has failed repeatedly."""
        return self._breaker.state(self._clock())

    @property
    def healthy(self) -> bool:
        """Whether the provider may be counted on: what back-pressure reads."""
        return self.state is BreakerState.CLOSED

    async def stream(self, request: Callable[[], AsyncIterator[T]]) -> AsyncGenerator[T, None]:
        """The items of `request()`, asked for again (within the bounds) if it fails before the first one.

        Raises ProviderBusyError at once while the breaker is open, ProviderTimeoutError when a deadline passes,
        and the provider's own ProviderError.
        """
        for tries_left in range(self._limits.retries, -1, -1):
            if not self._breaker.allow(self._clock()):
                raise ProviderBusyError(self.provider, "has failed repeatedly and is left alone for a while")
            begun = False
            try:
                async with aclosing(self._within_deadlines(request())) as items:
                    async for item in items:
                        begun = True
                        yield item
            except ProviderError as error:
                self._failed(error)
                if begun or error.permanent or not tries_left:
                    raise
            else:
                self._breaker.succeeded(self._clock())
                return
            await asyncio.sleep(self._limits.backoff_s)

    async def _within_deadlines(self, items: AsyncIterator[T]) -> AsyncGenerator[T, None]:
        loop = asyncio.get_running_loop()
        last = loop.time() + self._limits.total_s
        patience_s = self._limits.first_s
        try:
            while True:
                deadline = min(loop.time() + patience_s, last)
                try:
                    async with asyncio.timeout_at(deadline):
                        item = await anext(items)
                except StopAsyncIteration:
                    return
                except TimeoutError as error:
                    raise ProviderTimeoutError(self.provider, "missed its deadline") from error
                yield item
                patience_s = self._limits.stall_s
        finally:
            # Ports promise iterators only; a generator's request must be ended on every path.
            if isinstance(items, AsyncGenerator):
                await items.aclose()

    def _failed(self, error: ProviderError) -> None:
        was = self.state
        self._breaker.failed(self._clock())
        kind = type(error).__name__
        log.info("provider.request_failed", provider=self.provider, kind=kind)
        if was is BreakerState.CLOSED and not self.healthy:
            log.warning("provider.unhealthy", provider=self.provider, kind=kind)


async def close_if_online(provider: object) -> None:
    """Close a provider that holds connections; offline ones hold none."""
    if isinstance(provider, _Online):
        await provider.close()


@runtime_checkable
class _Online(Protocol):
    async def close(self) -> None: ...


class GuardedRecognizer:
    """`ports.Recognizer` behind a guard."""

    def __init__(self, recognizer: Recognizer, guard: Guard) -> None:
        self._recognizer = recognizer
        self.guard = guard
        self.name = recognizer.name

    @property
    def healthy(self) -> bool:
        """See `Guard.healthy`."""
        return self.guard.healthy

    async def close(self) -> None:
        """Close the provider's connections."""
        await close_if_online(self._recognizer)

    async def probe(self) -> None:
        """Ask the provider for something, to see whether it is back. Raises ProviderError."""
        async for _hypothesis in self.transcribe(bytes(BYTES_PER_SECOND // 2)):
            pass

    async def transcribe(self, pcm: bytes, *, hint: str = "") -> AsyncIterator[Hypothesis]:
        """See `ports.Recognizer`."""
        async with aclosing(self.guard.stream(lambda: self._recognizer.transcribe(pcm, hint=hint))) as hypotheses:
            async for hypothesis in hypotheses:
                yield hypothesis
