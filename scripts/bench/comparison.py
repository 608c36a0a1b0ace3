"""What a second of call costs, ours and Pipecat's, on the same audio and turns (`scenario.py`).

    python -m scripts.bench.comparison [--calls 10] [--rounds 3] [--quick]

The sides take turns, each run in a process of its own. Pipecat's calls are in memory, with its defaults and at its
leanest (`pipecat_call.py`); ours have everything on, in memory and over real WebSocket media with the simulated PBX,
which is another process (`our_call.py`). Pacing the customers' audio costs something by itself: the figures in memory
contain it, ours as Pipecat's.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from dialer.conversation.speaking import SENTENCE_PAUSE_S, sentences
from dialer.speech.offline import OfflineSynthesizer
from dialer.speech.pcm import silence
from dialer.speech.spoken import speak_text
from scripts import recordings
from scripts.bench import pipecat_venv, scenario, stand_ins
from scripts.bench.live_calls import Children
from scripts.bench.report import Figure, finish

#: What the bot says, turn by turn.
PROMPTS = (("greeting",), ("order_info",), ("reprompt_unknown", "order_question"), ("order_info",), ("confirmed",))


@dataclass(frozen=True, slots=True)
class Side:
    """One way to hold the calls. `module` runs it; `target` is for its CPU as a multiple of ours."""

    title: str
    module: str
    kind: str
    target: str = ""


SIDES = {
    "ours": Side("ours, in memory", "our_call", "memory"),
    "pipecat": Side("Pipecat with its defaults", "pipecat_call", "default", ">= 8"),
    "pipecat_leanest": Side("Pipecat at its leanest", "pipecat_call", "lean", "-"),
    "ours_websocket": Side("ours, over WebSockets", "our_call", "websocket"),
    "pacing": Side("pacing the customers' audio, nobody listens", "our_call", "nobody"),
}
_LIMIT_S = 240.0


def write_audio(folder: Path) -> None:
    """All that is played, as files that either side reads."""
    sounds = recordings.fetch()
    (folder / "customer.slin").write_bytes(scenario.customer_side(sounds).tobytes())
    (folder / "ends_s.json").write_text(json.dumps(scenario.phrase_ends_s(sounds)))
    script, voice, pause = stand_ins.order_script(folder / "scripts"), OfflineSynthesizer(), silence(SENTENCE_PAUSE_S)
    for number, prompts in enumerate(PROMPTS):
        text = " ".join(script.text(prompt) for prompt in prompts)
        (folder / f"{number}.slin").write_bytes(
            pause.join(voice.render(speak_text(sentence)) for sentence in sentences(text))
        )


@contextmanager
def far_end(folder: Path) -> Iterator[None]:
    """The PBX for our calls over WebSockets, while it is needed."""
    children = Children(folder)
    try:
        pbx = children.start("simulator", plays=str(folder / "customer.slin"))
        (folder / "pbx.json").write_text(json.dumps({key: pbx[key] for key in ("url", "username", "password")}))
        yield
    finally:
        children.stop()
        (folder / "simulator.ready").unlink(missing_ok=True)


def run(side: str, calls: int, folder: Path, pipecat: Path) -> dict[str, Any]:
    """One side once, in a process of its own."""
    chosen = SIDES[side]
    python = str(pipecat) if chosen.module == "pipecat_call" else sys.executable
    argv = [python, "-m", f"scripts.bench.{chosen.module}", str(calls), chosen.kind, str(folder)]
    with far_end(folder) if chosen.kind == "websocket" else nullcontext():
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_LIMIT_S + calls, check=False)
    if done.returncode:
        sys.exit(f"comparison: {side} failed: {done.stderr[-2000:]}")
    return summary(side, json.loads(done.stdout.splitlines()[-1]))


def summary(side: str, found: dict[str, Any]) -> dict[str, Any]:
    """One run in short."""
    return {
        "side": side,
        "calls": found["calls"],
        "cpu_ms_per_call_s": round(1000 * found["cpu_s"] / found["call_s"], 2),
        "turns_answered": found["turns_answered"],
        "turns": found["calls"] * len(scenario.TURNS),
        "frame_late_ms": found["frame_late_ms"],
        "reply_ms": found["reply_ms"],
    }


def kept_up(one: dict[str, Any]) -> bool:
    """Whether this run held the whole conversation: who leaves turns out does less work, and is not compared."""
    return one["turns_answered"] == one["turns"] or one["side"] == "pacing"


def ratios(found: list[dict[str, Any]], side: str) -> list[float]:
    """How many times the CPU of `side` ours is, round by round, where both kept up."""
    rounds = zip(_of(found, side), _of(found, "ours"), strict=True)
    return [
        theirs["cpu_ms_per_call_s"] / ours["cpu_ms_per_call_s"]
        for theirs, ours in rounds
        if kept_up(theirs) and kept_up(ours)
    ]


def figures(found: list[dict[str, Any]], calls: int) -> list[Figure]:
    """What all rounds with so many calls came to; nothing is said of a side that never kept up."""
    figures = []
    for name, side in SIDES.items():
        runs = _of(found, name)
        kept = [one for one in runs if kept_up(one)]
        if not kept:
            continue
        cpu = [one["cpu_ms_per_call_s"] for one in kept]
        what = f"{side.title}: CPU for each second of call, {calls} calls in a process; {_spread(cpu, runs)}"
        figures.append(Figure(f"{name}_cpu_{calls}", round(median(cpu), 2), "ms", what))
        if replies := [one["reply_ms"]["p50"] for one in kept if one["reply_ms"]]:
            what = f"{side.title}: from the customer's last sound to the bot's first"
            figures.append(Figure(f"{name}_reply_{calls}_p50", round(median(replies)), "ms", what))
        if late := [one["frame_late_ms"]["p99"] for one in kept if one["frame_late_ms"]]:
            what = f"{side.title}: how late frames were, in or out; the worst round"
            figures.append(Figure(f"{name}_late_{calls}_p99", max(late), "ms", what))
        if side.target and (times := ratios(found, name)):
            what = f"{side.title}: its CPU over ours in memory; {_spread(times, runs)}"
            figures.append(Figure(f"{name}_times_{calls}", round(median(times), 1), "x", what, side.target, True))
    return figures


def _of(found: list[dict[str, Any]], side: str) -> list[dict[str, Any]]:
    return [one for one in found if one["side"] == side]


def _spread(values: list[float], runs: list[dict[str, Any]]) -> str:
    return f"{min(values):.1f} to {max(values):.1f} in {len(values)} of {len(runs)} rounds (all that kept up)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", help="simultaneous calls in one process, for example 1,5,10,15 (default: 10)")
    parser.add_argument("--rounds", type=int, help="default: 3")
    parser.add_argument("--quick", action="store_true", help="one round of 5 calls")
    given = parser.parse_args()
    counts = [int(one) for one in (given.calls or ("5" if given.quick else "10")).split(",")]
    rounds = given.rounds or (1 if given.quick else 3)
    pipecat = pipecat_venv.python()
    if pipecat is None:
        print("comparison: skipped, there is nothing to compare with")
        return
    found: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="dialer-bench-") as name:
        write_audio(Path(name))
        for count in counts:
            runs = []
            for side in [*SIDES] * rounds:
                runs.append(run(side, count, Path(name), pipecat))
                print(json.dumps(runs[-1]), flush=True)
            found += figures(runs, count)
    finish("comparison", found, quick=given.quick)


if __name__ == "__main__":
    main()
