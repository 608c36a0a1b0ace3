"""Customers behind an Asterisk: here the simulated one plays Asterisk and the dialer's side of the line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr

from dialer.settings import AriSettings
from dialer.simulator.asterisk_phone import CustomersAri
from dialer.simulator.customers import Customers
from dialer.simulator.lines import ADDRESSES
from dialer.simulator.pbx import Callee, Phone, SimulatedPbx
from dialer.simulator.pbx.callees import tone
from dialer.simulator.world import Resident, World, WorldCallees
from dialer.speech.ports import duration_s
from tests.unit.simulator.bare_ari import BareAri, ari

PHONE = "79161234567"
LINE_S = 1.5


async def say_a_tone(_text: str, _voice: str) -> bytes:
    return tone(LINE_S, hz=700.0)


class Bot:
    """The dialer's side: says something, and notes what it hears."""

    def __init__(self) -> None:
        self.heard = b""
        self.enough = asyncio.Event()

    async def __call__(self, phone: Phone) -> None:
        phone.on_audio = self._hear
        await phone.answer()
        await asyncio.sleep(0.5)
        phone.send(tone(1.0))
        await self.enough.wait()
        await phone.hangup()

    def _hear(self, pcm: bytes) -> None:
        self.heard += pcm
        if duration_s(self.heard) >= LINE_S:
            self.enough.set()


@asynccontextmanager
async def asterisk(bot: Callee, persona: str) -> AsyncIterator[BareAri]:
    """An incoming call is a channel to the bot that is given to the application `customers`."""
    world = World({f"+{PHONE}": Resident(persona, "anna", ADDRESSES[0], 1, 0)})
    async with SimulatedPbx(lambda _number: bot) as pbx, ari(pbx) as client:
        settings = AriSettings(url=pbx.ari_url, username=pbx.username, password=SecretStr(pbx.password))
        own = CustomersAri(settings, "customers")
        customers = Customers(own, WorldCallees(world, say_a_tone))
        serving = asyncio.create_task(customers.serve())
        await customers.connected.wait()
        incoming = {"endpoint": f"PJSIP/{PHONE}@trunk", "app": "customers", "appArgs": PHONE, "channelId": "in-1"}
        await client.request("POST", "channels", **incoming)
        yield client
        serving.cancel()
        await asyncio.wait([serving])
        await own.close()


async def ended(client: BareAri) -> None:
    """Wait until nothing of the call is left."""
    async with asyncio.timeout(10):
        while client.pbx.live_channels or client.pbx.live_bridges:
            await client.request("GET", "channels")


async def test_a_persona_hears_the_bot_and_answers_through_audio() -> None:
    bot = Bot()
    async with asterisk(bot, "confirms") as client:
        async with asyncio.timeout(20):
            await bot.enough.wait()
        await ended(client)
    assert client.pbx.calls[0].cause == 16


async def test_a_busy_persona_refuses_with_its_cause() -> None:
    async with asterisk(Bot(), "busy") as client:
        await ended(client)
        assert client.pbx.calls[0].cause == 17
