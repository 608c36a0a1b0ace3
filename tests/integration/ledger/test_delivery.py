"""Decisions reach the shop: retried, in order per order, given up visibly."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from dialer.delivery import DeliveryCounts, deliver_due, pause_s
from dialer.domain.outcome import Decision, Disposition, Outcome
from dialer.errors import OrdersApiError
from dialer.ledger import outbox
from dialer.settings import OrdersApiSettings
from tests.support.factories import NOW, make_campaign, make_order, release_and_claim, settle

if TYPE_CHECKING:
    from dialer.ledger.store import Ledger

SETTINGS = OrdersApiSettings(retry_base_s=2, retry_max_s=60, max_tries=3)


class FakeShop:
    """Acknowledges everything, or raises what it was told to raise, and remembers what it was told."""

    def __init__(self, *failures: OrdersApiError | None) -> None:
        self.told: list[tuple[str, str, Mapping[str, Any], str]] = []
        self._failures = list(failures)
        #: While cleared, the shop keeps its callers waiting.
        self.answers = asyncio.Event()
        self.answers.set()
        self.sixteen_wait = asyncio.Event()

    async def update_order(
        self, order_id: str, status: str, confirmation_data: Mapping[str, Any], idempotency_key: str
    ) -> None:
        self.told.append((order_id, status, confirmation_data, idempotency_key))
        if len(self.told) >= 16:
            self.sixteen_wait.set()
        await self.answers.wait()
        failure = self._failures.pop(0) if self._failures else None
        if failure is not None:
            raise failure

    async def get_order(self, order_id: str) -> dict[str, Any] | None:
        return None


async def _decided(ledger: Ledger, orders: int = 1, **order: Any) -> None:
    await make_campaign(ledger, [make_order(**order) for _ in range(orders)], lines=orders)
    for job in await release_and_claim(ledger):
        outcome = Outcome(Disposition.ANSWERED, Decision.CONFIRMED, data={"address": "Тверская, 1"})
        await settle(ledger, job.attempt_id, outcome)


async def _deliver(ledger: Ledger, shop: FakeShop, now: datetime = NOW, limit: int = 100) -> DeliveryCounts:
    return await deliver_due(ledger, shop, now, limit, settings=SETTINGS, jitter=lambda: 0.0)


async def test_a_decision_is_told_once_with_its_key(ledger: Ledger) -> None:
    await _decided(ledger, order_id="45678")
    shop = FakeShop()

    first, second = await _deliver(ledger, shop), await _deliver(ledger, shop, NOW + timedelta(days=1))

    ((order_id, status, data, key),) = shop.told
    assert (order_id, status, data) == ("45678", "confirmed", {"address": "Тверская, 1"})
    assert len(key) == 36
    assert (first, second.total) == (DeliveryCounts(1, 0, 0), 0)


async def test_a_failure_is_tried_again_later_with_the_same_key(ledger: Ledger) -> None:
    await _decided(ledger)
    shop = FakeShop(OrdersApiError("500", status=500), OrdersApiError("timeout"))

    done = [await _deliver(ledger, shop, NOW + timedelta(seconds=second)) for second in (0, 1, 2, 5, 6)]

    assert [(counts.delivered, counts.postponed) for counts in done] == [(0, 1), (0, 0), (0, 1), (0, 0), (1, 0)]
    assert len({key for _, _, _, key in shop.told}) == 1


async def test_the_shop_may_ask_for_a_longer_pause(ledger: Ledger) -> None:
    await _decided(ledger)
    busy = OrdersApiError("429", status=429)
    busy.retry_after_s = 30
    shop = FakeShop(busy)

    done = [await _deliver(ledger, shop, NOW + timedelta(seconds=second)) for second in (0, 29, 30)]

    assert [counts.delivered for counts in done] == [0, 0, 1]


@pytest.mark.parametrize(
    "failures",
    [[OrdersApiError("404", status=404, permanent=True)], [OrdersApiError("500", status=500)] * SETTINGS.max_tries],
    ids=["refused for good", "failed too often"],
)
async def test_a_message_is_given_up_visibly_and_can_be_sent_again(
    ledger: Ledger, failures: list[OrdersApiError]
) -> None:
    await _decided(ledger)
    shop = FakeShop(*failures)
    for hour in range(len(failures) + 1):
        await _deliver(ledger, shop, NOW + timedelta(hours=hour))

    async with ledger.begin() as tx:
        (dead,) = await outbox.list_dead(tx)
        again = await outbox.redeliver_dead(tx, NOW)

    assert (dead.tries, dead.last_error) == (len(failures), str(failures[0]))
    assert again == 1
    assert (await _deliver(ledger, shop)).delivered == 1


async def test_two_senders_at_once_send_nothing_twice(ledger: Ledger) -> None:
    await _decided(ledger, 40)
    shop = FakeShop()

    done = await asyncio.gather(*(_deliver(ledger, shop, limit=20) for _ in range(4)))

    assert sum(counts.delivered for counts in done) == len(shop.told) == len({told[0] for told in shop.told}) == 40


async def test_a_sender_that_vanished_is_replaced_after_its_lease(ledger: Ledger) -> None:
    await _decided(ledger)
    shop = FakeShop()
    async with ledger.begin() as tx:
        await outbox.claim_deliveries(tx, NOW, 10, lease_s=60)

    done = [await _deliver(ledger, shop, NOW + timedelta(seconds=second)) for second in (59, 60)]

    assert [counts.delivered for counts in done] == [0, 1]


async def test_a_late_failure_does_not_undo_an_acknowledgement(ledger: Ledger) -> None:
    await _decided(ledger)
    async with ledger.begin() as tx:
        (delivery,) = await outbox.claim_deliveries(tx, NOW, 10)
        await outbox.acknowledge(tx, delivery.id, NOW)

        assert not await outbox.postpone(tx, delivery.id, "late", NOW)
        assert not await outbox.bury(tx, delivery.id, "late", NOW)
        assert await outbox.count_pending(tx) == 0


async def test_messages_of_one_order_keep_their_order(ledger: Ledger) -> None:
    for _ in range(2):
        await _decided(ledger, order_id="45678")
    shop = FakeShop(OrdersApiError("500", status=500))

    done = [await _deliver(ledger, shop, NOW + timedelta(seconds=second)) for second in (0, 1, 2, 3)]

    assert [(counts.delivered, counts.postponed) for counts in done] == [(0, 1), (0, 0), (1, 0), (1, 0)]


async def test_slow_answers_do_not_pile_up_without_bound(ledger: Ledger) -> None:
    await _decided(ledger, 40)
    shop = FakeShop()
    shop.answers.clear()
    sending = asyncio.create_task(_deliver(ledger, shop))
    await asyncio.wait_for(shop.sixteen_wait.wait(), 10)

    at_once = len(shop.told)
    shop.answers.set()

    assert at_once == 16
    assert (await sending).delivered == 40


def test_pauses_double_up_to_their_bound_and_jitter_only_shortens_them() -> None:
    assert [pause_s(SETTINGS, tries, 0.0) for tries in (1, 2, 3, 6, 40)] == [2, 4, 8, 60, 60]
    assert pause_s(SETTINGS, 3, 1.0) == 4
