"""What does not answer fills up no worker: ticks go on, and only one of a kind waits."""

from __future__ import annotations

import asyncio
from pathlib import Path

from dialer.bootstrap import Runtime
from dialer.ledger import outbox
from dialer.ledger.store import Ledger
from dialer.settings import OrdersApiSettings, Settings
from dialer.simulator.shop import SimulatedShop
from dialer.simulator.shop_faults import Fault
from tests.support.factories import make_campaign, release_and_claim, settle


async def test_ticks_do_not_queue_up_behind_a_shop_that_hangs(
    ledger: Ledger, database_url: str, tmp_path: Path
) -> None:
    # Given two decisions, and a shop that does not answer the first
    await make_campaign(ledger, 2)
    first, second = await release_and_claim(ledger)
    await settle(ledger, first.attempt_id)
    async with SimulatedShop() as shop:
        shop.faults.next.append(Fault("hang", hang_s=60.0))
        api = OrdersApiSettings(url=shop.url, timeout_s=3.0, retry_base_s=0.1)
        runtime = Runtime(Settings(home=tmp_path, database_url=database_url, orders_api=api))
        waiting = asyncio.create_task(runtime.deliver_outcomes())
        while not shop.log:  # noqa: ASYNC110 - the shop has no event for it
            await asyncio.sleep(0.01)
        await settle(ledger, second.attempt_id)
        # When the next ticks come
        for _ in range(3):
            await runtime.deliver_outcomes()
        # Then they leave it to the one that waits, and later ones deliver everything
        assert not waiting.done()
        assert len(shop.log) == 1
        await waiting
        async with asyncio.timeout(20):
            while await _pending(ledger):
                await runtime.deliver_outcomes()
                await asyncio.sleep(0.05)
        assert len(shop.effects) == 2
        await runtime.close()


async def _pending(ledger: Ledger) -> int:
    async with ledger.begin() as tx:
        return await outbox.count_pending(tx)
