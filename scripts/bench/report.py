"""What all measurements have in common: a table for people, JSON lines, and a look at the last committed figures.

Each measurement ends in `finish`. Its figures go to `out/bench/NAME.jsonl`; `--write` of `python -m scripts.bench`
takes the newest ones over into `docs/performance.jsonl` and into the tables of `docs/performance.md`, which stand
between `<!-- figures: NAME -->` and `<!-- end -->`; all other text there is written by hand.
"""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

OUT = Path("out/bench")
COMMITTED = Path("docs/performance.jsonl")
PAGE = Path("docs/performance.md")
#: What two runs on a shared machine may differ by before it is called a regression.
NOISE = 0.25


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. Ratios are what is compared between runs: other figures depend on the machine.

    `slack`: what it may differ by from run to run though it is near zero, in its own unit.
    """

    name: str
    value: float
    unit: str
    what: str
    target: str = ""
    higher_is_better: bool = False
    slack: float = 0.0


def machine() -> dict[str, Any]:
    """Where and when."""
    return {
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "load": round(os.getloadavg()[0], 1),
    }


def finish(measurement: str, figures: Sequence[Figure], *, quick: bool) -> None:
    """Print the table, write the JSON lines, and name what has become worse than the committed figures."""
    run = {"measurement": measurement, "quick": quick, **machine(), "figures": [asdict(one) for one in figures]}
    OUT.mkdir(parents=True, exist_ok=True)
    with (OUT / f"{measurement}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(run, ensure_ascii=False) + "\n")
    print(json.dumps(run, ensure_ascii=False))
    print(table(run))
    if not quick:
        for line in regressions(run, committed().get(measurement)):
            print(line)


def committed() -> dict[str, dict[str, Any]]:
    """The last committed run of each measurement."""
    if not COMMITTED.is_file():
        return {}
    return {run["measurement"]: run for run in map(json.loads, COMMITTED.read_text("utf-8").splitlines())}


def regressions(run: dict[str, Any], before: dict[str, Any] | None) -> Iterable[str]:
    """Lines that say what has become worse by more than noise."""
    known = {one["name"]: one["value"] for one in before["figures"]} if before else {}
    for one in run["figures"]:
        old = known.get(one["name"])
        if not old:
            continue
        change = (one["value"] - old) / abs(old)
        if abs(one["value"] - old) > one["slack"] and (-change if one["higher_is_better"] else change) > NOISE:
            print_unit = f"{one['value']:.3g} {one['unit']}, committed {old:.3g}"
            yield f"REGRESSION {one['name']}: {print_unit} ({change:+.0%})"


def table(run: dict[str, Any]) -> str:
    """One run as Markdown."""
    lines = [
        f"{run['at']}, {run['machine']}, load {run['load']}; `make bench ARGS={run['measurement']}`",
        "",
        "| figure | value | target | what |",
        "| --- | --- | --- | --- |",
    ]
    for one in run["figures"]:
        lines.append(f"| {one['name']} | {_plain(one['value'])} {one['unit']} | {one['target']} | {one['what']} |")
    return "\n".join(lines)


def _plain(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def newest() -> dict[str, dict[str, Any]]:
    """The newest complete (not quick) run of each measurement in `out/bench`."""
    found = {}
    for path in sorted(OUT.glob("*.jsonl")):
        runs = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        complete = [run for run in runs if "figures" in run and not run["quick"]]
        if complete:
            found[path.stem] = complete[-1]
    return found


def write() -> list[str]:
    """Take the newest figures over into docs; returns the measurements."""
    fresh = newest()
    runs = committed() | fresh
    COMMITTED.write_text("".join(json.dumps(run, ensure_ascii=False) + "\n" for run in runs.values()), "utf-8")
    page = PAGE.read_text("utf-8")
    for name, run in runs.items():
        page = re.sub(
            rf"(<!-- figures: {name} -->\n).*?(<!-- end -->)",
            lambda found, run=run: f"{found[1]}{table(run)}\n{found[2]}",
            page,
            flags=re.DOTALL,
        )
    PAGE.write_text(page, "utf-8")
    return list(fresh)
