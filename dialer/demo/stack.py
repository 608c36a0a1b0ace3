"""The whole product on one machine: PostgreSQL, Redis, simulated shop and PBX (or a real Asterisk), workers, beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from dialer.demo.processes import Processes
from dialer.demo.simulated import start_pbx, start_shop
from dialer.embedded.asterisk import EmbeddedAsterisk
from dialer.embedded.postgres import EmbeddedPostgres
from dialer.embedded.redis import EmbeddedRedis
from dialer.ledger.store import migrate
from dialer.simulator.world import World, save_phrase_bank

log = structlog.get_logger(__name__)

#: How workers and beat are started: arguments of `python`.
CELERY = ("-m", "celery", "-A", "workers.app")


@dataclass(frozen=True, slots=True)
class StackPlan:
    """What to start. `lines` is the number of simultaneous calls over all call workers."""

    folder: Path
    lines: int
    time_scale: float = 1.0
    tick_s: float = 0.5
    call_workers: int = 1
    store_name: str = "Твой выбор"
    #: Call over SIP through a real Asterisk instead of the simulated PBX.
    asterisk: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    #: Another way to start workers and beat (fault campaigns).
    celery: Sequence[str] = CELERY
    #: Environment of single processes, by name: "calls1", "batch", "beat".
    env_of: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


class Stack:
    """Starts everything in order and ends everything on `close`."""

    def __init__(self, plan: StackPlan, world: World) -> None:
        self.plan = plan
        self.folder = plan.folder.absolute()
        self.services = self.folder / "services"
        self.services.mkdir(parents=True, exist_ok=True)
        self._world = world
        self.postgres = EmbeddedPostgres(self.services / "postgres", fast=True)
        self.redis = EmbeddedRedis(self.services / "redis")
        self.processes = Processes(self.services, {})
        self.asterisk = EmbeddedAsterisk(self.services / "asterisk") if plan.asterisk else None
        self.shop_log = self.folder / "shop.jsonl"
        self.call_records = self.folder / "pbx-calls.csv"
        self.diary = self.folder / "customers.jsonl"
        self.world_file = self.services / "world.json"

    def start_services(self) -> None:
        """PostgreSQL (migrated), Redis, the shop and the PBX."""
        self.postgres.start()
        self.redis.start()
        migrate(self.postgres.url)
        self._world.save(self.world_file)
        bank_file = self.services / "phrase-bank.json"
        save_phrase_bank(self._world, bank_file)
        self.processes.env |= {
            "DIALER_HOME": str(self.folder),
            "DIALER_DATABASE_URL": self.postgres.url,
            "DIALER_BROKER_URL": self.redis.url,
            "DIALER_STORE_NAME": self.plan.store_name,
            "DIALER_TIME_SCALE": str(self.plan.time_scale),
            "DIALER_TICK_S": str(self.plan.tick_s),
            "DIALER_SPEECH__PHRASE_BANK": str(bank_file),
            **self.plan.settings,
        }
        start_shop(self.processes, self.shop_log)
        if self.asterisk is None:
            self.start_pbx()
        else:
            self._start_asterisk(self.asterisk)

    def start_pbx(self, port: int = 0) -> None:
        """The simulated PBX; after a crash with the port that it had, so that workers find it."""
        options = ["--world", str(self.world_file), "--records", str(self.call_records), "--diary", str(self.diary)]
        start_pbx(self.processes, options, port)

    def _start_asterisk(self, asterisk: EmbeddedAsterisk) -> None:
        """A real Asterisk, trunk and callees over SIP on loopback; the customers answer by ARI."""
        asterisk.start()
        self.processes.env |= {
            "DIALER_ARI__URL": asterisk.url,
            "DIALER_ARI__USERNAME": asterisk.username,
            "DIALER_ARI__PASSWORD": asterisk.password,
            "DIALER_ARI__ENDPOINT": asterisk.endpoint,
        }
        self.processes.start_ready(
            "customers",
            [
                *("-m", "dialer.simulator.customers", "--ari-url", asterisk.url, "--username", asterisk.username),
                *("--world", str(self.world_file), "--diary", str(self.diary)),
            ],
        )

    def start_workers(self) -> None:
        """One batch worker, the call workers and beat; returns when every worker takes tasks."""
        names = ["batch", *(f"calls{number}" for number in range(1, self.plan.call_workers + 1))]
        for name in names:
            self.start_worker(name)
        for name in names:
            self.processes.wait_for_line(name, "ready.")
        self.start_beat("beat")

    def start_worker(self, name: str) -> None:
        """A worker by its name: "batch" or "batchN", or "callsN"."""
        queue = "batch" if name.startswith("batch") else "calls"
        threads = 8 if queue == "batch" else -(-self.plan.lines // self.plan.call_workers) + 2
        self.processes.start(
            name,
            [*self.plan.celery, "worker", "-P", "threads", "-c", str(threads), "-Q", queue, "-n", f"{name}@dialer"],
            stop_timeout_s=60.0,
            env=self.plan.env_of.get(name),
        )

    def start_beat(self, name: str) -> None:
        """A beat scheduler."""
        argv = [*self.plan.celery, "beat", "-s", str(self.services / f"{name}-schedule"), "--pidfile", ""]
        self.processes.start(name, argv, env=self.plan.env_of.get(name))

    def close(self) -> None:
        """End everything that was started, workers first, whatever may go wrong with one of them."""
        with ExitStack() as ends:
            ends.callback(self.postgres.stop)
            ends.callback(self.redis.stop)
            if self.asterisk is not None:
                ends.callback(self.asterisk.stop)
            ends.callback(self.processes.close)
