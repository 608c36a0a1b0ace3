"""Fifty answers within one second on one worker: the first word, and what other calls notice.

    python -m scripts.bench.answer_burst [--answers 50] [--others 20] [--quick]

On the real Asterisk. The other calls are held by the dialplan, which plays the scenario; those that answer at once are
customers in a process of their own, who measure when they hear the first word. Frame gaps are the other calls' own:
before the burst, and from the first answer on for three seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import numpy as np
import structlog
import uvloop

from dialer.bootstrap import settle_heap
from dialer.conversation.session import Session
from dialer.embedded.asterisk import EmbeddedAsterisk
from dialer.errors import TelephonyError
from dialer.settings import AriSettings, Settings
from dialer.simulator.rehearsal import rehearse
from dialer.telephony.switch import AriSwitch
from scripts.bench import alaw, scenario, stand_ins
from scripts.bench.far_end import RING_S
from scripts.bench.live_calls import Children, noted
from scripts.bench.live_load import start_asterisk
from scripts.bench.report import Figure, finish
from scripts.recordings import fetch

_TODAY = date(2026, 11, 23)
#: The other calls are in their greetings by then.
_SETTLED_S = 4.0
_BURST_S = 3.0


class Gaps:
    """Frame gaps of the first `calls` sessions, with the moment of each."""

    def __init__(self, calls: int) -> None:
        self.seen: list[tuple[float, float]] = []
        last: dict[int, float] = {}
        hear = Session.on_audio

        def on_audio(session: Session, pcm: bytes) -> None:
            now = time.monotonic()
            before = last.get(id(session))
            if before is not None:
                self.seen.append((now, (now - before) * 1000))
            if before is not None or len(last) < calls:
                last[id(session)] = now
            hear(session, pcm)

        Session.on_audio = on_audio  # type: ignore[method-assign]

    def p99_ms(self, begin: float, end: float) -> float:
        """The 99th percentile of the gaps that ended within this time."""
        gaps = [gap for at, gap in self.seen if begin <= at < end]
        return round(float(np.percentile(gaps, 99)), 1) if gaps else 0.0


async def measure(asterisk: EmbeddedAsterisk, folder: Path, answers: int, others: int) -> list[Figure]:
    """One burst among other calls."""
    settings = Settings(
        home=folder,
        ari=AriSettings(
            url=asterisk.url, username=asterisk.username, password=asterisk.password, endpoint=asterisk.endpoint
        ),
    )
    ports = stand_ins.ports(folder)
    script = stand_ins.script_of(folder / "scripts", scenario.SCRIPT)
    gaps, notes = Gaps(others), folder / "notes"

    async def call(switch: AriSwitch, phone: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        try:
            await rehearse(switch, ports, script, stand_ins.order(phone), today=_TODAY)
        except TelephonyError as error:
            print(f"answer_burst: a call failed: {error}", file=sys.stderr)

    async with AriSwitch(settings) as switch:
        settle_heap()
        began = time.monotonic()
        held = [asyncio.create_task(call(switch, f"+7916{number:07d}", number * 0.05)) for number in range(others)]
        begin = others * 0.05 + RING_S + _SETTLED_S
        burst = [
            asyncio.create_task(call(switch, f"+7917{number:07d}", begin + number / answers))
            for number in range(answers)
        ]
        await asyncio.gather(*held, *burst)
    first = [note.get("first_word_ms") for note in await noted(notes, answers)]
    heard = [value for value in first if value]
    answered = began + begin + RING_S
    burst_is = f"{answers} answers within a second, {others} other calls"
    p50, p95 = (round(float(np.percentile(heard or [0.0], share)), 1) for share in (50, 95))
    before = gaps.p99_ms(answered - RING_S - 2.0, answered - RING_S)
    during = gaps.p99_ms(answered, answered + _BURST_S)
    return [
        Figure("heard", len(heard) / answers, "", "share of those who answered that heard the greeting", "1", True),
        Figure("first_word_p50", p50, "ms", f"answer to first word, {burst_is}"),
        Figure("first_word_p95", p95, "ms", "the same", "<= 150"),
        Figure("others_frame_gap_before_p99", before, "ms", "frames of the other calls, before the burst"),
        Figure("others_frame_gap_during_p99", during, "ms", "and within it"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--answers", type=int, default=50)
    parser.add_argument("--others", type=int, default=20, help="calls that are going on meanwhile")
    parser.add_argument("--quick", action="store_true", help="20 answers, 10 other calls")
    given = parser.parse_args()
    if given.quick:
        given.answers, given.others = 20, 10
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    with tempfile.TemporaryDirectory(prefix="dialer-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        played = alaw.encode(scenario.customer_side(fetch()))
        asterisk = start_asterisk(folder, stack, played)
        children = Children(folder)
        stack.callback(children.stop)
        login = {"url": asterisk.url, "username": asterisk.username, "password": asterisk.password}
        children.start("asterisk", notes=str(folder / "notes"), **login)
        found = uvloop.run(measure(asterisk, folder, given.answers, given.others))
    finish("answer_burst", found, quick=given.quick)


if __name__ == "__main__":
    main()
