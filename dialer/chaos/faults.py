"""The faults: each a short story about one part that fails."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import structlog

from dialer.chaos.proxy import CuttingProxy
from dialer.chaos.supervisor import Supervisor
from dialer.demo.stack import Stack
from dialer.embedded.children import wait_until
from dialer.errors import DialerError, InputError

log = structlog.get_logger(__name__)

#: How long the shop misbehaves, and how long the disk stays full.
SHOP_TROUBLE_S = 6.0
DISK_FULL_S = 8.0
_SMALLEST_DISK = "size=16k,mode=0755"
_RESTART_TRIES = 20
#: unshare(2): mounts of one's own.
_CLONE_NEWNS = 0x00020000


def isolate_mounts() -> bool:
    """Give this process and its children mounts of their own, which end with the last of them; False if not allowed.

    Call it before any thread is started.
    """
    if sys.platform != "linux" or ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNS) != 0:
        return False
    return _ran("mount", "--make-rprivate", "/")


class Faults:
    """Injects faults into a running stack. `names` lists what can be done here."""

    def __init__(
        self, stack: Stack, supervisor: Supervisor, proxy: CuttingProxy, rng: Random, *, may_mount: bool = False
    ) -> None:
        self._stack, self._supervisor, self._proxy, self._rng = stack, supervisor, proxy, rng
        self._may_mount = may_mount
        self._recordings = stack.folder / "calls"
        self._moved = stack.folder / "calls-before-full"
        self._doing: dict[str, Callable[[], Awaitable[None]]] = {
            "call worker killed": self._kill_call_worker,
            "batch worker killed": lambda: self._supervisor.kill("batch"),
            "beat killed": lambda: self._supervisor.kill("beat"),
            "Redis killed, data lost": self._kill_redis,
            "PostgreSQL killed": lambda: self._restart_postgres(signal.SIGKILL),
            "PostgreSQL restarted": lambda: self._restart_postgres(signal.SIGINT),
            "PBX killed": self._kill_pbx,
            "ARI events dropped": self._drop_events,
            "all ARI connections cut": self._cut_ari,
            "orders API: 500": lambda: self._trouble_shop({"error_rate": 0.7}),
            "orders API: 429": lambda: self._trouble_shop({"busy_rate": 0.7}),
            "orders API: time-outs": lambda: self._trouble_shop({"hang_rate": 0.5, "hang_s": 30.0}),
            "orders API: dropped connections": lambda: self._trouble_shop({"drop_rate": 0.6}),
            "orders API: answers lost": lambda: self._trouble_shop({"drop_after_rate": 0.6}),
            "disk of the recordings full": self._fill_disk,
        }

    @property
    def names(self) -> list[str]:
        """All faults."""
        return list(self._doing)

    async def inject(self, name: str) -> None:
        """Let one fault happen; returns when what failed is there again (workers come back by the supervisor).

        Raises InputError for a name that is none of `names`.
        """
        if name not in self._doing:
            raise InputError("fault", f"{name!r} is none of: {', '.join(self.names)}")
        log.warning("fault_injected", fault=name)
        await self._doing[name]()

    # -- processes

    async def _kill_call_worker(self) -> None:
        calls = [name for name in self._supervisor.names if name.startswith("calls")]
        await self._supervisor.kill(self._rng.choice(calls))

    async def _kill_redis(self) -> None:
        await asyncio.to_thread(self._stack.redis.kill)
        await asyncio.sleep(self._rng.uniform(0.0, 3.0))
        await asyncio.to_thread(self._stack.redis.start)

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

    async def _kill_pbx(self) -> None:
        if self._stack.asterisk is not None:
            await asyncio.to_thread(self._stack.asterisk.kill)
            await asyncio.sleep(self._rng.uniform(0.0, 2.0))
            await asyncio.to_thread(self._stack.asterisk.start)
            return
        processes = self._stack.processes
        url = processes.env["DIALER_ARI__URL"]
        processes.signal("pbx", signal.SIGKILL)
        await asyncio.to_thread(wait_until, lambda: not processes.is_alive("pbx"), 10.0)
        await asyncio.sleep(self._rng.uniform(0.0, 2.0))
        await asyncio.to_thread(self._stack.start_pbx, self._proxy.target_port)
        processes.env["DIALER_ARI__URL"] = url

    # -- connections

    async def _drop_events(self) -> None:
        self._proxy.cut(events_only=True)

    async def _cut_ari(self) -> None:
        self._proxy.cut()

    # -- the shop

    async def _trouble_shop(self, trouble: Mapping[str, Any]) -> None:
        await self._set_shop({"seed": self._rng.randrange(1000), "retry_after_s": 1.0, **trouble})
        await asyncio.sleep(SHOP_TROUBLE_S)
        await self.calm_shop()

    async def calm_shop(self) -> None:
        """The shop works as it should."""
        await self._set_shop({})

    async def _set_shop(self, plan: Mapping[str, Any]) -> None:
        url = self._stack.processes.env["DIALER_ORDERS_API__URL"] + "/_faults"
        async with aiohttp.ClientSession() as session, session.post(url, json=dict(plan)) as answer:
            answer.raise_for_status()

    # -- the disk

    async def _fill_disk(self) -> None:
        """No room for recordings: a tiny file system where that is allowed, else a file in the folder's place."""
        mounted = await asyncio.to_thread(self._mount)
        if not mounted:
            if self._recordings.is_dir():
                self._recordings.rename(self._moved)
            self._recordings.write_text("not a folder")
        await asyncio.sleep(DISK_FULL_S)
        await asyncio.to_thread(self.free_disk)

    def _mount(self) -> bool:
        if not self._may_mount:
            return False
        self._recordings.mkdir(exist_ok=True)
        return _ran("mount", "-t", "tmpfs", "-o", _SMALLEST_DISK, "dialer-chaos", self._recordings)

    def free_disk(self) -> None:
        """Room again."""
        if self._recordings.is_mount():
            _ran("umount", "-l", self._recordings)
        elif self._recordings.is_file():
            self._recordings.unlink()
            if self._moved.is_dir():
                self._moved.rename(self._recordings)


def _ran(*command: str | Path) -> bool:
    try:
        return subprocess.run([str(part) for part in command], capture_output=True, check=False).returncode == 0  # noqa: S603
    except OSError:
        return False
