"""Scale out: call workers (null lines with a think time), a fleet of 2,000 lines, two Asterisk nodes.

python -m scripts.bench.scale [--quick] [--orders 1000000]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

from scripts.bench.nodes import two_nodes
from scripts.bench.report import Figure, finish
from scripts.bench.services import Services

#: Calls at once in each worker, and how long each lasts: 150 calls/s for a worker with nothing else to wait for.
WORKER_LINES = 150
THINK_S = 1.0
FLEET_LINES, FLEET_WORKERS = 2000, 4
FLEET_THINK_S, FLEET_CALLS_PER_SECOND = 40.0, 60.0
RAMP_S = 4.0
_LIVE = "SELECT count(*) FROM orders WHERE state IN ('queued', 'dialing', 'talking')"
_TICKS = "SELECT published_at, count(*) FROM attempts GROUP BY published_at ORDER BY published_at"


def growing(folder: Path, seconds: float) -> dict[int, float]:
    """Calls ended per second with 1, 2 and 4 call workers."""
    rates = {}
    with Services(folder) as services:
        services.make_campaign(40_000, lines=20 * WORKER_LINES)
        services.start_worker("batch", "batch", 8)
        services.processes.wait_for_line("batch", "ready.")
        services.start_beat()
        for number in range(1, 5):
            name = f"calls{number}"
            services.start_worker(name, "calls", WORKER_LINES, env={"NULL_THINK_S": str(THINK_S)})
            services.processes.wait_for_line(name, "ready.")
            if number in (1, 2, 4):
                rates[number] = _rate(services, seconds)
    return rates


def _rate(services: Services, seconds: float) -> float:
    services.start_campaign()
    time.sleep(RAMP_S)
    with services.connect() as db:
        begin = db.execute("SELECT clock_timestamp()").fetchone()[0]
        time.sleep(seconds)
        ended = db.execute(
            "SELECT count(*), clock_timestamp() - %s FROM attempts WHERE ended_at >= %s AND counted", (begin, begin)
        ).fetchone()
    services.pause_campaign()
    time.sleep(THINK_S)
    return ended[0] / ended[1].total_seconds()


def fleet(folder: Path, orders: int) -> dict[str, Any]:
    """First the calls per second bind, until all lines are taken; then the lines."""
    ramp_s = FLEET_LINES / FLEET_CALLS_PER_SECOND
    with Services(folder) as services:
        services.make_campaign(orders, lines=FLEET_LINES, calls_per_second=FLEET_CALLS_PER_SECOND)
        names = [f"calls{number}" for number in range(FLEET_WORKERS)]
        for name in names:
            threads = FLEET_LINES // FLEET_WORKERS
            services.start_worker(name, "calls", threads, env={"NULL_THINK_S": str(FLEET_THINK_S)})
        services.start_worker("batch", "batch", 8)
        for name in [*names, "batch"]:
            services.processes.wait_for_line(name, "ready.", 60.0)
        services.start_beat()
        services.start_campaign()
        live: list[int] = []
        with services.connect() as db:
            _watch(db, live, ramp_s)
            before = services.cpu_s([*names, "batch"])
            _watch(db, live, FLEET_THINK_S)
            after = services.cpu_s([*names, "batch"])
            ticks = db.execute(_TICKS).fetchall()
            memory = sum(services.rss_mb(name) for name in names)
    early = [(at, count) for at, count in ticks if (at - ticks[0][0]).total_seconds() < ramp_s - 3]
    released = sum(count for _, count in early[1:])
    rate = released / (early[-1][0] - early[0][0]).total_seconds()
    used = {name: (after[name] - before[name]) / FLEET_THINK_S for name in after}
    workers = sum(used[name] for name in names)
    return {"rate": rate, "most": max(live), "memory_mb": memory, "postgres": used["postgres"], "workers": workers}


def _watch(db: psycopg.Connection[Any], live: list[int], seconds: float) -> None:
    """How many calls there are, all the time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        live.append(db.execute(_LIVE).fetchone()[0])
        time.sleep(0.25)


def measure(given: argparse.Namespace) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="dialer-bench-") as name:
        rates = growing(Path(name) / "workers", given.seconds)
        held = fleet(Path(name) / "fleet", given.orders)
        nodes = two_nodes(Path(name) / "nodes")
    lines = f"{WORKER_LINES} null lines each, {THINK_S:.0f} s a call"
    found = [
        Figure(f"workers_{number}", rate, "calls/s", f"{number} call worker(s), {lines}", higher_is_better=True)
        for number, rate in rates.items()
    ]
    found += [
        Figure("workers_4_over_1", rates[4] / rates[1], "x", "four by one", higher_is_better=True),
        Figure(
            "fleet_rate_error",
            100 * abs(held["rate"] / FLEET_CALLS_PER_SECOND - 1),
            "%",
            f"{held['rate']:.2f} calls/s released of {FLEET_CALLS_PER_SECOND:.0f} allowed, {given.orders:,} orders",
            "<= 2",
            slack=0.5,
        ),
        Figure(
            "fleet_most_lines", held["most"], "lines", f"most at any moment; {FLEET_LINES} allowed", f"= {FLEET_LINES}"
        ),
        Figure("fleet_workers_cpu", held["workers"], "cores", "all call workers while all lines are busy"),
        Figure("fleet_postgres_cpu", held["postgres"], "cores", "PostgreSQL meanwhile, the bench's own looks included"),
        Figure("fleet_memory", held["memory_mb"], "MB", f"{FLEET_WORKERS} call workers, {FLEET_LINES} calls in all"),
    ]
    if nodes:
        found += [
            Figure("nodes_1", nodes[1], "calls/s", "one Asterisk with 20 lines, each rings for 5 s", "", True),
            Figure("nodes_2", nodes[2], "calls/s", "two of them", "", True),
            Figure("nodes_2_over_1", nodes[2] / nodes[1], "x", "two by one", "", True),
        ]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--quick", action="store_true", help="a tenth of the orders")
    given = parser.parse_args()
    if given.quick:
        given.orders //= 10
    finish("scale", measure(given), quick=given.quick)


if __name__ == "__main__":
    main()
