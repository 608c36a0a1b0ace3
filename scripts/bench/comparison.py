"""What a second of call costs, ours and Pipecat's, on the same audio and turns (`scenario.py`).

    python -m scripts.bench.comparison [--calls 10] [--rounds 3] [--quick]

The sides take turns, each run in a process of its own. Pipecat's calls are in memory, with its defaults and at its
leanest (`pipecat_call.py`); ours have everything on, in memory and over real WebSocket media with the simulated PBX,
which is another process (`our_call.py`). "nobody" is what pacing the customers' audio costs by itself: the figures in
memory contain it, ours as Pipecat's. Prints a table and JSON lines (out/bench/comparison.jsonl).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from dialer.conversation.speaking import SENTENCE_PAUSE_S, sentences
from dialer.speech.offline import OfflineSynthesizer
from dialer.speech.pcm import silence
from dialer.speech.spoken import speak_text
from scripts import recordings
from scripts.bench import pipecat_venv, scenario, stand_ins
from scripts.bench.live_calls import OUT, Children

#: What the bot says, turn by turn.
PROMPTS = (("greeting",), ("order_info",), ("reprompt_unknown", "order_question"), ("order_info",), ("confirmed",))
SIDES = {
    "ours": ("our_call", "memory"),
    "Pipecat": ("pipecat_call", "default"),
    "Pipecat, leanest": ("pipecat_call", "lean"),
    "ours, WebSocket": ("our_call", "websocket"),
    "nobody": ("our_call", "nobody"),
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
    module, kind = SIDES[side]
    python = str(pipecat) if module == "pipecat_call" else sys.executable
    argv = [python, "-m", f"scripts.bench.{module}", str(calls), kind, str(folder)]
    limit_s = _LIMIT_S + calls
    if kind == "websocket":
        with far_end(folder):
            done = subprocess.run(argv, capture_output=True, check=True, timeout=limit_s)
    else:
        done = subprocess.run(argv, capture_output=True, check=True, timeout=limit_s)
    return figures(side, json.loads(done.stdout.splitlines()[-1]))


def figures(side: str, found: dict[str, Any]) -> dict[str, Any]:
    """One run as one JSON line."""

    return {
        "what": "comparison",
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
    return one["turns_answered"] == one["turns"] or one["side"] == "nobody"


def ratios(found: list[dict[str, Any]], side: str, calls: int) -> list[float]:
    """How many times the CPU of `side` ours is, round by round, where both kept up."""

    def runs(of: str) -> list[dict[str, Any]]:
        return [one for one in found if one["side"] == of and one["calls"] == calls]

    return [
        theirs["cpu_ms_per_call_s"] / ours["cpu_ms_per_call_s"]
        for theirs, ours in zip(runs(side), runs("ours"), strict=True)
        if kept_up(theirs) and kept_up(ours)
    ]


def table(found: list[dict[str, Any]]) -> str:
    """The figures for people (Markdown)."""
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.machine()}, {os.cpu_count()} cores "
        f"(load {os.getloadavg()[0]:.1f}), Python {platform.python_version()}, {pipecat_venv.REQUIREMENTS[0]}; "
        "CPU in ms per call-second; min / median / max of the rounds that kept up; latest frames, slowest replies",
        "",
        "| calls | side | CPU ms per call-s | times ours | rounds that kept up | frame late p99 | reply p50 / p95 ms |",
        "| --- " * 7 + "|",
    ]
    for calls, side in dict.fromkeys((one["calls"], one["side"]) for one in found):
        these = [one for one in found if (one["calls"], one["side"]) == (calls, side)]
        late = [one["frame_late_ms"]["p99"] for one in these if one["frame_late_ms"]]
        replies = [tuple(one["reply_ms"].values()) for one in these if one["reply_ms"]]
        cells = [
            str(calls),
            side,
            _spread([one["cpu_ms_per_call_s"] for one in these if kept_up(one)]),
            _spread(ratios(found, side, calls)),
            f"{sum(map(kept_up, these))} of {len(these)}",
            f"{max(late):.0f}" if late else "-",
            " / ".join(f"{value:.0f}" for value in max(replies)) if replies else "-",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _spread(values: list[float]) -> str:
    return f"{min(values):.1f} / {median(values):.1f} / {max(values):.1f}" if values else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", help="simultaneous calls in one process, for example 1,5,10,15 (default: 10)")
    parser.add_argument("--rounds", type=int, help="default: 3")
    parser.add_argument("--quick", action="store_true", help="one round of 5 calls")
    given = parser.parse_args()
    calls = given.calls or ("5" if given.quick else "10")
    rounds = given.rounds or (1 if given.quick else 3)
    pipecat = pipecat_venv.python()
    if pipecat is None:
        print("comparison: skipped, there is nothing to compare with")
        return
    found = []
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="dialer-bench-") as name, (OUT / "comparison.jsonl").open("a") as file:
        write_audio(Path(name))
        for number in [int(one) for one in calls.split(",")]:
            for side in [*SIDES] * rounds:
                found.append(run(side, number, Path(name), pipecat))
                line = json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), **found[-1]})
                print(line, file=file)
                print(line, flush=True)
    print(table(found))


if __name__ == "__main__":
    main()
