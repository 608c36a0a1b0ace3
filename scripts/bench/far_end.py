"""The other processes of `live_calls.py`: the called customers, and the speech provider's stand-in.

    python scripts/bench/far_end.py simulator|asterisk|provider OPTIONS (JSON)

Customers note on the machine's monotonic clock what they hear, as one JSON line for each call in the `notes` file.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import uvloop
from pydantic import SecretStr

from dialer.settings import AriSettings
from dialer.simulator.customers import Customers, CustomersAri
from dialer.simulator.pbx import SimulatedPbx
from dialer.simulator.pbx.phone import Callee, Phone
from dialer.simulator.process import announce, die_with_parent, stop_on_signals
from dialer.simulator.provider import SimulatedProvider
from dialer.simulator.voices import TIMBRES, say_offline
from dialer.simulator.world import World, WorldCallees

ASKS_AGAIN, CONFIRMS = "Повторите, пожалуйста", "Да, подтверждаю"
PHRASES = [ASKS_AGAIN, CONFIRMS, "Да", "Нет", "Нет, отмените заказ", "Нет, хочу изменить адрес", "Угу"]
RING_S = 1.5
#: Share of the peak at which a phrase's sound begins and ends.
_EDGE = 0.05
_LOUD = 300
_PATIENCE_S = 30.0


class Ear:
    """When the bot was heard: times of loud frames."""

    def __init__(self) -> None:
        self.loud: list[float] = []

    def hear(self, pcm: bytes) -> None:
        if np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)).max(initial=0) > _LOUD:
            self.loud.append(time.monotonic())

    async def speech(self, seconds: float) -> None:
        """Until so much was heard."""
        wanted = len(self.loud) + round(seconds / 0.02)
        await self._until(lambda: len(self.loud) >= wanted)

    async def silence(self, seconds: float) -> None:
        """Until nothing was heard for so long."""
        await self._until(lambda: time.monotonic() - self.loud[-1] >= seconds)

    def first_after(self, moment: float) -> float | None:
        """The first loud frame after a moment."""
        return next((at for at in self.loud if at > moment), None)

    async def _until(self, condition: Any) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            while not condition():  # noqa: ASYNC110 - silence is no event
                await asyncio.sleep(0.01)


def players(side: Path) -> Any:
    """Customers who answer at once and play their side (slin) blindly."""
    pcm = side.read_bytes()

    async def live(phone: Phone) -> None:
        await phone.answer()
        phone.send(pcm)
        await phone.spoken()

    return lambda _number: live


def edges_s(pcm: bytes) -> tuple[float, float]:
    """Where a phrase's sound begins and ends, in seconds."""
    samples = np.abs(np.frombuffer(pcm, "<i2").astype(np.int32))
    loud = np.nonzero(samples > _EDGE * samples.max())[0]
    return float(loud[0] / 8000), float((loud[-1] + 1) / 8000)


def customers(notes: Path) -> Any:
    """Customers who talk over the greeting to hear it again, then confirm."""
    names = sorted(TIMBRES)

    def of(number: str) -> Callee:
        async def live(phone: Phone) -> None:
            await _live(phone, names[int(number) % len(names)], notes)

        return live

    return of


async def _live(phone: Phone, voice: str, notes: Path) -> None:
    again, yes = await say_offline(ASKS_AGAIN, voice), await say_offline(CONFIRMS, voice)
    ear, noted = Ear(), {}
    phone.on_audio = ear.hear
    await phone.ringing()
    await phone.progress()  # the ear is connected before the answer, so that no first word is missed
    await asyncio.sleep(RING_S)
    answered = time.monotonic()
    await phone.answer()
    try:
        await ear.speech(2.0)
        noted["first_word_ms"] = ((ear.first_after(answered) or 0.0) - answered) * 1000
        began = time.monotonic() + edges_s(again)[0]
        phone.send(again)
        await phone.spoken()
        stopped = _stop_after(ear.loud, began)
        if stopped is not None:
            noted["barge_in_ms"] = (stopped - began) * 1000
        await ear.speech(0.5)
        await ear.silence(0.6)
        ended = time.monotonic() + edges_s(yes)[1]
        phone.send(yes)
        await phone.spoken()
        await ear.speech(0.3)
        replied = ear.first_after(ended)
        if replied is not None:
            noted["reply_ms"] = (replied - ended) * 1000
        await ear.silence(5.0)
    finally:
        with notes.open("a") as file:
            file.write(json.dumps(noted) + "\n")


def _stop_after(loud: list[float], moment: float) -> float | None:
    """When the bot fell silent for at least 0.3 s, `moment` or later."""
    heard = [at for at in loud if at >= moment - 0.05]
    for here, there in zip(heard, [*heard[1:], float("inf")], strict=True):
        if there - here >= 0.3:
            return max(here, moment)
    return None


def _obey(provider: SimulatedProvider, line: str) -> None:
    """`kill SERVICE`, `revive SERVICE`, `note FILE` (what was answered since the last note), a line each."""
    match line.split():
        case ["kill", "hearing" | "speaking" | "model" as service]:
            provider.kill(service)
        case ["revive", "hearing" | "speaking" | "model" as service]:
            provider.revive(service)
        case ["note", path]:
            announce(Path(path), {"hearing_s": [took for service, took in provider.answers if service == "hearing"]})
            provider.answers.clear()
        case _:
            asyncio.get_running_loop().remove_reader(sys.stdin)


async def _serve(kind: str, given: dict[str, Any]) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop)
    ready, notes = Path(given["ready"]), Path(given.get("notes", "/dev/null"))
    if kind == "provider":
        async with SimulatedProvider(given.get("phrases", PHRASES), delay_s=given["delay_s"]) as provider:
            asyncio.get_running_loop().add_reader(sys.stdin, lambda: _obey(provider, sys.stdin.readline()))
            announce(ready, {"base_url": provider.base_url})
            await stop.wait()
    elif kind == "simulator":
        playing = given.get("plays")
        async with SimulatedPbx(players(Path(playing)) if playing else customers(notes)) as pbx:
            announce(ready, {"url": pbx.ari_url, "username": pbx.username, "password": pbx.password})
            await stop.wait()
    else:
        ari = CustomersAri(
            AriSettings(url=given["url"], username=given["username"], password=SecretStr(given["password"])),
            "customers",
        )
        people = WorldCallees(World.load(Path(given["world"]))) if "world" in given else customers(notes)
        answering = Customers(ari, people)
        serving = asyncio.create_task(answering.serve())
        await answering.connected.wait()
        announce(ready, {})
        await stop.wait()
        serving.cancel()
        await asyncio.wait([serving])
        await ari.close()


if __name__ == "__main__":
    die_with_parent()
    uvloop.run(_serve(sys.argv[1], json.loads(sys.argv[2])))
