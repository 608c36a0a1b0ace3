"""Whole conversations by audio: a line of a PBX, the bot's session, and a persona at the far end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

from pydantic import SecretStr

from dialer.conversation.comprehension import SessionPorts
from dialer.conversation.notes import Talk
from dialer.conversation.script import load_script
from dialer.conversation.session import Session
from dialer.domain.order import Order
from dialer.domain.outcome import Disposition
from dialer.embedded.asterisk import EmbeddedAsterisk
from dialer.settings import AriSettings, Settings, config_dir
from dialer.simulator.asterisk_phone import CustomersAri
from dialer.simulator.customers import Customers
from dialer.simulator.pbx import SimulatedPbx
from dialer.simulator.world import Resident, World, WorldCallees, phrase_bank
from dialer.speech.offline import OfflineSynthesizer
from dialer.speech.phrase_bank import PhraseBankRecognizer
from dialer.speech.voice import Voice
from dialer.telephony.ports import DialRequest, LineHandlers
from dialer.telephony.switch import AriSwitch
from dialer.understanding.service import RulesThenModel

TODAY = date(2026, 11, 22)


def world_of(personas: list[str]) -> World:
    """One phone number for each persona; each speaks its first phrasing, word for word."""
    return World(
        {
            f"+797000001{number:02}": Resident(persona, "anna", "улица Ленина дом пять квартира сорок два", 99, 0)
            for number, persona in enumerate(personas)
        }
    )


def order_for(phone: str) -> Order:
    """The brief's order."""
    return Order("45678", phone, Decimal(3200), None, date(2026, 11, 25), "10:00-14:00", "Москва, ул. Лесная, д. 5")


class Bot:
    """Calls a phone of the world and holds the conversation."""

    def __init__(self, switch: AriSwitch, ports: SessionPorts) -> None:
        self._switch = switch
        self._ports = ports

    async def call(self, phone: str, script: str = "delivery") -> Talk | Disposition:
        """The conversation, or how dialing failed."""
        line = self._switch.line()
        words = load_script(config_dir() / "scripts", script).for_order(order_for(phone), "Твой выбор")
        session = Session(line, words, self._ports, today=TODAY, max_call_s=90)
        try:
            warming = asyncio.create_task(session.warm())
            handlers = LineHandlers(on_audio=session.on_audio, on_digit=session.on_digit, on_mark=session.on_mark)
            dialed = await line.dial(DialRequest(str(uuid4()), phone, ring_timeout_s=6), handlers)
            await warming
            return await session.run() if dialed.disposition is None else dialed.disposition
        finally:
            await line.close()


@asynccontextmanager
async def simulated(world: World) -> AsyncIterator[AriSettings]:
    """The world behind the simulated PBX."""
    async with SimulatedPbx(WorldCallees(world)) as pbx:
        yield AriSettings(url=pbx.ari_url, username=pbx.username, password=SecretStr(pbx.password))


@asynccontextmanager
async def behind_asterisk(asterisk: EmbeddedAsterisk, world: World) -> AsyncIterator[AriSettings]:
    """The same world behind a real Asterisk, over SIP on loopback."""
    settings = AriSettings(
        url=asterisk.url,
        username=asterisk.username,
        password=SecretStr(asterisk.password),
        endpoint=asterisk.endpoint,
    )
    ari = CustomersAri(settings, "customers")
    customers = Customers(ari, WorldCallees(world))
    serving = asyncio.create_task(customers.serve())
    try:
        await asyncio.wait_for(customers.connected.wait(), 10)
        yield settings
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await ari.close()


@asynccontextmanager
async def bot_for(ari: AriSettings, world: World, folder: Path) -> AsyncIterator[Bot]:
    """A bot with the offline voice, the phrase-bank recogniser and rules."""
    settings = Settings(ari=ari)
    recognizer = PhraseBankRecognizer(phrase_bank(world))
    await asyncio.to_thread(recognizer.prepare)
    understanding = RulesThenModel.from_settings(settings)
    voice = Voice(OfflineSynthesizer(), folder / "prompts")
    async with AriSwitch(settings) as switch:
        yield Bot(switch, SessionPorts(voice, recognizer, understanding))
    await understanding.close()
    recognizer.close()
