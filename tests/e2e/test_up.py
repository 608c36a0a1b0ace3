"""`dialer up` as ops use it: a nightly campaign, a file in the watched folder, calls, a report; then an orderly end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dialer.demo.processes import Processes
from dialer.demo.stack import save_phrase_bank
from dialer.embedded.children import wait_until
from dialer.settings import config_dir
from dialer.simulator.world import World

pytestmark = pytest.mark.timeout(300)

_DIALER = ("-c", "from dialer.cli import main; main()")
_ORDERS = 4
#: A cron of every minute opens within one; then four short calls.
_CAMPAIGN_S = 150.0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Shop:
    """A small shop's machine: PBX and shop are simulated, everything else is `dialer up`."""

    processes: Processes
    home: Path
    orders: Path

    def dialer(self, *words: str, expect: int = 0) -> Any:
        """Run a command with --json on the same machine."""
        environment = {**os.environ, **self.processes.env}
        command = [sys.executable, *_DIALER, *words, "--json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == expect, done.stdout + done.stderr
        return json.loads(done.stdout)

    def start(self) -> None:
        """`dialer up`, until its workers take tasks."""
        self.processes.start("up", [*_DIALER, "up", "--lines", "4"], stop_timeout_s=60)
        logs = [self.home / "up" / "logs" / f"{name}.log" for name in ("batch", "calls")]
        assert wait_until(lambda: all(log.is_file() and "ready." in log.read_text() for log in logs), 60), self.said()

    def said(self) -> str:
        """What `dialer up` has printed."""
        return (self.processes.logs / "up.log").read_text()

    def pid_of(self, part: str) -> int:
        """The process id of one of its parts; 0 while it is being started."""
        path = self.home / "up" / f"{part}.pid"
        return int(path.read_text() or 0) if path.is_file() else 0


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    world = World.assign([f"+7970000000{number}" for number in range(1, _ORDERS + 1)], weights={"confirms": 1})
    world.save(tmp_path / "world.json")
    save_phrase_bank(world, tmp_path / "phrases.json")
    home, orders = tmp_path / "home", tmp_path / "orders"
    processes = Processes(tmp_path / "outside", {"DIALER_ARI__PASSWORD": "s3cret", "SHOP_TOKEN": "t0ken"})
    try:
        pbx = processes.start_ready("pbx", ["-m", "dialer.simulator.pbx", "--world", str(tmp_path / "world.json")])
        told = processes.start_ready("shop", ["-m", "dialer.simulator.shop", "--log", str(tmp_path / "shop.jsonl")])
        processes.env |= {
            "DIALER_HOME": str(home),
            "DIALER_ARI__URL": pbx["ari_url"],
            "DIALER_ORDERS_API__URL": f"http://127.0.0.1:{told['port']}",
            "DIALER_ORDERS_API__TOKEN": "t0ken",
            "DIALER_SPEECH__PHRASE_BANK": str(tmp_path / "phrases.json"),
            "DIALER_PICKUP__FOLDER": str(orders),
            "DIALER_PICKUP__STABLE_S": "0.5",
            "DIALER_TICK_S": "0.5",
            "DIALER_API__PORT": str(_free_port()),
        }
        orders.mkdir()
        yield Shop(processes, home, orders)
    finally:
        processes.close()


def test_a_night_in_a_small_shop(shop: Shop) -> None:
    (shop.orders / "ночь").mkdir()
    shop.start()
    shop.dialer("campaign", "create", "ночь", "--cron", "* * * * *", "--from", "00:00", "--to", "00:00")
    lines = (config_dir() / "demo_orders.csv").read_text("utf-8-sig").splitlines()[: _ORDERS + 1]

    (shop.orders / "ночь" / "orders.csv").write_text("\n".join(lines), "utf-8")
    checked = shop.dialer("doctor")
    ended = wait_until(lambda: shop.dialer("campaign", "show", "ночь")["orders"]["decided"] == _ORDERS, _CAMPAIGN_S)

    assert ended, shop.dialer("campaign", "show", "ночь")
    assert checked["healthy"], checked
    assert (shop.orders / "ночь" / "done" / "orders.csv").is_file()
    assert shop.dialer("audit")["clean"]


def test_a_part_that_dies_is_started_again_and_the_end_leaves_nothing(shop: Shop) -> None:
    shop.start()
    batch = shop.pid_of("batch")
    environment = {**os.environ, **shop.processes.env}

    second = subprocess.run(
        [sys.executable, *_DIALER, "up"], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    os.kill(batch, signal.SIGKILL)
    again = wait_until(lambda: shop.pid_of("batch") not in (0, batch), 30)
    parts = [shop.pid_of(part) for part in ("batch", "calls", "beat", "api")]
    shop.processes.stop("up", timeout_s=60)

    assert second.returncode == 2
    assert "runs already" in second.stderr
    assert again
    assert "batch has ended" in shop.said()
    assert all(parts)
    assert [pid for pid in parts if Path(f"/proc/{pid}").exists()] == []
