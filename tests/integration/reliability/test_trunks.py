"""A broken trunk burns no attempts, is left alone for a while, and then tried with one call."""

from __future__ import annotations

from datetime import datetime, timedelta

from dialer import campaigns
from dialer.domain.outcome import Disposition, Outcome
from dialer.domain.policy import CallAgain
from dialer.ledger import claims
from dialer.ledger.claims import Released
from dialer.ledger.orders import list_orders
from dialer.ledger.store import Ledger
from dialer.ledger.trunks import BREAKER_THRESHOLD, FIRST_PAUSE_S
from tests.support.factories import NODE, NOW, make_order, make_plan

ORDERS = 12
BROKEN = Outcome(Disposition.TRUNK_FAILURE, cause=38)


async def _release(ledger: Ledger, now: datetime) -> list[Released]:
    released: list[Released] = []
    await campaigns.release_batch(ledger, node=NODE, publish=released.extend, now=now)
    return released


async def _claim(ledger: Ledger, released: list[Released], now: datetime) -> None:
    for attempt in released:
        async with ledger.begin() as tx:
            assert await claims.claim_attempt(tx, attempt.attempt_id, "w", now=now, lease_s=60)


async def _fail(ledger: Ledger, released: list[Released], now: datetime) -> None:
    for attempt in released:
        async with ledger.begin() as tx:
            await claims.settle_attempt(
                tx, attempt_id=attempt.attempt_id, worker="w", outcome=BROKEN, step=CallAgain(now), now=now
            )


async def _given_live_calls(ledger: Ledger) -> list[Released]:
    await campaigns.create_campaign(ledger, make_plan(name="c", lines=ORDERS), NOW)
    await campaigns.import_orders(ledger, "c", [[make_order() for _ in range(ORDERS)]], now=NOW)
    await campaigns.start(ledger, "c", NOW)
    released = await _release(ledger, NOW)
    await _claim(ledger, released, NOW)
    return released


async def test_calls_that_fail_together_pause_the_trunk_once(ledger: Ledger) -> None:
    # Given many live calls whose trunk breaks
    released = await _given_live_calls(ledger)
    assert len(released) == ORDERS > BREAKER_THRESHOLD + 3
    # When they all fail
    await _fail(ledger, released, NOW)
    # Then the trunk rests for its first pause only, is tried with one call, and then rests longer
    first = timedelta(seconds=FIRST_PAUSE_S)
    assert await _release(ledger, NOW + first / 2) == []
    trial = await _release(ledger, NOW + first)
    assert len(trial) == 1
    await _claim(ledger, trial, NOW + first)
    await _fail(ledger, trial, NOW + first)
    assert await _release(ledger, NOW + 2 * first) == []
    assert len(await _release(ledger, NOW + 3 * first)) == 1


async def test_a_broken_trunk_burns_no_attempts(ledger: Ledger) -> None:
    # Given, when
    await _fail(ledger, await _given_live_calls(ledger), NOW)
    # Then
    async with ledger.begin() as tx:
        assert {order.attempts for order in await list_orders(tx)} == {0}


async def test_a_trunk_that_works_again_is_used_in_full(ledger: Ledger) -> None:
    # Given a paused trunk whose trial call reaches the customer
    await _fail(ledger, await _given_live_calls(ledger), NOW)
    later = NOW + timedelta(seconds=FIRST_PAUSE_S)
    trial = await _release(ledger, later)
    await _claim(ledger, trial, later)
    async with ledger.begin() as tx:
        await claims.settle_attempt(
            tx,
            attempt_id=trial[0].attempt_id,
            worker="w",
            outcome=Outcome(Disposition.BUSY, cause=17),
            step=CallAgain(later + timedelta(hours=1)),
            now=later,
        )
    # When, then
    assert len(await _release(ledger, later)) == ORDERS - 1
