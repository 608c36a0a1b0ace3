"""Deadlines, retries and the breaker around a provider."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from dialer.domain.breaker import Breaker, BreakerState
from dialer.errors import ProviderBusyError, ProviderError, ProviderTimeoutError
from dialer.speech.health import Guard, Limits

FAIL = ProviderError("x", "failed")
REFUSE = ProviderError("x", "refused", permanent=True)


class Provider:
    """Plays a list of scripts, one for each request: items, errors, or None to say nothing more."""

    def __init__(self, *scripts: list[int | Exception | None]) -> None:
        self.scripts = list(scripts)
        self.requests = 0
        self.closed = 0

    async def request(self) -> AsyncIterator[int]:
        script = self.scripts[min(self.requests, len(self.scripts) - 1)]
        self.requests += 1
        try:
            for item in script:
                if isinstance(item, Exception):
                    raise item
                if item is None:
                    await asyncio.Event().wait()
                else:
                    yield item
        finally:
            self.closed += 1


def guard(retries: int = 0, threshold: int = 5, clock: Callable[[], float] | None = None, **limits: float) -> Guard:
    bounds = Limits(retries=retries, backoff_s=0.0, **limits)
    return Guard("x", bounds, Breaker(threshold=threshold, open_s=10), clock or (lambda: 0.0))


async def taken(guarded: Guard, provider: Provider) -> list[int]:
    return [item async for item in guarded.stream(provider.request)]


async def test_items_pass() -> None:
    assert await taken(guard(), Provider([1, 2, 3])) == [1, 2, 3]


async def test_a_failure_before_the_first_item_is_tried_again() -> None:
    provider = Provider([FAIL], [1, 2])

    assert await taken(guard(retries=1), provider) == [1, 2]
    assert provider.requests == 2


async def test_retries_are_bounded() -> None:
    provider = Provider([FAIL])

    with pytest.raises(ProviderError):
        await taken(guard(retries=2), provider)
    assert provider.requests == 3


@pytest.mark.parametrize("script", [[REFUSE], [1, FAIL]], ids=["permanent", "already begun"])
async def test_some_failures_are_not_tried_again(script: list[int | Exception | None]) -> None:
    provider = Provider(script)

    with pytest.raises(ProviderError):
        await taken(guard(retries=3), provider)
    assert provider.requests == 1


@pytest.mark.parametrize(
    ("script", "limits"),
    [
        ([None], {"first_s": 0.02}),
        ([1, None], {"stall_s": 0.02}),
        ([1, None], {"total_s": 0.02}),
    ],
)
async def test_every_deadline_is_kept_and_the_request_is_ended(
    script: list[int | Exception | None], limits: dict[str, float]
) -> None:
    provider = Provider(script)

    with pytest.raises(ProviderTimeoutError):
        await taken(guard(**limits), provider)
    assert provider.closed == 1


async def test_after_repeated_failures_the_provider_is_left_alone_and_then_tried_once() -> None:
    now = 0.0
    provider = Provider([FAIL], [FAIL], [1])
    guarded = guard(threshold=2, clock=lambda: now)
    for _ in range(2):
        with pytest.raises(ProviderError):
            await taken(guarded, provider)

    with pytest.raises(ProviderBusyError):
        await taken(guarded, provider)
    assert not guarded.healthy
    assert provider.requests == 2
    now = 11.0
    assert guarded.state is BreakerState.HALF_OPEN
    assert await taken(guarded, provider) == [1]
    assert guarded.healthy


async def test_a_cancelled_request_is_ended_and_says_nothing_about_the_provider() -> None:
    provider = Provider([1, None])
    guarded = guard(threshold=1)
    task = asyncio.create_task(taken(guarded, provider))
    await asyncio.sleep(0)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert provider.closed == provider.requests
    assert guarded.healthy
