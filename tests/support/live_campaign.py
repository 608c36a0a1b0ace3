"""A campaign on a running stack, for end-to-end tests: chosen personas, real workers, the far side's books."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import time
from decimal import Decimal
from pathlib import Path

from dialer import campaigns
from dialer.demo.stack import Stack, StackPlan
from dialer.domain.campaign import CampaignPlan
from dialer.domain.order import Order, OrderState
from dialer.domain.policy import CallingWindow
from dialer.ledger import board
from dialer.ledger.audit import AuditReport, audit
from dialer.ledger.board import LiveCall, Progress
from dialer.ledger.store import Ledger
from dialer.simulator.pbx.records import CallRecord, read_calls
from dialer.simulator.world import Resident, World

NAME = "live"
SETTINGS = {
    "DIALER_CALLS__LEASE_S": "6",
    "DIALER_CALLS__PUBLISH_GRACE_S": "4",
    "DIALER_ORDERS_API__RETRY_BASE_S": "0.3",
}


class LiveCampaign:
    """What a test does with the stack, and what it can see of it."""

    def __init__(self, stack: Stack, ledger: Ledger, campaign_id: int) -> None:
        self.stack, self.ledger, self._id = stack, ledger, campaign_id

    async def progress(self) -> Progress:
        """Counts now."""
        async with self.ledger.begin() as tx:
            return await board.progress(tx, self._id)

    async def live(self) -> list[LiveCall]:
        """Calls now."""
        async with self.ledger.begin() as tx:
            return await board.live_calls(tx, self._id)

    async def until(self, reached: Callable[[Progress], bool], timeout_s: float = 90.0) -> Progress:
        """Wait until the campaign has got so far."""
        async with asyncio.timeout(timeout_s):
            while not reached(now := await self.progress()):  # noqa: ASYNC110 - other processes make the progress
                await asyncio.sleep(0.1)
            return now

    async def until_over(self, timeout_s: float = 110.0) -> Progress:
        """Wait until every order is final and the shop knows."""
        return await self.until(lambda now: now.final == now.orders and now.undelivered == 0, timeout_s)

    async def until_talking(self, calls: int) -> None:
        """Wait until so many customers talk with the bot."""
        await self.until(lambda now: now.states.get(OrderState.TALKING, 0) >= calls)

    def dials(self) -> list[CallRecord]:
        """The PBX's own records."""
        return read_calls(self.stack.call_records) if self.stack.call_records.is_file() else []

    async def audit(self) -> AuditReport:
        """The ledger's audit."""
        now = await self.ledger.now()
        async with self.ledger.begin() as tx:
            return await audit(tx, now)


def make_people(personas: Mapping[str, int]) -> dict[str, Resident]:
    """Phone numbers and who lives there: so many of each persona."""
    names = [name for name, count in personas.items() for _ in range(count)]
    return {
        f"+7916555{place:04d}": Resident(name, "andrey", "улица Ленина дом пять", 1, place + 1)
        for place, name in enumerate(names)
    }


@asynccontextmanager
async def live_campaign(
    folder: Path,
    personas: Mapping[str, int],
    *,
    lines: int,
    script: str = "chaos",
    max_call_s: float = 60.0,
    workers: Sequence[str] = ("batch", "calls1"),
    settings: Mapping[str, str] | None = None,
) -> AsyncIterator[LiveCampaign]:
    """Services, workers and beat, and a running campaign that calls everybody once ready."""
    people = make_people(personas)
    calls = sum(1 for name in workers if name.startswith("calls"))
    plan = StackPlan(folder, lines, 1800.0, tick_s=0.2, call_workers=calls, settings={**SETTINGS, **(settings or {})})
    stack = Stack(plan, World(people))
    ledger: Ledger | None = None
    try:
        await asyncio.to_thread(stack.start_services)
        ledger = Ledger(stack.postgres.url)
        orders = [Order(f"{place + 100}", phone, Decimal(100)) for place, phone in enumerate(people)]
        midnight = time(0, 0)
        wanted = CampaignPlan(
            NAME, script, CallingWindow(midnight, midnight), lines=lines, ring_timeout_s=5.0, max_call_s=max_call_s
        )
        await campaigns.import_orders(ledger, NAME, [orders], create_if_missing=wanted)
        await asyncio.to_thread(stack.start_workers)
        started = await campaigns.start(ledger, NAME)
        yield LiveCampaign(stack, ledger, started.id)
    finally:
        if ledger is not None:
            await ledger.close()
        await asyncio.to_thread(stack.close)
