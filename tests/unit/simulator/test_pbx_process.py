"""The simulated PBX as a process of its own."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import aiohttp

from dialer.simulator.pbx import read_calls
from dialer.simulator.world import World


async def test_it_says_where_it_listens_serves_a_world_and_ends_on_sigterm(tmp_path: Path) -> None:
    world, records, ready = tmp_path / "world.json", tmp_path / "calls.csv", tmp_path / "ready.json"
    World.assign(["+79161234567"], weights={"wrong_number": 1}).save(world)
    command = ["-m", "dialer.simulator.pbx", "--world", str(world), "--records", str(records), "--ready", str(ready)]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    shown = json.loads(await process.stdout.readline())
    access = json.loads(ready.read_text())
    assert access == {**shown, "password": access["password"]}
    assert "password" not in shown

    headers = {"Authorization": aiohttp.encode_basic_auth(access["username"], access["password"])}
    dial = {"endpoint": "PJSIP/79161234567@trunk", "app": "test", "channelId": "a-1"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.ws_connect(f"{access['ari_url']}/events?app=test") as events,
    ):
        async with session.post(f"{access['ari_url']}/channels", json=dial) as response:
            assert response.status == 200
        while json.loads((await events.receive()).data)["type"] != "ChannelDestroyed":
            continue
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    assert [call.cause for call in read_calls(records)] == [1]


async def test_a_missing_world_file_is_one_clear_line(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "dialer.simulator.pbx",
        "--world",
        str(tmp_path / "none.json"),
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert errors.decode().startswith("simulated PBX: world: ")
    assert len(errors.splitlines()) == 1
