"""Stopping for real: the emergency stop, and the end of a worker in the middle of its calls."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from dialer import campaigns
from dialer.domain.order import OrderState
from dialer.embedded.children import wait_until
from tests.support.live_campaign import LiveCampaign, live_campaign

pytestmark = pytest.mark.timeout(240)


def _stop_all(live: LiveCampaign, *options: str) -> dict[str, Any]:
    command = [sys.executable, "-c", "from dialer.cli import main; main()", "stop", "--all", "--json", *options]
    env = {**os.environ, **live.stack.processes.env}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=60)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


async def _until_nothing_rings(live: LiveCampaign) -> None:
    """Every call that the PBX knows of has ended."""
    ended = await asyncio.to_thread(wait_until, lambda: all(call.ended_at for call in live.dials()), 20.0)
    assert ended, "calls are still up"


async def test_the_emergency_stop_hangs_up_every_call(tmp_path: Path) -> None:
    # Given twenty customers on the phone and ten more to call
    async with live_campaign(tmp_path, {"silent": 30}, lines=20, script="delivery") as live:
        await live.until_talking(20)
        # When
        asked_at = time.time()
        stopped = await asyncio.to_thread(_stop_all, live)
        # Then every call ends, and the PBX sees no other
        await _until_nothing_rings(live)
        dials = live.dials()
        ends = [call.ended_at.timestamp() - asked_at for call in dials if call.ended_at]
        print(f"calls {len(dials)}, last hang-up {max(ends):.2f} s after the command began, {stopped}")
        assert stopped["campaigns"] == 1
        assert stopped["calls"] == 20
        after = await live.progress()
        assert after.states == {OrderState.SKIPPED: 30}
        assert (await live.audit()).clean


async def test_workers_hang_up_by_themselves_when_nobody_else_can(tmp_path: Path) -> None:
    # Given calls that the stopping process cannot reach
    async with live_campaign(tmp_path, {"silent": 6}, lines=6, script="delivery") as live:
        await live.until_talking(6)
        reachable = live.stack.processes.env["DIALER_ARI__URL"]
        live.stack.processes.env["DIALER_ARI__URL"] = "http://127.0.0.1:9/ari"
        # When
        asked_at = time.time()
        stopped = await asyncio.to_thread(_stop_all, live)
        live.stack.processes.env["DIALER_ARI__URL"] = reachable
        # Then
        assert stopped["left_to_workers"] == 6
        await _until_nothing_rings(live)
        ends = [call.ended_at.timestamp() - asked_at for call in live.dials() if call.ended_at]
        print(f"last hang-up {max(ends):.2f} s after the command began")
        assert (await live.audit()).clean


async def test_a_pause_in_an_emergency_can_be_resumed(tmp_path: Path) -> None:
    # Given
    async with live_campaign(tmp_path, {"confirms": 6}, lines=4) as live:
        await live.until_talking(3)
        # When
        await asyncio.to_thread(_stop_all, live, "--pause")
        await _until_nothing_rings(live)
        await campaigns.resume(live.ledger, "live")
        over = await live.until_over()
        # Then everybody is called in the end
        assert over.states == {OrderState.DECIDED: 6}
        assert (await live.audit()).clean


async def test_a_worker_that_is_told_to_end_lets_its_calls_end_first(tmp_path: Path) -> None:
    # Given one call worker with live calls
    async with live_campaign(tmp_path, {"confirms": 6}, lines=4) as live:
        await live.until_talking(4)
        talking = {call.attempt_id for call in await live.live() if call.state is OrderState.TALKING}
        # When it is told to end, and another one takes its place
        await asyncio.to_thread(live.stack.processes.stop, "calls1", 120.0)
        cut = [call for call in live.dials() if call.ended_at is None]
        live.stack.start_worker("calls1")
        over = await live.until_over()
        # Then its calls came to their decisions, and nobody was called twice
        assert talking
        assert cut == []
        assert over.states == {OrderState.DECIDED: 6}
        assert len(live.dials()) == 6
        assert (await live.audit()).clean


async def test_a_rolling_restart_of_the_call_workers_drops_no_call(tmp_path: Path) -> None:
    # Given
    workers = ("batch", "calls1", "calls2")
    async with live_campaign(tmp_path, {"confirms": 16}, lines=6, workers=workers) as live:
        await live.until(lambda now: now.final >= 1)
        # When each worker is restarted in turn, in the middle of the campaign
        for name in ("calls1", "calls2"):
            await live.until_talking(3)
            await asyncio.to_thread(live.stack.processes.stop, name, 120.0)
            await asyncio.to_thread(live.stack.start_worker, name)
            await asyncio.to_thread(live.stack.processes.wait_for_line, name, "ready.")
        over = await live.until_over()
        # Then every customer was called exactly once
        assert over.states == {OrderState.DECIDED: 16}
        assert len(live.dials()) == 16
        assert (await live.audit()).clean


async def test_neither_secrets_nor_customers_show_in_process_lists_and_logs(tmp_path: Path) -> None:
    # Given a campaign that has run, with a shop that refuses and a customer who hangs up
    async with live_campaign(tmp_path, {"confirms": 2, "hangs_up_early": 1, "busy": 1}, lines=4) as live:
        await live.until(lambda now: now.final >= 2)
        # When
        env = live.stack.processes.env
        secrets = [env["DIALER_ARI__PASSWORD"], env["DIALER_ORDERS_API__TOKEN"], live.stack.redis.url.split("@")[0][9:]]
        shown = [path.read_text(errors="replace") for path in live.stack.processes.logs.glob("*.log")]
        shown += _command_lines()
        # Then
        assert all(secrets)
        for text in shown:
            assert not any(secret in text for secret in secrets)
            assert "7916555" not in text


def _command_lines() -> list[str]:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended
            lines.append(path.read_text(errors="replace"))
    return lines
