"""Orders come in: each once, in batches, whatever becomes of the source."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from dialer import campaigns
from dialer.domain.campaign import CampaignState
from dialer.domain.order import OrderState
from dialer.errors import ConflictError, InputError, LedgerError, NotFoundError
from dialer.ledger.orders import count_orders
from tests.support.factories import make_campaign, make_order, make_plan, order_of, release_and_claim, settle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from dialer.domain.order import Order
    from dialer.ledger.store import Ledger


async def _count(ledger: Ledger, name: str, state: OrderState) -> int:
    campaign = await campaigns.find_campaign(ledger, name)
    async with ledger.begin() as tx:
        return (await count_orders(tx, campaign.id))[state]


async def test_an_import_counts_and_keeps_each_order_once(ledger: Ledger) -> None:
    first, second, third = (make_order() for _ in range(3))
    plan = make_plan()

    once = await campaigns.import_orders(ledger, plan.name, [[first, second, first], [third]], create_if_missing=plan)
    again = await campaigns.import_orders(ledger, plan.name, [[first, second, third]])

    assert (once.accepted, once.duplicates) == (3, 1)
    assert (again.accepted, again.duplicates) == (0, 3)
    assert await _count(ledger, plan.name, OrderState.NEW) == 3


async def test_several_batches_fit_into_one_connection(ledger: Ledger) -> None:
    campaign = await make_campaign(ledger, 0)
    told = []

    async def batches() -> AsyncIterator[Sequence[Order]]:
        for _ in range(3):
            yield [make_order() for _ in range(10)]

    await campaigns.import_orders(ledger, campaign.name, batches(), on_batch=told.append)

    assert [batch.accepted for batch in told] == [10, 10, 10]


async def test_every_character_comes_back(ledger: Ledger) -> None:
    awkward = make_order(
        order_id="№ 7\\N",
        customer_name="\\N",
        address='Москва,\tул. "Мира"\r\nдом 1\\2',
        delivery_date=None,
        delivery_window=None,
        attributes={"цвет": 'синий\t"тёмный"\\'},
    )
    campaign = await make_campaign(ledger, [awkward])

    assert (await order_of(ledger, campaign)).order == awkward


async def test_a_source_that_fails_keeps_the_batches_before_it(ledger: Ledger) -> None:
    campaign = await make_campaign(ledger, 0)

    def source() -> Iterator[list[Order]]:
        yield [make_order()]
        raise InputError("file", "torn")

    with pytest.raises(InputError, match="torn"):
        await campaigns.import_orders(ledger, campaign.name, source())

    assert await _count(ledger, campaign.name, OrderState.NEW) == 1


async def test_concurrent_imports_of_one_file_add_it_once(ledger: Ledger) -> None:
    campaign = await make_campaign(ledger, 0)
    file = [make_order() for _ in range(200)]

    done = await asyncio.gather(*(campaigns.import_orders(ledger, campaign.name, [file]) for _ in range(4)))

    assert sorted(counts.accepted for counts in done) == [0, 0, 0, 200]


async def test_an_import_needs_a_campaign_that_takes_orders(ledger: Ledger) -> None:
    stopped = await make_campaign(ledger)
    await campaigns.stop(ledger, stopped.name)

    with pytest.raises(NotFoundError):
        await campaigns.import_orders(ledger, "nobody", [[make_order()]])
    with pytest.raises(ConflictError, match="stopped"):
        await campaigns.import_orders(ledger, stopped.name, [[make_order()]])


async def test_new_orders_open_a_finished_campaign_again(ledger: Ledger) -> None:
    campaign = await make_campaign(ledger)
    (job,) = await release_and_claim(ledger)
    await settle(ledger, job.attempt_id)
    await campaigns.finish_done(ledger)

    await campaigns.import_orders(ledger, campaign.name, [[make_order()]])

    assert (await campaigns.find_campaign(ledger, campaign.name)).state is CampaignState.RUNNING


async def test_nothing_but_e164_enters(ledger: Ledger) -> None:
    campaign = await make_campaign(ledger, 0)

    with pytest.raises(LedgerError) as caught:
        await campaigns.import_orders(ledger, campaign.name, [[make_order(phone="79161234567@x&PJSIP/900")]])

    assert caught.value.permanent
    assert "7916" not in str(caught.value)


async def test_imports_of_one_file_at_once_into_a_campaign_that_nobody_has_made_take_each_order_once(
    ledger: Ledger,
) -> None:
    # Given
    plan = make_plan()
    orders = [make_order() for _ in range(40)]
    # When the same file comes four times at once, one of them backwards
    files = [orders, orders, orders[::-1], orders]
    batches = [[file[:20], file[20:]] for file in files]
    imports = (campaigns.import_orders(ledger, plan.name, each, create_if_missing=plan) for each in batches)
    counts = await asyncio.gather(*imports)
    # Then
    assert sum(count.accepted for count in counts) == 40
    assert sum(count.duplicates for count in counts) == 120
    assert await _count(ledger, plan.name, OrderState.NEW) == 40
