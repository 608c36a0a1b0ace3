"""Faults of the servers that everything stands on: PostgreSQL and Redis."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import redis
from sqlalchemy import text

from dialer.demo.stack import Stack
from dialer.embedded.redis import redis_program
from dialer.errors import DialerError, LedgerError
from dialer.ledger.store import Ledger

_RESTART_TRIES = 20
_CUT_FOR_S = 3.0
_CUT_EVERY_S = 0.03
_REDIS_TROUBLE_S = 6.0
_GARBAGE = (b"not json", b"\xff\xfe", b"[]", b"{}", b'{"body": "", "properties": {}}')
#: Longer than a lease.
_STALL_S = 8.0
#: Half of all connections, in the middle of whatever they do: whether a commit was carried out is anybody's guess.
_CUT = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.5"
)


class ServiceFaults:
    """Breaks PostgreSQL and Redis. `faults` is what can be done here, by name."""

    def __init__(self, stack: Stack, rng: Random, ledger: Ledger) -> None:
        self._stack, self._rng, self._ledger = stack, rng, ledger
        self.faults: dict[str, Callable[[], Awaitable[None]]] = {
            "Redis killed, data lost": self._kill_redis,
            "garbage on the queues": self._put_garbage,
            "PostgreSQL killed": lambda: self._restart_postgres(signal.SIGKILL),
            "PostgreSQL restarted": lambda: self._restart_postgres(signal.SIGINT),
            "PostgreSQL connections cut": self._cut_connections,
            "PostgreSQL stalled": self._stall_postgres,
        }
        if redis_program() is not None:
            self.faults |= {
                "Redis out of memory": lambda: self._trouble_redis({"maxmemory": 1}, {"maxmemory": 0}),
                "Redis read-only": self._demote_redis,
            }

    # -- Redis

    async def _kill_redis(self) -> None:
        await asyncio.to_thread(self._stack.redis.kill)
        await asyncio.sleep(self._rng.uniform(0.0, 3.0))
        await asyncio.to_thread(self._stack.redis.start)

    async def _trouble_redis(self, trouble: Mapping[str, Any], calm: Mapping[str, Any]) -> None:
        """Settings that make Redis refuse commands, for a while."""
        with self._client() as client:
            for setting in (trouble, calm):
                for name, value in setting.items():
                    await asyncio.to_thread(client.config_set, name, value)
                await asyncio.sleep(_REDIS_TROUBLE_S if setting is trouble else 0.0)

    async def _demote_redis(self) -> None:
        """A replica of nobody, as after a failover: reads are answered, writes are refused."""
        with self._client() as client:
            await asyncio.to_thread(client.replicaof, "127.0.0.1", "9")
            await asyncio.sleep(_REDIS_TROUBLE_S)
            await asyncio.to_thread(client.replicaof, "NO", "ONE")

    async def _put_garbage(self) -> None:
        """Messages that are none."""
        with self._client() as client:
            for queue in ("batch", "calls"):
                await asyncio.to_thread(client.lpush, queue, self._rng.choice(_GARBAGE))

    def _client(self) -> redis.Redis:
        return redis.Redis.from_url(self._stack.redis.url)

    # -- PostgreSQL

    async def _restart_postgres(self, how: signal.Signals) -> None:
        await asyncio.to_thread(self._stack.postgres.kill, how)
        await asyncio.sleep(self._rng.uniform(0.0, 3.0))
        for _ in range(_RESTART_TRIES):
            # After SIGKILL, backends may hold the shared memory for a moment.
            with contextlib.suppress(DialerError):
                await asyncio.to_thread(self._stack.postgres.start)
                return
            await asyncio.sleep(0.5)
        raise DialerError("PostgreSQL did not come back")

    async def _cut_connections(self) -> None:
        ends_at = asyncio.get_running_loop().time() + _CUT_FOR_S
        while asyncio.get_running_loop().time() < ends_at:
            with contextlib.suppress(LedgerError):
                async with self._ledger.begin() as tx:
                    await tx.execute(_CUT)
            await asyncio.sleep(_CUT_EVERY_S)

    async def _stall_postgres(self) -> None:
        """A server that does not answer, and does not break connections either."""
        pid = self._stack.postgres.pid
        processes = [] if pid is None else [pid, *_children(pid)]
        _signal(processes, signal.SIGSTOP)
        try:
            await asyncio.sleep(_STALL_S)
        finally:
            _signal(processes, signal.SIGCONT)


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _signal(processes: list[int], how: signal.Signals) -> None:
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
