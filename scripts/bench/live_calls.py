"""Live calls, measured at the customers' ears.

    python -m scripts.bench.live_calls [--calls 1,40] [--rounds N] [--quick] [--simulator] [--provider-delay-ms 200]

On the real Asterisk where one is found (`make asterisk`, DIALER_ASTERISK_ROOT), else on the simulated PBX. This process
is one call worker with all its parts; customers and the speech provider's stand-in are processes of their own, Asterisk
too. Figures: docs/performance.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import structlog
import uvloop

from dialer.bootstrap import make_recognizer, make_voice, providers_of, settle_heap
from dialer.conversation import silero
from dialer.conversation.comprehension import SessionPorts
from dialer.conversation.script import Script
from dialer.conversation.session import Session
from dialer.domain.order import Order
from dialer.embedded.asterisk import EmbeddedAsterisk
from dialer.embedded.asterisk_program import find_asterisk
from dialer.settings import AriSettings, OpenAISettings, Settings, SpeechSettings
from dialer.simulator.rehearsal import rehearse
from dialer.telephony.switch import AriSwitch
from dialer.understanding.service import RulesThenModel
from scripts.bench.report import Figure, finish
from scripts.bench.stand_ins import script_of

FAR_END = Path(__file__).with_name("far_end.py")
#: Silence that ends a complete answer: the script's default.
END_PAUSE_MS = 300
#: Frames further apart than this are a silent customer, not a late frame.
_SILENT_S = 0.2
#: A short script, so that a call takes seconds.
_SCRIPT = """
extends: base
prompts:
  greeting: >-
    Здравствуйте! Это интернет-магазин «{{ store_name }}». Вы оформили заказ номер {{ order_id }}
    на сумму {{ amount|rubles }}. Подтверждаете заказ?
  order_info: Заказ номер {{ order_id }}. Подтверждаете?
  confirmed: Отлично! Хорошего дня!
"""


@dataclass
class Round:
    """What one round of calls came to. Milliseconds; CPU in milliseconds for each second of call."""

    lines: int
    notes: list[dict[str, float]] = field(default_factory=list)
    gaps_ms: list[float] = field(default_factory=list)
    #: From each request to the stand-in's whole answer, by its own clock.
    hearing_ms: list[float] = field(default_factory=list)
    cpu_s: float = 0.0
    call_s: float = 0.0
    confirmed: int = 0
    calls: int = 0


class Children:
    """Processes that end with this one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, kind: str, **options: Any) -> dict[str, Any]:
        """Start a far end and wait until it is ready; returns what it announces."""
        ready = self._folder / f"{kind}.ready"
        argv = [sys.executable, str(FAR_END), kind, json.dumps({**options, "ready": str(ready)})]
        log = (self._folder / f"{kind}.log").open("wb")
        child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=log, stderr=log)
        self._running[kind] = child
        while not ready.is_file():
            if child.poll() is not None:
                sys.exit(f"bench: {kind} ended: {(self._folder / f'{kind}.log').read_text()[-2000:]}")
            time.sleep(0.05)
        return dict(json.loads(ready.read_text()))

    def tell(self, kind: str, line: str) -> None:
        """A line for a far end that listens."""
        told = self._running[kind].stdin
        assert told is not None
        told.write(f"{line}\n".encode())
        told.flush()

    def heard_ms(self) -> list[float]:
        """How long the provider took for each transcription since it was last asked."""
        note = self._folder / "answers"
        self.tell("provider", f"note {note}")
        while not note.is_file():
            time.sleep(0.01)
        answers = json.loads(note.read_text())
        note.unlink()
        return [1000 * took for took in answers["hearing_s"]]

    def stop(self) -> None:
        for child in self._running.values():
            child.terminate()
        for child in self._running.values():
            child.wait(10)


def settings_for(given: argparse.Namespace, folder: Path, children: Children, stack: ExitStack) -> tuple[Settings, str]:
    """Start everything around the worker."""
    provider = children.start("provider", delay_s=given.provider_delay_ms / 1000)
    program = None if given.simulator else find_asterisk()
    if program is None:
        pbx = children.start("simulator", notes=str(folder / "notes"))
        ari = AriSettings(url=pbx["url"], username=pbx["username"], password=pbx["password"], media=given.media)
        kind = "simulated PBX"
    else:
        asterisk = stack.enter_context(EmbeddedAsterisk(folder / "asterisk"))
        login = {"url": asterisk.url, "username": asterisk.username, "password": asterisk.password}
        children.start("asterisk", notes=str(folder / "notes"), **login)
        ari = AriSettings(**login, endpoint=asterisk.endpoint, media=given.media)
        kind = f"Asterisk {'.'.join(map(str, program.version))}"
    return Settings(
        home=folder,
        ari=ari,
        openai=OpenAISettings(base_url=provider["base_url"], api_key="bench"),
        speech=SpeechSettings(recognizer="openai", synthesizer="openai"),
    ), kind


def watch_frames(gaps_ms: list[float]) -> None:
    """Note the time between the frames of a customer who speaks."""
    hear = Session.on_audio
    arrived: dict[int, float] = {}

    def on_audio(session: Session, pcm: bytes) -> None:
        now = time.perf_counter()
        gap = now - arrived.get(id(session), 0.0)
        arrived[id(session)] = now
        if gap < _SILENT_S:
            gaps_ms.append(gap * 1000)
        hear(session, pcm)

    Session.on_audio = on_audio  # type: ignore[method-assign]


async def measure(
    settings: Settings, folder: Path, children: Children, lines: Sequence[int], rounds: int
) -> list[Round]:
    """All rounds, after one call that nobody counts."""
    silero.weights()
    ports = SessionPorts(
        voice=make_voice(settings),
        recognizer=make_recognizer(settings),
        understanding=RulesThenModel.from_settings(settings),
    )
    script, notes = script_of(folder / "scripts", _SCRIPT), folder / "notes"
    gaps_ms: list[float] = []
    watch_frames(gaps_ms)
    done = []
    async with AriSwitch(settings) as switch:
        await one_round(switch, ports, script, Round(1), 1)
        await noted(notes, 1)
        settle_heap()
        for number in lines:
            gaps_ms.clear()
            children.heard_ms()
            this = Round(number)
            times = rounds if number > 1 else 4 * rounds
            await one_round(switch, ports, script, this, times)
            this.notes = await noted(notes, this.calls)
            this.gaps_ms = gaps_ms.copy()
            this.hearing_ms = children.heard_ms()
            done.append(this)
    for part in providers_of(ports):
        await part.close()
    return done


async def noted(notes: Path, calls: int) -> list[dict[str, float]]:
    """What the customers have noted of so many calls: they write it down when they see the call end."""
    give_up_at = time.monotonic() + 5.0
    while len(_lines(notes)) < calls and time.monotonic() < give_up_at:  # noqa: ASYNC110 - the file is another process's
        await asyncio.sleep(0.05)
    return [json.loads(line) for line in _lines(notes, remove=True)]


def _lines(notes: Path, *, remove: bool = False) -> list[str]:
    lines = notes.read_text().splitlines() if notes.is_file() else []
    if remove:
        notes.unlink(missing_ok=True)
    return lines


async def one_round(switch: AriSwitch, ports: SessionPorts, script: Script, this: Round, times: int) -> None:
    """`this.lines` calls at once, `times` times; all of them begin within a second."""
    today = date(2026, 11, 23)
    for repeat in range(times):
        began, wall = time.process_time(), time.monotonic()

        async def one(number: int, repeat: int = repeat) -> Any:
            await asyncio.sleep(number / max(this.lines, 1))
            order = Order(
                order_id=str(45000 + 100 * repeat + number), phone=f"+7916{number:07d}", amount=Decimal("3200")
            )
            return await rehearse(switch, ports, script, order, today=today)

        talks = await asyncio.gather(*(one(number) for number in range(this.lines)))
        this.cpu_s += time.process_time() - began
        this.call_s += sum(talk.outcome.talk_s for talk in talks if talk)
        this.confirmed += sum(talk.outcome.decision == "confirmed" for talk in talks if talk)
        this.calls += len(talks)
        structlog.get_logger().debug("round", seconds=time.monotonic() - wall)


def figures(this: Round, provider_delay_ms: int) -> list[Figure]:
    """One round's figures."""
    at = "" if this.lines == 1 else f"_{this.lines}"
    calls = f"{this.lines} calls at once" if this.lines > 1 else "one call at a time"
    found: list[Figure] = []

    def shares(name: str, values: list[float], what: str, target: str = "") -> None:
        for share in (50, 95):
            if values:
                value = round(float(np.percentile(values, share)), 1)
                goal = target if share == 95 else ""
                found.append(Figure(f"{name}{at}_p{share}", value, "ms", f"{what}, {calls}", goal))

    def both(name: str, key: str, less_ms: float, what: str, target: str = "") -> None:
        shares(name, [note[key] - less_ms for note in this.notes if key in note], what, target)

    longer = max(END_PAUSE_MS, provider_delay_ms)
    both("first_word", "first_word_ms", 0, "answer to first word", "<= 100")
    both("barge_in", "barge_in_ms", 0, "speech onset to pause", "<= 150")
    both("reply", "reply_ms", 0, f"end of speech to first word (pause {END_PAUSE_MS}, provider {provider_delay_ms} ms)")
    both("reply_over_both", "reply_ms", END_PAUSE_MS + provider_delay_ms, "reply less pause and provider", "<= 60")
    both("reply_over_longer", "reply_ms", longer, "reply less the longer of both")
    shares("provider", this.hearing_ms, f"what the stand-in really took for a transcription (set: {provider_delay_ms})")
    confirmed = this.confirmed / this.calls if this.calls else 0.0
    found.append(Figure(f"confirmed{at}", confirmed, "", f"share of calls confirmed, {calls}", "1", True))
    if this.gaps_ms:
        gap = round(float(np.percentile(this.gaps_ms, 99)), 1)
        found.append(Figure(f"frame_gap{at}_p99", gap, "ms", f"between two frames of a call, {calls}"))
    if this.call_s:
        cpu = round(1000 * this.cpu_s / this.call_s, 2)
        found.append(Figure(f"python_cpu{at}", cpu, "ms", f"Python CPU for each second of call, {calls}"))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", default="1,40", help="simultaneous calls, one round each")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--simulator", action="store_true", help="even where there is an Asterisk")
    parser.add_argument("--media", choices=["auto", "websocket", "audiosocket"], default="auto", help="the bot's audio")
    parser.add_argument("--provider-delay-ms", type=int, default=200)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    rounds = 1 if given.quick else given.rounds
    with tempfile.TemporaryDirectory(prefix="dialer-bench-") as name, ExitStack() as stack:
        children = Children(Path(name))
        stack.callback(children.stop)
        settings, kind = settings_for(given, Path(name), children, stack)
        lines = [int(number) for number in given.calls.split(",")]
        done = uvloop.run(measure(settings, Path(name), children, lines, rounds))
    print(f"{kind}, media {given.media}")
    finish("live_calls", [one for this in done for one in figures(this, given.provider_delay_ms)], quick=given.quick)


if __name__ == "__main__":
    main()
