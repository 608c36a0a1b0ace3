"""Live calls on the OpenAI protocol: delays are borne, and a service that dies in mid-campaign costs nobody a call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dialer.bootstrap import make_recognizer, make_voice, providers_of
from dialer.conversation.comprehension import SessionPorts
from dialer.conversation.script import load_script
from dialer.domain.outcome import Decision, Disposition
from dialer.settings import AriSettings, OpenAISettings, Settings, SpeechSettings, UnderstandingSettings, config_dir
from dialer.simulator.pbx import SimulatedPbx
from dialer.simulator.provider import Service, SimulatedProvider
from dialer.simulator.rehearsal import rehearse, waits_s
from dialer.simulator.world import Resident, World, WorldCallees, phrase_bank
from dialer.telephony.switch import AriSwitch
from dialer.understanding.service import RulesThenModel
from tests.support.factories import make_order

if TYPE_CHECKING:
    from dialer.conversation.notes import Talk

#: Two seconds, and what a busy machine may add to them; in virtual time the unit tests allow for nothing.
LONGEST_WAIT_S = 2.5
TODAY = date(2026, 11, 23)
PERSONAS = ["confirms", "cancels", "changes_address", "asks_again", "barges_in", "mumbles"]
VOICES = ["andrey", "anna", "boris", "vera", "viktor", "galina"]


def world_of(personas: list[str]) -> World:
    address = "улица Ленина дом пять квартира сорок два"
    return World(
        {
            f"+791600000{number:02d}": Resident(persona, VOICES[number % len(VOICES)], address, 0, seed=0)
            for number, persona in enumerate(personas)
        }
    )


@asynccontextmanager
async def calling(
    tmp_path: Path, personas: list[str], provider: SimulatedProvider
) -> AsyncIterator[asyncio.Future[list[Talk | None]]]:
    """All of them called at once; yields the calls' end."""
    world = world_of(personas)
    async with provider, SimulatedPbx(WorldCallees(world)) as pbx:
        settings = Settings(
            home=tmp_path,
            ari=AriSettings(url=pbx.ari_url, username=pbx.username, password=pbx.password),
            openai=OpenAISettings(base_url=provider.base_url, api_key="test"),
            speech=SpeechSettings(recognizer="openai", synthesizer="openai"),
            understanding=UnderstandingSettings(llm=True),
        )
        ports = SessionPorts(
            voice=make_voice(settings),
            recognizer=make_recognizer(settings),
            understanding=RulesThenModel.from_settings(settings),
        )
        script = load_script(config_dir() / "scripts", "chaos")
        async with AriSwitch(settings) as switch:
            yield asyncio.gather(
                *(rehearse(switch, ports, script, make_order(phone=phone), today=TODAY) for phone in world.residents)
            )
        for part in providers_of(ports):
            await part.close()


async def test_every_persona_is_understood_at_a_providers_own_pace(tmp_path: Path) -> None:
    provider = SimulatedProvider(phrase_bank(world_of(PERSONAS)), delay_s=0.3)

    async with calling(tmp_path, PERSONAS, provider) as calls:
        talks = await calls

    decisions = [talk.outcome.decision if talk else None for talk in talks]
    assert decisions == [
        Decision.CONFIRMED,
        Decision.CANCELLED,
        Decision.ADDRESS_CHANGED,
        Decision.CONFIRMED,
        Decision.CONFIRMED,
        Decision.CONFIRMED,
    ]
    assert max(wait for talk in talks if talk for wait in waits_s(talk)) < LONGEST_WAIT_S
    assert {"hearing", "speaking"} <= set(provider.requests)


@pytest.mark.parametrize("service", ["hearing", "speaking", "model"])
async def test_a_service_that_dies_in_mid_campaign_costs_nobody_a_call(tmp_path: Path, service: Service) -> None:
    personas = PERSONAS
    provider = SimulatedProvider(phrase_bank(world_of(personas)), delay_s=0.3)

    async with calling(tmp_path, personas, provider) as calls:
        await asyncio.wait({calls}, timeout=4.0)  # the greetings are being said, the first answers come
        assert not calls.done()
        provider.kill(service)
        talks = await calls

    assert [talk.outcome.disposition for talk in talks if talk] == [Disposition.ANSWERED] * len(personas)
    assert all(talk.outcome.decision for talk in talks if talk)
    assert max(wait for talk in talks if talk for wait in waits_s(talk)) < LONGEST_WAIT_S
