"""Two nodes with call workers of their own; one PBX is killed in mid-campaign: only its live calls are lost.

A call on a PBX that does not answer is held for live until its longest possible life is over: hence the short
`max_call_s`.
"""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from dialer import campaigns
from dialer.demo.stack import CELERY, Stack, StackPlan
from dialer.domain.campaign import CampaignState
from dialer.ledger.audit import audit
from dialer.ledger.store import Ledger
from dialer.simulator.world import World
from tests.support.factories import make_order, make_plan

pytestmark = pytest.mark.timeout(300)
ORDERS = 12
_LIVE = text("SELECT node, count(*) FROM attempts WHERE ended_at IS NULL AND answered_at IS NOT NULL GROUP BY node")
_ENDED = text("SELECT node, disposition, count(*) AS many FROM attempts GROUP BY node, disposition")


async def _eventually(reached: Callable[[], Awaitable[bool]], what: str, limit_s: float = 200.0) -> None:
    deadline = time.monotonic() + limit_s
    while not await reached():
        assert time.monotonic() < deadline, f"in vain: {what}"
        await asyncio.sleep(0.2)


def _start_second_pbx(stack: Stack) -> None:
    """Beside the first one, with the same password; both become nodes."""
    first = stack.processes.env["DIALER_ARI__URL"]
    second = stack.processes.start_ready(
        "pbx2", ["-m", "dialer.simulator.pbx", "--world", str(stack.world_file), "--port", "0"]
    )
    nodes = {"a": {"url": first, "lines": 4}, "b": {"url": second["ari_url"], "lines": 4}}
    stack.processes.env |= {"DIALER_NODES": json.dumps(nodes), "DIALER_ARI__NODE": "a"}


def _start_workers(stack: Stack) -> None:
    """One call worker for each node, the batch worker, beat."""
    for node in ("a", "b"):
        argv = [*CELERY, "worker", "-P", "threads", "-c", "8", "-Q", f"calls.{node}", "-n", f"{node}@dialer"]
        stack.processes.start(f"calls-{node}", argv, env={"DIALER_ARI__NODE": node})
    stack.start_worker("batch")
    for name in ("calls-a", "calls-b", "batch"):
        stack.processes.wait_for_line(name, "ready.", 90.0)
    stack.start_beat("beat")


async def test_a_node_that_dies_costs_its_live_calls_only(tmp_path: Path) -> None:
    orders = [make_order() for _ in range(ORDERS)]
    world = World.assign([order.phone for order in orders], seed=1, weights={"confirms": 1})
    stack = Stack(StackPlan(tmp_path, lines=8, time_scale=900.0, settings={"DIALER_CALLS__CAP_MARGIN_S": "1"}), world)
    ledger: Ledger | None = None
    try:
        stack.start_services()
        _start_second_pbx(stack)
        _start_workers(stack)
        ledger = Ledger(stack.postgres.url)
        plan = make_plan(name="two", lines=8, ring_timeout_s=5.0, max_call_s=30.0)
        await campaigns.import_orders(ledger, "two", [orders], create_if_missing=plan)
        await campaigns.start(ledger, "two")
        await _eventually(lambda: _both_talk(ledger), "calls on both nodes")
        async with ledger.begin() as tx:
            live = {row.node: row.count for row in await tx.execute(_LIVE)}

        stack.processes.signal("pbx2", signal.SIGKILL)
        await _eventually(lambda: _finished(ledger), "the campaign's end")
        now = await ledger.now()

        async with ledger.begin() as tx:
            ended = [(row.node, row.disposition, row.many) for row in await tx.execute(_ENDED)]
        async with ledger.begin() as tx:
            assert (await audit(tx, now)).clean
    finally:
        if ledger is not None:
            await ledger.close()
        stack.close()
    assert live["a"] and live["b"]
    on_a = Counter({disposition: many for node, disposition, many in ended if node == "a"})
    on_b = Counter({disposition: many for node, disposition, many in ended if node == "b"})
    # Every customer of this world confirms: whatever did not end so was taken by the dead node.
    assert set(on_a) <= {"answered", "not_dialed"}
    assert on_a["answered"] + on_b["answered"] == ORDERS
    assert set(on_b) <= {"answered", "lost", "hung_up", "trunk_failure", "not_dialed"}
    assert on_b["lost"] + on_b["hung_up"] <= 4


async def _both_talk(ledger: Ledger) -> bool:
    async with ledger.begin() as tx:
        return {row.node for row in await tx.execute(_LIVE)} == {"a", "b"}


async def _finished(ledger: Ledger) -> bool:
    return (await campaigns.find_campaign(ledger, "two")).state is CampaignState.FINISHED
