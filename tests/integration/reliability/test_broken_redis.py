"""A Redis that answers and refuses (out of memory, or read-only after a failover) takes no worker and no beat along."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
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

Trouble = Callable[[redis.Redis], None]


def _full(client: redis.Redis) -> None:
    client.config_set("maxmemory", 1)


def _demoted(client: redis.Redis) -> None:
    client.replicaof("127.0.0.1", "9")


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


def _refused(processes: Processes) -> bool:
    """Whether both have met a Redis that refuses them."""
    logs = [(processes.logs / f"{name}.log").read_text(errors="replace") for name in NAMES]
    return "Connection to broker lost" in logs[0] and "SchedulingError" in logs[1]


async def _until_released(ledger: Ledger, campaign: CampaignRow) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while (await order_of(ledger, campaign)).state is OrderState.NEW:  # noqa: ASYNC110 - other processes work
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("trouble", [_full, _demoted], ids=["out of memory", "read-only"])
async def test_workers_and_beat_go_on_when_redis_takes_writes_again(
    broker: EmbeddedRedis, processes: Processes, ledger: Ledger, trouble: Trouble
) -> None:
    # Given a Redis that refuses everybody
    pids = {name: processes.pid(name) for name in NAMES}
    with redis.Redis.from_url(broker.url) as client:
        trouble(client)
        noticed = await asyncio.to_thread(wait_until, lambda: _refused(processes), PATIENCE_S)
        # When it works again
        _well(client)
    # Then the same processes release the next order
    await _until_released(ledger, await make_campaign(ledger, 1))
    assert noticed
    assert all(processes.is_alive(name) for name in NAMES)
    assert pids == {name: processes.pid(name) for name in NAMES}


POISON = [b"not json", b"\xff\xfe", b"{}"]


async def test_messages_that_are_none_end_no_worker(
    broker: EmbeddedRedis, processes: Processes, ledger: Ledger
) -> None:
    # Given things in the queue that nobody of us has put there
    pid = processes.pid("batch")
    with redis.Redis.from_url(broker.url) as client:
        for poison in POISON:
            client.lpush("batch", poison)
        # When they have all been taken
        assert await asyncio.to_thread(
            wait_until, lambda: not set(POISON) & set(client.lrange("batch", 0, -1)), PATIENCE_S
        )
    # Then the same worker goes on
    await _until_released(ledger, await make_campaign(ledger, 1))
    assert processes.is_alive("batch")
    assert processes.pid("batch") == pid
