"""One attempt, from claim to settlement, on a real ledger and a simulated PBX; the shop and the clock obey the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from dialer import campaigns
from dialer.calls import CallPorts, run_attempt
from dialer.conversation.comprehension import SessionPorts
from dialer.conversation.script import load_script
from dialer.ledger.claims import Released
from dialer.ledger.orders import OrderRow
from dialer.ledger.store import Ledger
from dialer.settings import AriSettings, CallSettings, Settings, config_dir
from dialer.simulator.pbx import SimulatedPbx
from dialer.simulator.pbx.phone import Callee
from dialer.telephony.switch import AriSwitch
from tests.support.factories import NODE, make_campaign, make_order, order_of
from tests.support.fake_world import FakeRecognizer, FakeUnderstanding, FakeVoice

LEASE_S = 30.0
PATIENCE_S = 20.0


class Shop:
    """Answers what it is told to, when `ask` lets it."""

    def __init__(self) -> None:
        self.ask: Callable[[], Awaitable[None]] | None = None

    async def get_order(self, order_id: str) -> dict[str, Any] | None:
        if self.ask is not None:
            await self.ask()
        return None


@dataclass
class OneCall:
    """A worker, and one order in a running campaign."""

    ledger: Ledger
    pbx: SimulatedPbx
    ports: CallPorts
    shop: Shop
    campaign: Any
    #: The worker's own clock, in seconds.
    clock: list[float] = field(default_factory=lambda: [1000.0])

    async def release(self) -> str:
        """The order becomes an attempt; its id."""
        released: list[Released] = []
        await campaigns.release_batch(self.ledger, node=NODE, publish=released.extend)
        (attempt,) = released
        return attempt.attempt_id

    def run(self, attempt_id: str) -> asyncio.Task[None]:
        """The worker gets the message."""
        return asyncio.create_task(run_attempt(self.ports, attempt_id))

    async def order(self) -> OrderRow:
        """As the ledger has it."""
        return await order_of(self.ledger, self.campaign)

    async def until(self, happened: Callable[[], Awaitable[bool]]) -> None:
        """Wait for something that has no event."""
        async with asyncio.timeout(PATIENCE_S):
            while not await happened():  # noqa: ASYNC110
                await asyncio.sleep(0.02)


@asynccontextmanager
async def one_call(ledger: Ledger, home: Path, callee: Callee, **plan: Any) -> AsyncIterator[OneCall]:
    """Everything but the message: see `OneCall.release` and `OneCall.run`."""
    campaign = await make_campaign(ledger, [make_order()], script="chaos", **plan)
    async with SimulatedPbx(lambda _number: callee) as pbx:
        ari = AriSettings(url=pbx.ari_url, username=pbx.username, password=pbx.password)
        settings = Settings(home=home, ari=ari, calls=CallSettings(lease_s=LEASE_S))
        session = SessionPorts(voice=FakeVoice(), recognizer=FakeRecognizer(), understanding=FakeUnderstanding())
        async with AriSwitch(settings) as switch:
            shop = Shop()
            script = partial(load_script, config_dir() / "scripts")
            ports = CallPorts(ledger, switch, session, script, shop, settings, "worker-1")
            call = OneCall(ledger, pbx, ports, shop, campaign)
            ports.clock = lambda: call.clock[0]
            yield call
