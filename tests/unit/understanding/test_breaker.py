"""The circuit breaker that guards language and speech providers."""

from __future__ import annotations

import pytest

from dialer.domain.breaker import Breaker, BreakerState


def opened(at: float = 0.0) -> Breaker:
    breaker = Breaker(threshold=3, open_s=10.0)
    for _ in range(3):
        breaker.failed(at)
    return breaker


def test_stays_closed_below_the_threshold() -> None:
    breaker = Breaker(threshold=3, open_s=10.0)

    breaker.failed(0.0)
    breaker.failed(0.0)

    assert breaker.allow(0.0)
    assert breaker.state(0.0) is BreakerState.CLOSED


def test_a_success_forgets_earlier_failures() -> None:
    breaker = Breaker(threshold=3, open_s=10.0)
    breaker.failed(0.0)
    breaker.failed(0.0)

    breaker.succeeded(1.0)
    breaker.failed(2.0)

    assert breaker.allow(2.0)


def test_opens_at_the_threshold_and_refuses_until_the_time_is_up() -> None:
    breaker = opened(at=0.0)

    assert not breaker.allow(0.0)
    assert not breaker.allow(9.9)
    assert breaker.state(9.9) is BreakerState.OPEN


def test_lets_exactly_one_trial_out_when_half_open() -> None:
    breaker = opened(at=0.0)

    assert breaker.state(10.0) is BreakerState.HALF_OPEN
    assert breaker.allow(10.0)
    assert not breaker.allow(10.0)


def test_a_trial_that_fails_reopens_and_one_that_succeeds_closes() -> None:
    breaker = opened(at=0.0)
    assert breaker.allow(10.0)

    breaker.failed(11.0)

    assert not breaker.allow(20.9)
    assert breaker.allow(21.0)
    breaker.succeeded(21.5)
    assert breaker.state(21.5) is BreakerState.CLOSED


def test_a_trial_without_an_end_is_replaced_in_time() -> None:
    breaker = opened(at=0.0)
    assert breaker.allow(10.0)

    assert not breaker.allow(19.9)
    assert breaker.allow(20.0)


@pytest.mark.parametrize(("threshold", "open_s"), [(0, 1.0), (1, 0.0)])
def test_refuses_senseless_figures(threshold: int, open_s: float) -> None:
    with pytest.raises(ValueError, match="breaker"):
        Breaker(threshold, open_s)
