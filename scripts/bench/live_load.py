"""How many live calls one worker holds on a machine that also runs Asterisk and the people called.

    python -m scripts.bench.live_load [--calls 20,60,80,100] [--quick]

A real Asterisk 22 with a trunk on loopback; behind it the dialplan answers and plays the scenario (recorded phrases,
`scenario.py`), so that nobody's Python but ours runs. One process is the worker, with everything on: ARI, media
WebSocket, hearing, turns, rules, dialogue, cached prompts, recording and transcript written to disk. The recogniser is
a stand-in that knows the words.

Frame gap: time between two 20 ms frames of one call where they enter the session. Lost frames: every frame that came is
looked up in what the customer played; whatever lies between two that came one after the other was lost.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import structlog
import uvloop

from dialer.bootstrap import settle_heap
from dialer.conversation.session import Session
from dialer.embedded.asterisk import EmbeddedAsterisk
from dialer.settings import AriSettings, Settings, config_dir
from dialer.simulator.rehearsal import rehearse
from dialer.speech.ports import FRAME_BYTES
from dialer.telephony.switch import AriSwitch
from scripts.bench import alaw, scenario, stand_ins
from scripts.bench.report import Figure, finish
from scripts.recordings import fetch

_TODAY = date(2026, 11, 23)
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_DIALPLAN = """
exten => _7916XXXXXXX,1,Ringing()
 same => n,Wait({ring_s})
 same => n,Answer()
 same => n,Playback({sound})
 same => n,Wait(30)
"""


@dataclass
class Load:
    """What one load came to."""

    calls: int
    confirmed: int = 0
    gaps_ms: list[float] = field(default_factory=list)
    lost_frames: int = 0
    others: int = 0
    frames: int = 0
    call_s: float = 0.0
    python_s: float = 0.0
    asterisk_s: float = 0.0
    machine_s: float = 0.0
    wall_s: float = 0.0


class Watch:
    """Notes every frame where it enters a session."""

    def __init__(self, played: bytes) -> None:
        self._played = {frame: number for number, frame in enumerate(frames_of(played))}
        self.gaps_ms: list[float] = []
        self.last: dict[int, float] = {}
        self.came: dict[int, list[bytes]] = {}
        hear = Session.on_audio

        def on_audio(session: Session, pcm: bytes) -> None:
            now = time.perf_counter()
            key = id(session)
            last = self.last.get(key)
            if last is None:
                self.came[key] = []
            else:
                self.gaps_ms.append((now - last) * 1000)
            self.last[key] = now
            self.came[key].append(pcm)
            hear(session, pcm)

        Session.on_audio = on_audio  # type: ignore[method-assign]

    def take(self, load: Load) -> None:
        """Hand over what was seen and begin anew."""
        load.gaps_ms, self.gaps_ms = self.gaps_ms, []
        for frames in self.came.values():
            load.frames += len(frames)
            numbers = [self._played[frame] for frame in frames if frame in self._played]
            load.lost_frames += sum(there - here - 1 for here, there in pairwise(numbers) if there > here)
            load.others += len(frames) - len(numbers)
        self.last, self.came = {}, {}


def frames_of(pcm: bytes) -> list[bytes]:
    """Whole frames of 20 ms."""
    return [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)]


def start_asterisk(folder: Path, stack: ExitStack, played: bytes, ring_s: float = 1.0) -> EmbeddedAsterisk:
    """An Asterisk whose callees play this (A-law)."""
    sound = folder / "customer"
    sound.with_suffix(".alaw").write_bytes(played)
    config = shutil.copytree(config_dir(), folder / "config")
    with (config / "asterisk/loopback/extensions_customers.conf").open("a") as file:
        file.write(_DIALPLAN.format(ring_s=ring_s, sound=sound))
    os.environ["DIALER_CONFIG_DIR"] = str(config)
    return stack.enter_context(EmbeddedAsterisk(folder / "asterisk"))


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def machine_s() -> float:
    """Busy CPU seconds of the machine, all cores."""
    user, nice, system, _idle, _wait, *more = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:])
    return (user + nice + system + sum(more[:2])) / _TICKS_PER_S


async def hold(switch: AriSwitch, folder: Path, watch: Watch, asterisk_pid: int, calls: int, within_s: float) -> Load:
    """`calls` calls, begun within `within_s`, to their ends."""
    load, ports = Load(calls), stand_ins.ports(folder)
    script = stand_ins.script_of(folder / "scripts", scenario.SCRIPT)
    kept = folder / "kept"
    kept.mkdir(exist_ok=True)

    async def one(number: int) -> None:
        await asyncio.sleep(number * within_s / calls)
        talk = await rehearse(switch, ports, script, stand_ins.order(f"+7916{number:07d}"), today=_TODAY)
        if talk is None:
            return
        await asyncio.to_thread(talk.save_recording, kept / f"{number}.wav")
        talk.transcript.save(kept / f"{number}.json", {})
        load.call_s += talk.outcome.talk_s
        load.confirmed += talk.outcome.decision == "confirmed"

    python, asterisk, machine = time.process_time(), cpu_s(asterisk_pid), machine_s()
    began = time.monotonic()
    await asyncio.gather(*(one(number) for number in range(calls)))
    load.wall_s = time.monotonic() - began
    load.python_s = time.process_time() - python
    load.asterisk_s = cpu_s(asterisk_pid) - asterisk
    load.machine_s = machine_s() - machine
    watch.take(load)
    shutil.rmtree(kept)
    return load


def figures(load: Load) -> list[Figure]:
    """One load's figures."""
    n, call_s, gaps = load.calls, load.call_s or 1.0, np.array(load.gaps_ms or [0.0])
    p99, most = (round(float(np.percentile(gaps, share)), 1) for share in (99, 100))
    busy = load.machine_s / (load.wall_s * (os.cpu_count() or 1))
    python, asterisk = (round(1000 * seconds / call_s, 2) for seconds in (load.python_s, load.asterisk_s))
    of = f"of {load.frames:,} (others: {load.others})"
    return [
        Figure(f"confirmed_{n}", load.confirmed / n, "", f"share of {n} calls confirmed", "1", True),
        Figure(f"frame_gap_{n}_p99", p99, "ms", f"between two frames of a call, {n} calls at once", "<= 40"),
        Figure(f"frame_gap_{n}_max", most, "ms", "the longest of them"),
        Figure(f"lost_frames_{n}", load.lost_frames, "frames", of, "0", slack=10),
        Figure(f"python_cpu_{n}", python, "ms", "Python CPU for each second of call", "<= 8, aiming at 6"),
        Figure(f"asterisk_cpu_{n}", asterisk, "ms", "Asterisk's CPU for it, both ends"),
        Figure(f"machine_busy_{n}", round(busy, 2), "", "of the machine's cores, whoever used them"),
    ]


async def measure(asterisk: EmbeddedAsterisk, watch: Watch, folder: Path, given: argparse.Namespace) -> list[Figure]:
    """All loads, after one call that nobody counts."""
    settings = Settings(
        home=folder,
        ari=AriSettings(
            url=asterisk.url, username=asterisk.username, password=asterisk.password, endpoint=asterisk.endpoint
        ),
    )
    found: list[Figure] = []
    async with AriSwitch(settings) as switch:
        await hold(switch, folder, watch, asterisk.pid, 1, 0.0)
        settle_heap()
        for calls in map(int, given.calls.split(",")):
            load = await hold(switch, folder, watch, asterisk.pid, calls, calls / given.per_second)
            found += figures(load)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", default="20,60,80,100", help="simultaneous calls, one round each")
    parser.add_argument("--per-second", type=float, default=10.0, help="new calls per second")
    parser.add_argument("--quick", action="store_true", help="20 calls")
    given = parser.parse_args()
    if given.quick:
        given.calls = "20"
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    with tempfile.TemporaryDirectory(prefix="dialer-bench-") as name, ExitStack() as stack:
        played = alaw.encode(scenario.customer_side(fetch()))
        asterisk = start_asterisk(Path(name), stack, played)
        found = uvloop.run(measure(asterisk, Watch(alaw.decode(played)), Path(name), given))
    finish("live_load", found, quick=given.quick)


if __name__ == "__main__":
    main()
