"""Dispatch: attempts released, published, claimed, dialed (null line) and settled per second, beside bare Celery.

    python -m scripts.bench.dispatch [--quick] [--seconds 10] [--small 10000] [--large 1000000] [--waiting 300000]

In one run, with the same workers: a small ledger, a large one, a large one most of whose orders wait on the ladder;
bare Celery (`noop`) before and after. Beat, batch worker, call worker, Redis and PostgreSQL are the product's own.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

from dialer.embedded.children import wait_until
from dialer.ledger import release
from scripts.bench.report import Figure, finish
from scripts.bench.services import Services

#: Tasks at once, in both.
THREADS = 64
LINES = 2000
#: Until rates are steady.
RAMP_S = 3.0
NAMES = ("calls", "batch", "beat")
_PARTS = {"broker": "Redis, by that ladder", "calls": "call worker, meanwhile", "batch": "batch worker, meanwhile"}
_WAIT = """
    UPDATE orders SET state = 'waiting', attempts = 1, disposition = 'busy',
        due_at = now() + interval '1 hour' + id %% 10000 * interval '1 second'
    WHERE id IN (SELECT id FROM orders WHERE state = 'new' ORDER BY id DESC LIMIT %s)
"""


def bare_celery(services: Services, seconds: float) -> dict[str, float]:
    """No-op tasks per second, and CPU milliseconds per task of its worker."""
    counted = services.folder / "noop.count"
    counted.unlink(missing_ok=True)
    env = {"NOOP_DONE": str(counted), "DIALER_HOME": str(services.folder)}
    argv = ["-m", "celery", "-A", "scripts.bench.noop", "worker", "-P", "threads", "-c", str(THREADS), "-Q", "noop"]
    services.processes.start("noop", [*argv, "-n", "noop@bench"], env=env)
    services.processes.wait_for_line("noop", "ready.")
    services.processes.start("publisher", ["-m", "scripts.bench.noop", "publish", str(seconds + RAMP_S + 2)], env=env)
    time.sleep(RAMP_S)
    before, began = services.cpu_s(["noop", "publisher"]), time.monotonic()
    time.sleep(seconds)
    after = services.cpu_s(["noop", "publisher"])
    notes = [tuple(map(float, line.split())) for line in counted.read_text().splitlines()]
    (first, done), *_, (last, done_last) = [note for note in notes if note[0] >= began]
    for name in ("noop", "publisher"):
        services.processes.stop(name)
    services.broker().delete("noop")
    rate = (done_last - done) / (last - first)
    return {"per_s": rate, "worker_ms": 1000 * (after["noop"] - before["noop"]) / max(1, rate * seconds)}


def dispatch(services: Services, seconds: float) -> dict[str, float]:
    """Attempts settled per second, and CPU milliseconds per attempt; workers must run."""
    wait_until(lambda: services.broker().llen("calls") == 0, 60)  # what a pause has taken back is still on its way
    services.start_campaign()
    time.sleep(RAMP_S)
    with services.connect() as db:
        before, begin = services.cpu_s(NAMES), db.execute("SELECT clock_timestamp()").fetchone()[0]
        time.sleep(seconds)
        after, end = services.cpu_s(NAMES), db.execute("SELECT clock_timestamp()").fetchone()[0]
        services.pause_campaign()
        settled = db.execute(
            "SELECT count(*) FROM attempts WHERE ended_at >= %s AND ended_at < %s AND disposition <> 'not_dialed'",
            (begin, end),
        ).fetchone()[0]
    found = {"per_s": settled / (end - begin).total_seconds()}
    return found | {f"{name}_ms": 1000 * (after[name] - before[name]) / max(settled, 1) for name in after}


def start_workers(services: Services) -> None:
    services.start_worker("batch", "batch", 8)
    services.start_worker("calls", "calls", THREADS)
    for name in ("batch", "calls"):
        services.processes.wait_for_line(name, "ready.")
    services.start_beat()


def settle_down(db: psycopg.Connection[Any]) -> None:
    """What PostgreSQL has still to do with the rows that were prepared is not what is measured."""
    db.execute("VACUUM ANALYZE orders")
    db.execute("CHECKPOINT")


def due_plan(services: Services, campaign: int) -> str:
    """How PostgreSQL finds due orders."""
    with services.connect() as db:
        query = release.DUE_QUERY.text.replace("%", "%%")
        for name, value in {
            ":zones": "ARRAY['', 'Asia/Yekaterinburg']",
            ":days": "ARRAY[current_date, current_date]",
            ":campaign": str(campaign),
            ":now": "now()",
            ":wanted": "2000",
        }.items():
            query = query.replace(name, value)
        return "\n".join(row[0] for row in db.execute(f"EXPLAIN (ANALYZE, COSTS OFF, SUMMARY OFF) {query}"))


def sizes(services: Services) -> dict[str, float]:
    """Memory of broker and workers, in MB."""
    used = services.broker().info("memory")["used_memory"] / 2**20
    return {"broker": used, **{name: services.rss_mb(name) for name in ("calls", "batch")}}


def run(services: Services, given: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {"bare": [bare_celery(services, given.seconds)]}
    key = services.make_campaign(given.small, lines=LINES)
    start_workers(services)
    found["small"] = dispatch(services, given.seconds)
    services.add_orders(key, given.small + 1, given.large)
    with services.connect() as db:
        settle_down(db)
        found["large"] = dispatch(services, given.seconds)
        found["before"] = sizes(services)
        db.execute(_WAIT, (given.waiting,))
        settle_down(db)
        found["waiting"] = dispatch(services, given.seconds)
        found["after"] = sizes(services)
    found["plan"] = due_plan(services, key)
    services.processes.stop("beat")
    for name in ("calls", "batch"):
        services.processes.stop(name)
    found["bare"].append(bare_celery(services, given.seconds))
    return found


def figures(found: dict[str, Any], given: argparse.Namespace) -> list[Figure]:
    bare = sum(one["per_s"] for one in found["bare"]) / 2
    small, large, waiting = (found[name]["per_s"] for name in ("small", "large", "waiting"))
    cpu = ", ".join(f"{name[:-3]} {value:.1f}" for name, value in found["small"].items() if name.endswith("_ms"))
    first, last = found["before"], found["after"]
    grown = {name: last[name] - first[name] for name in first}
    both = " and ".join(f"{one['per_s']:.0f}" for one in found["bare"])
    its_ms = sum(one["worker_ms"] for one in found["bare"]) / 2
    return [
        Figure(
            "bare_celery",
            bare,
            "tasks/s",
            f"no-op tasks, {both} before and after; its worker {its_ms:.1f} ms each",
            higher_is_better=True,
        ),
        Figure("dispatch", small, "attempts/s", f"{given.small:,} orders; CPU ms each: {cpu}", higher_is_better=True),
        Figure("dispatch_over_bare", small / bare, "x", "the second by the first", ">= 0.6", higher_is_better=True),
        Figure("dispatch_large", large, "attempts/s", f"{given.large:,} orders", higher_is_better=True),
        Figure("large_over_small", large / small, "x", "the same rate, however many orders", ">= 0.85", True),
        Figure(
            "waiting_over_small", waiting / small, "x", f"{given.waiting:,} of them wait on the ladder", ">= 0.85", True
        ),
        *(
            Figure(f"{name}_growth", grown[name], "MB", f"{part}; {last[name]:.1f} MB in all", "0", slack=1.0)
            for name, part in _PARTS.items()
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--waiting", type=int, default=300_000)
    parser.add_argument("--quick", action="store_true", help="5 s each, a tenth of the orders")
    given = parser.parse_args()
    if given.quick:
        given.seconds, given.large, given.waiting = 5.0, given.large // 10, given.waiting // 10
    with tempfile.TemporaryDirectory(prefix="dialer-bench-") as folder, Services(Path(folder)) as services:
        found = run(services, given)
    print(found.pop("plan"))
    finish("dispatch", figures(found, given), quick=given.quick)


if __name__ == "__main__":
    main()
