"""What the measurements of dispatch and scale run on: PostgreSQL, Redis, workers with null lines, and beat."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import time as time_of_day
from pathlib import Path
from typing import Any

import psycopg
import redis

from dialer import campaigns
from dialer.demo.processes import Processes
from dialer.demo.stack import CELERY
from dialer.domain.campaign import CampaignPlan
from dialer.domain.policy import CallingWindow
from dialer.embedded.postgres import EmbeddedPostgres
from dialer.embedded.redis import EmbeddedRedis
from dialer.ledger.store import Ledger, migrate

CAMPAIGN = "bench"
_TICKS = os.sysconf("SC_CLK_TCK")
_NULL_CELERY = ("-m", "scripts.bench.null_worker", "-A", "workers.app")
#: Orders as an import leaves them; phones are unique and valid, an eighth of the customers has a zone of its own.
_MAKE_ORDERS = """
    INSERT INTO orders (order_id, phone, amount, customer_name, address, timezone, attributes, campaign_id, state,
        due_at, created_at)
    SELECT 'o' || n, '+7' || (9100000000 + n), 100 + n %% 9000, 'Анна Сергеевна', 'Казань, Лесная, ' || n %% 200,
        CASE WHEN n %% 8 = 0 THEN 'Asia/Yekaterinburg' ELSE '' END, '{}', %(campaign)s, 'new', now(), now()
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
"""


@dataclass
class Services:
    """PostgreSQL (with fsync, as in production), Redis and child processes in one folder."""

    folder: Path
    processes: Processes = field(init=False)

    def __post_init__(self) -> None:
        self.postgres = EmbeddedPostgres(self.folder / "postgres")
        self.redis = EmbeddedRedis(self.folder / "redis")

    def __enter__(self) -> Services:
        self.postgres.start()
        self.redis.start()
        migrate(self.postgres.url)
        self.processes = Processes(
            self.folder,
            {
                "DIALER_HOME": str(self.folder),
                "DIALER_DATABASE_URL": self.postgres.url,
                "DIALER_BROKER_URL": self.redis.url,
                "DIALER_SPEECH__RECOGNIZER": "openai",
                "DIALER_OPENAI__API_KEY": "bench",
            },
        )
        return self

    def __exit__(self, *_exc: object) -> None:
        self.processes.close()
        self.redis.stop()
        self.postgres.stop()

    def connect(self) -> psycopg.Connection[Any]:
        """A connection of the bench's own."""
        return psycopg.connect(self.postgres.url.replace("+psycopg", ""), autocommit=True)

    def broker(self) -> redis.Redis:
        return redis.Redis.from_url(self.redis.url)

    def make_campaign(self, orders: int, **plan: Any) -> int:
        """A campaign that may call at any hour, with so many new orders; not started. Returns its key."""
        always = CallingWindow(start=time_of_day(0, 0), end=time_of_day(0, 0), weekdays=tuple(range(1, 8)))
        made = CampaignPlan(name=CAMPAIGN, window=always, **plan)
        self.with_ledger(lambda ledger: campaigns.create_campaign(ledger, made))
        with self.connect() as db:
            key = db.execute("SELECT id FROM campaigns WHERE name = %s", (CAMPAIGN,)).fetchone()[0]
        self.add_orders(key, 1, orders)
        return int(key)

    def add_orders(self, campaign: int, first: int, last: int) -> None:
        with self.connect() as db:
            for start in range(first, last + 1, 200_000):
                chunk = {"campaign": campaign, "first": start, "last": min(start + 199_999, last)}
                db.execute(_MAKE_ORDERS, chunk)

    def with_ledger(self, work: Any) -> Any:
        """Run one use case."""

        async def run() -> Any:
            ledger = Ledger(self.postgres.url)
            try:
                return await work(ledger)
            finally:
                await ledger.close()

        return asyncio.run(run())

    def start_campaign(self) -> None:
        """Start it, or go on after a pause."""
        with self.connect() as db:
            state = db.execute("SELECT state FROM campaigns WHERE name = %s", (CAMPAIGN,)).fetchone()[0]
        move = campaigns.resume if state == "paused" else campaigns.start
        self.with_ledger(lambda ledger: move(ledger, CAMPAIGN))

    def pause_campaign(self) -> None:
        self.with_ledger(lambda ledger: campaigns.pause(ledger, CAMPAIGN))

    def start_worker(self, name: str, queue: str, threads: int, env: dict[str, str] | None = None) -> None:
        """A worker of the product; on a calls queue with null lines."""
        celery = CELERY if queue == "batch" else _NULL_CELERY
        argv = [*celery, "worker", "-P", "threads", "-c", str(threads), "-Q", queue, "-n", f"{name}@bench"]
        self.processes.start(name, argv, stop_timeout_s=30.0, env=env)

    def start_beat(self) -> None:
        argv = [*CELERY, "beat", "-s", str(self.folder / "beat-schedule"), "--pidfile", ""]
        self.processes.start("beat", argv)

    def cpu_s(self, names: Sequence[str]) -> dict[str, float]:
        """CPU seconds so far of children by name, of redis and of postgres."""
        pids = {name: [self.processes.pid(name)] for name in names}
        pids["redis"] = [self.redis.pid or 0]
        pids["postgres"] = _with_children(self.postgres.pid or 0)
        return {name: sum(map(_cpu_s, of)) for name, of in pids.items()}

    def rss_mb(self, name: str) -> float:
        """Memory of a child."""
        status = Path(f"/proc/{self.processes.pid(name)}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


def _with_children(pid: int) -> list[int]:
    found = [pid]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                    found.append(int(entry.name))
    return found


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS
