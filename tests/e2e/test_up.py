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
from dialer.demo.simulated import CROWD_SEED
from dialer.embedded.children import wait_until
from dialer.settings import config_dir
from dialer.simulator.world import Crowd, World, save_phrase_bank

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

    def start(self, *options: str) -> None:
        """`dialer up`, until its workers take tasks."""
        self.processes.start("up", [*_DIALER, "up", "--lines", "4", *options], stop_timeout_s=60)
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


@pytest.fixture
def rehearsal(tmp_path: Path) -> Iterator[Shop]:
    """A machine with nothing outside of it: network, customers and shop come with `dialer up --simulate`."""
    home = tmp_path / "home"
    env = {"DIALER_HOME": str(home), "DIALER_API__PORT": str(_free_port()), "DIALER_TICK_S": "0.5"}
    processes = Processes(tmp_path / "outside", env)
    try:
        yield Shop(processes, home, tmp_path)
    finally:
        processes.close()


def _somebody_who_confirms() -> str:
    crowd = Crowd(CROWD_SEED)
    numbers = (f"+7916000{number:04d}" for number in range(1000))
    return next(phone for phone in numbers if crowd.resident(phone).persona == "confirms")


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


def test_a_rehearsal_calls_any_number_heals_itself_and_leaves_nothing(rehearsal: Shop) -> None:
    shop = rehearsal
    shop.start("--simulate")
    shop.dialer("campaign", "create", "проба", "--from", "00:00", "--to", "00:00")
    (shop.orders / "orders.csv").write_text(f"заказ;телефон;сумма\n1;{_somebody_who_confirms()};3200\n", "utf-8")
    shop.dialer("import", str(shop.orders / "orders.csv"), "--campaign", "проба")
    shop.dialer("campaign", "start", "проба")
    called = wait_until(lambda: shop.dialer("campaign", "show", "проба")["orders"]["decided"] == 1, 90)
    told = shop.dialer("report", "проба")["decisions"]

    batch, pbx = shop.pid_of("batch"), shop.pid_of("pbx")
    environment = {**os.environ, **shop.processes.env}

    second = subprocess.run(
        [sys.executable, *_DIALER, "up"], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    os.kill(batch, signal.SIGKILL)
    os.kill(pbx, signal.SIGKILL)
    again = wait_until(lambda: shop.pid_of("batch") not in (0, batch) and shop.pid_of("pbx") not in (0, pbx), 30)
    parts = [shop.pid_of(part) for part in ("batch", "calls", "beat", "api", "pbx", "shop")]
    shop.processes.stop("up", timeout_s=60)

    assert called
    assert told["confirmed"] == 1
    assert second.returncode == 2
    assert "runs already" in second.stderr
    assert again
    assert "batch has ended" in shop.said()
    assert all(parts)
    assert [pid for pid in parts if Path(f"/proc/{pid}").exists()] == []
