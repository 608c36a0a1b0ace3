"""What customers notice when a provider's service dies in mid-campaign.

    python -m scripts.bench.provider_death [--calls 12] [--quick]

On the real Asterisk where one is found, with personas behind it and a stand-in that speaks OpenAI's protocol, each in a
process of its own. For each of hearing, speaking and the model: all are called at once, and while the greetings are
being said and the first answers come the service drops its live connections and every new one. Silence is measured in
the recordings: from the end of each of the customer's turns to the bot's next sound.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from contextlib import ExitStack
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import structlog
import uvloop

from dialer.bootstrap import make_recognizer, make_voice, providers_of
from dialer.conversation.comprehension import SessionPorts
from dialer.conversation.notes import Talk
from dialer.conversation.script import load_script
from dialer.domain.order import Order
from dialer.embedded.asterisk import EmbeddedAsterisk
from dialer.settings import AriSettings, OpenAISettings, Settings, SpeechSettings, UnderstandingSettings, config_dir
from dialer.simulator.rehearsal import rehearse, waits_s
from dialer.simulator.voices import TIMBRES
from dialer.simulator.world import Resident, World, phrase_bank
from dialer.telephony.switch import AriSwitch
from dialer.understanding.service import RulesThenModel
from scripts.bench.live_calls import Children
from scripts.bench.report import Figure, finish

SERVICES = ("hearing", "speaking", "model")
PERSONAS = ("confirms", "cancels", "changes_address", "asks_again", "barges_in", "mumbles")
_ADDRESS = "улица Ленина дом пять квартира сорок два"
_TODAY = date(2026, 11, 23)
_DEATH_AFTER_S = 5.0


def world_of(calls: int) -> World:
    """One phone for each call; personas and voices take turns."""
    voices = sorted(TIMBRES)
    return World(
        {
            f"+7916{number:07d}": Resident(
                PERSONAS[number % len(PERSONAS)], voices[number % len(voices)], _ADDRESS, 0, seed=0
            )
            for number in range(calls)
        }
    )


def settings_of(folder: Path, asterisk: EmbeddedAsterisk, base_url: str) -> Settings:
    """A worker that hears, speaks and understands by the stand-in."""
    return Settings(
        home=folder,
        ari=AriSettings(
            url=asterisk.url, username=asterisk.username, password=asterisk.password, endpoint=asterisk.endpoint
        ),
        openai=OpenAISettings(base_url=base_url, api_key="bench"),
        speech=SpeechSettings(recognizer="openai", synthesizer="openai"),
        understanding=UnderstandingSettings(llm=True),
    )


async def campaign(settings: Settings, world: World, children: Children, service: str) -> list[Talk | None]:
    """Everybody called at once; the service dies after a while."""
    ports = SessionPorts(
        voice=make_voice(settings),
        recognizer=make_recognizer(settings),
        understanding=RulesThenModel.from_settings(settings),
    )
    script = load_script(config_dir() / "scripts", "delivery")

    async def one(number: int, phone: str) -> Talk | None:
        order = Order(str(45000 + number), phone, Decimal(3200), address="Москва, ул. Лесная, д. 5")
        return await rehearse(switch, ports, script, order, today=_TODAY)

    async with AriSwitch(settings) as switch:
        calls = asyncio.gather(*(one(number, phone) for number, phone in enumerate(world.residents)))
        await asyncio.wait({calls}, timeout=_DEATH_AFTER_S)
        children.tell("provider", f"kill {service}")
        talks: list[Talk | None] = await calls
    for part in providers_of(ports):
        await part.close()
    return talks


def figures(service: str, talks: list[Talk | None]) -> list[Figure]:
    """What one death came to."""
    waits = [wait for talk in talks if talk for wait in waits_s(talk)] or [0.0]
    decided = sum(bool(talk and talk.outcome.decision) for talk in talks) / len(talks)
    operator = sum(bool(talk and talk.outcome.decision == "needs_operator") for talk in talks)
    p95 = round(float(np.percentile(waits, 95)), 2)
    return [
        Figure(f"{service}_decided", decided, "", f"of {len(talks)} calls, {operator} to an operator", "1", True),
        Figure(f"{service}_silence_p95", p95, "s", "from the customer's last word to the bot's next"),
        Figure(f"{service}_silence_max", round(max(waits), 2), "s", "the longest of them", "<= 2"),
    ]


def measure(service: str, calls: int) -> list[Figure]:
    """Everything started anew for one service."""
    world = world_of(calls)
    with tempfile.TemporaryDirectory(prefix="dialer-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        world.save(folder / "world.json")
        children = Children(folder)
        stack.callback(children.stop)
        provider = children.start("provider", delay_s=0.2, phrases=phrase_bank(world))
        asterisk = stack.enter_context(EmbeddedAsterisk(folder / "asterisk"))
        login = {"url": asterisk.url, "username": asterisk.username, "password": asterisk.password}
        children.start("asterisk", world=str(folder / "world.json"), **login)
        settings = settings_of(folder, asterisk, provider["base_url"])
        return figures(service, uvloop.run(campaign(settings, world, children, service)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=12)
    parser.add_argument("--quick", action="store_true", help="6 calls")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    calls = 6 if given.quick else given.calls
    finish("provider_death", [one for service in SERVICES for one in measure(service, calls)], quick=given.quick)


if __name__ == "__main__":
    main()
