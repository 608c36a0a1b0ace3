"""The scenario on our own conversation, many calls in one process: prints one JSON line like `pipecat_call.py`.

    python -m scripts.bench.our_call CALLS memory|websocket|nobody FOLDER

Everything is on: turn detection, rules, prompts from the cache, notes, and recording and transcript written to FOLDER.
`memory`: a line in memory. `websocket`: real WebSocket media with the PBX that FOLDER/pbx.json tells of.
`nobody`: the customers' audio alone, paced as in memory with nobody listening: what both sides' figures contain.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog
import uvloop

from dialer.bootstrap import settle_heap
from dialer.conversation.comprehension import SessionPorts
from dialer.conversation.session import Session
from dialer.settings import AriSettings, Settings
from dialer.simulator.rehearsal import rehearse
from dialer.speech.ports import duration_s
from dialer.telephony.ports import Line
from dialer.telephony.switch import AriSwitch
from scripts.bench import stand_ins
from scripts.bench.memory_line import MemoryLine
from scripts.bench.pacing import STAGGER_S, percentiles, play

TODAY = date(2026, 11, 23)


@dataclass
class Lines:
    """As much of a switch as `rehearse` needs."""

    make: Callable[[], Line]

    def line(self) -> Line:
        return self.make()


async def measure(count: int, kind: str, folder: Path) -> dict[str, Any]:
    """All calls at once."""
    ports, script = stand_ins.ports(folder), stand_ins.scenario_script(folder / "scripts")
    await _render_prompts(ports, folder)
    settle_heap()
    made: list[MemoryLine] = []
    async with AsyncExitStack() as stack:
        if kind == "memory":
            customer = (folder / "customer.slin").read_bytes()

            def line() -> Line:
                made.append(MemoryLine(customer))
                return made[-1]

            make = line
        else:
            login = json.loads((folder / "pbx.json").read_text())
            make = (await stack.enter_async_context(AriSwitch(Settings(home=folder, ari=AriSettings(**login))))).line

        async def one(number: int) -> float:
            await asyncio.sleep(number * STAGGER_S)
            order = stand_ins.order(f"+7916{number:07d}")
            talk = await rehearse(Lines(make), ports, script, order, today=TODAY)
            if talk is None or talk.outcome.decision != "confirmed":
                raise RuntimeError(f"the scenario took another way: {talk and talk.outcome}")
            stem = folder / str(uuid4())
            await asyncio.to_thread(talk.save_recording, stem.with_suffix(".wav"))
            await asyncio.to_thread(talk.transcript.save, stem.with_suffix(".json"), {})
            return talk.outcome.talk_s

        began = time.process_time()
        call_s = sum(await asyncio.gather(*(one(number) for number in range(count))))
        cpu_s = time.process_time() - began
    ends_s = json.loads((folder / "ends_s.json").read_text())
    late_ms = [value for line in made for value in line.late_ms]
    reply_ms = [
        (heard - line.answered_at - end_s) * 1000
        for line in made
        for end_s, heard in zip(ends_s, line.heard[1:], strict=True)
    ]
    return {
        "calls": count,
        "cpu_s": cpu_s,
        "call_s": call_s,
        "turns_answered": count * len(ends_s),
        "frame_late_ms": percentiles(late_ms, 50, 99),
        "reply_ms": percentiles(reply_ms, 50, 95),
    }


async def measure_nobody(count: int, folder: Path) -> dict[str, Any]:
    """The customers' side alone."""
    customer, late_ms = (folder / "customer.slin").read_bytes(), list[float]()

    async def one(number: int) -> None:
        await asyncio.sleep(number * STAGGER_S)
        await play(customer, lambda _pcm: None, late_ms)

    began = time.process_time()
    await asyncio.gather(*(one(number) for number in range(count)))
    return {
        "calls": count,
        "cpu_s": time.process_time() - began,
        "call_s": count * duration_s(customer),
        "turns_answered": 0,
        "frame_late_ms": percentiles(late_ms, 50, 99),
        "reply_ms": {},
    }


async def _render_prompts(ports: SessionPorts, folder: Path) -> None:
    """A cache that is warm: every worker has spoken these sentences before."""
    await Session(MemoryLine(b""), stand_ins.order_script(folder / "scripts"), ports, today=TODAY, max_call_s=1).warm()


def main() -> None:
    count, kind, folder = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    found = measure_nobody(count, folder) if kind == "nobody" else measure(count, kind, folder)
    print(json.dumps(uvloop.run(found)))


if __name__ == "__main__":
    main()
