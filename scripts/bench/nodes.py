"""Two real Asterisk nodes with a call worker each: phones that ring and are not answered."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from dialer.demo.stack import CELERY
from dialer.embedded.asterisk import EmbeddedAsterisk
from dialer.embedded.asterisk_program import find_asterisk
from dialer.ledger.store import Ledger
from dialer.ledger.trunks import set_drained
from dialer.simulator.world import World
from scripts.bench.services import Services

LINES, RING_S, RAMP_S = 20, 5.0, 7.0
ORDERS = 400
#: Three waves of calls: they end together, and the next tick releases as many.
WINDOW_S = 18.0


def two_nodes(folder: Path) -> dict[int, float] | None:
    """Calls ended per second on one node and on both; None where there is no Asterisk."""
    if find_asterisk() is None:
        return None
    rates = {}
    with (
        EmbeddedAsterisk(folder / "asterisk-a") as first,
        EmbeddedAsterisk(folder / "asterisk-b") as second,
        Services(folder) as services,
    ):
        services.make_campaign(ORDERS, lines=2 * LINES, ring_timeout_s=RING_S)
        _start(services, {"a": first, "b": second})
        for number, drained in ((1, True), (2, False)):
            services.with_ledger(partial(_drain_b, drained=drained))
            services.start_campaign()
            time.sleep(RAMP_S)
            rates[number] = _rate(services)
            services.pause_campaign()
            time.sleep(RING_S + 1)
    return rates


async def _drain_b(ledger: Ledger, drained: bool) -> None:
    async with ledger.begin() as tx:
        await set_drained(tx, "b", drained=drained)


def _start(services: Services, nodes: dict[str, EmbeddedAsterisk]) -> None:
    """The called customers of each node, its call worker, the batch worker and beat."""
    with services.connect() as db:
        phones = [row[0] for row in db.execute("SELECT phone FROM orders")]
    world = services.folder / "world.json"
    silent = World.assign(phones, seed=1)
    World(
        {phone: replace(one, persona="no_answer", failures_before_answer=99) for phone, one in silent.residents.items()}
    ).save(world)
    spelt = {name: {"url": node.url, "lines": LINES} for name, node in nodes.items()}
    services.processes.env |= {"DIALER_NODES": json.dumps(spelt), "DIALER_ARI__NODE": "a"}
    for name, node in nodes.items():
        login = {"DIALER_ARI__USERNAME": node.username, "DIALER_ARI__PASSWORD": node.password, "DIALER_ARI__NODE": name}
        services.processes.start(
            f"customers-{name}",
            ["-m", "dialer.simulator.customers", "--ari-url", node.url, "--world", str(world)],
            env=login,
        )
        argv = [*CELERY, "worker", "-P", "threads", "-c", str(LINES + 4), "-Q", f"calls.{name}", "-n", f"{name}@bench"]
        services.processes.start(f"calls-{name}", argv, env=login)
    services.start_worker("batch", "batch", 8)
    for name in [*(f"calls-{node}" for node in nodes), "batch"]:
        services.processes.wait_for_line(name, "ready.", 60.0)
    services.start_beat()


def _rate(services: Services) -> float:
    with services.connect() as db:
        begin = db.execute("SELECT clock_timestamp()").fetchone()[0]
        time.sleep(WINDOW_S)
        count, took = db.execute(
            "SELECT count(*), clock_timestamp() - %s FROM attempts WHERE ended_at >= %s AND disposition = 'no_answer'",
            (begin, begin),
        ).fetchone()
    return count / took.total_seconds()
