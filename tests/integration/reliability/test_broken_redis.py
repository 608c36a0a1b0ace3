"""A Redis that answers and refuses (out of memory, or read-only after a failover) takes no worker and no beat along."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from dialer.demo.processes import Processes
from dialer.demo.stack import CELERY
from dialer.domain.order import OrderState
from dialer.embedded.children import wait_until
from dialer.embedded.redis import EmbeddedRedis, redis_program
from dialer.ledger.campaigns import CampaignRow
from dialer.ledger.store import Ledger
from tests.support.factories import make_campaign, order_of
from tests.support.real_parts import missing

pytestmark = pytest.mark.timeout(120)
PATIENCE_S = 40.0
NAMES = ("batch", "beat")


def _full(client: redis.Redis) -> None:
    client.config_set("maxmemory", 1)


def _demoted(client: redis.Redis) -> None:
    client.replicaof("127.0.0.1", "9")


def _garbled(client: redis.Redis) -> None:
    client.lpush("batch", b"not json", b"\xff\xfe", b"{}")


def _well(client: redis.Redis) -> None:
    client.replicaof("NO", "ONE")
    client.config_set("maxmemory", 0)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    if redis_program() is None:
        missing("no redis-server: fakeredis neither fills up nor fails over")
    with EmbeddedRedis(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def processes(tmp_path: Path, broker: EmbeddedRedis, database_url: str) -> Iterator[Processes]:
    """A batch worker and a beat that work."""
    env = {
        "DIALER_HOME": str(tmp_path / "home"),
        "DIALER_DATABASE_URL": database_url,
        "DIALER_BROKER_URL": broker.url,
        "DIALER_TICK_S": "0.2",
    }
    running = Processes(tmp_path / "processes", env)
    running.start("batch", [*CELERY, "worker", "-P", "threads", "-c", "4", "-Q", "batch", "-n", "batch@test"])
    running.start("beat", [*CELERY, "beat", "-s", str(tmp_path / "schedule"), "--pidfile", ""])
    running.wait_for_line("batch", "ready.")
    yield running
    running.close()


def _noticed(processes: Processes) -> int:
    """How often the worker has met a refusal, or has begun anew with its broker because of one."""
    said = (processes.logs / "batch.log").read_text(errors="replace")
    return said.count("Connection to broker lost") + said.count("Redis error, will retry")


async def _until_released(ledger: Ledger, campaign: CampaignRow) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while (await order_of(ledger, campaign)).state is OrderState.NEW:  # noqa: ASYNC110 - other processes work
            await asyncio.sleep(0.1)


async def test_no_trouble_of_the_broker_ends_a_worker_or_a_beat(
    broker: EmbeddedRedis, processes: Processes, ledger: Ledger
) -> None:
    pids = {name: processes.pid(name) for name in NAMES}
    with redis.Redis.from_url(broker.url) as client:
        for trouble in (_full, _demoted, _garbled):
            # Given a Redis that refuses everybody, or hands out messages that are none
            known = _noticed(processes)
            trouble(client)
            assert await asyncio.to_thread(wait_until, lambda known=known: _noticed(processes) > known, PATIENCE_S)
            # When it works again
            _well(client)
            # Then the same processes release the next order
            await _until_released(ledger, await make_campaign(ledger, 1))
            assert all(processes.is_alive(name) for name in NAMES), trouble
            assert pids == {name: processes.pid(name) for name in NAMES}, trouble
