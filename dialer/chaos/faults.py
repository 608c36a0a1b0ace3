"""The faults: each a short story about one part that fails."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Any

import aiohttp
import structlog

from dialer import campaigns
from dialer.chaos.disk import FullDisk
from dialer.chaos.plan import CAMPAIGNS
from dialer.chaos.proxy import CuttingProxy
from dialer.chaos.services import ServiceFaults
from dialer.chaos.supervisor import Supervisor
from dialer.demo.stack import Stack
from dialer.embedded.children import wait_until
from dialer.errors import DialerError, InputError
from dialer.ledger.store import Ledger

log = structlog.get_logger(__name__)

#: How long the shop misbehaves.
SHOP_TROUBLE_S = 6.0
#: Longer than a lease (`campaign.SETTINGS`), and than a request to the PBX may take.
_FROZEN_S = (7.0, 10.0)
_STALL_S = 7.0
_STORM = 8
_DIALER = ("-c", "from dialer.cli import main; main()")


class Faults:
    """Injects faults into a running stack. `names` lists what can be done here."""

    def __init__(
        self,
        stack: Stack,
        supervisor: Supervisor,
        proxy: CuttingProxy,
        rng: Random,
        ledger: Ledger,
        *,
        may_mount: bool = False,
    ) -> None:
        self._stack, self._supervisor, self._proxy, self._rng, self._ledger = stack, supervisor, proxy, rng, ledger
        self.disk = FullDisk(stack.folder / "calls", may_mount=may_mount)
        self._doing: dict[str, Callable[[], Awaitable[None]]] = {
            "call worker killed": lambda: self._supervisor.end(self._some("calls")),
            "batch worker killed": lambda: self._supervisor.end(self._some("batch")),
            "beat killed": lambda: self._supervisor.end(self._some("beat")),
            "call worker restarted": lambda: self._supervisor.end(self._some("calls"), signal.SIGTERM),
            "worker frozen": self._freeze_worker,
            **ServiceFaults(stack, rng, ledger).faults,
            "PBX killed": self._kill_pbx,
            "ARI events dropped": self._drop_events,
            "all ARI connections cut": self._cut_ari,
            "all ARI connections stalled": self._stall_ari,
            "orders API: 500": lambda: self._trouble_shop({"error_rate": 0.7}),
            "orders API: 429": lambda: self._trouble_shop({"busy_rate": 0.7}),
            "orders API: time-outs": lambda: self._trouble_shop({"hang_rate": 0.5, "hang_s": 30.0}),
            "orders API: dropped connections": lambda: self._trouble_shop({"drop_rate": 0.6}),
            "orders API: answers lost": lambda: self._trouble_shop({"drop_after_rate": 0.6}),
            "orders API: answers after the time-out": lambda: self._trouble_shop({"late_rate": 0.6, "hang_s": 4.0}),
            "disk of the recordings full": self.disk.be_full,
            "campaigns paused and resumed": self._pause_and_resume,
            "emergency pause": self._emergency_pause,
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

    def _some(self, *kinds: str) -> str:
        return self._rng.choice([name for name in self._supervisor.names if name.startswith(kinds)])

    async def _freeze_worker(self) -> None:
        """Stopped for longer than its lease, and woken up as if nothing had happened."""
        await self._supervisor.freeze(self._some("calls", "batch"), self._rng.uniform(*_FROZEN_S))

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

    async def _stall_ari(self) -> None:
        """Requests get no answer in time, and arrive all the same in the end."""
        self._proxy.stall()
        await asyncio.sleep(_STALL_S)
        self._proxy.flow()

    # -- the shop

    async def _trouble_shop(self, trouble: Mapping[str, Any]) -> None:
        await self._set_shop({"seed": self._rng.randrange(1000), "retry_after_s": 1.0, **trouble})
        await asyncio.sleep(SHOP_TROUBLE_S)
        await self._set_shop({})

    async def _set_shop(self, plan: Mapping[str, Any]) -> None:
        url = self._stack.processes.env["DIALER_ORDERS_API__URL"] + "/_faults"
        async with aiohttp.ClientSession() as session, session.post(url, json=dict(plan)) as answer:
            answer.raise_for_status()

    # -- ops

    async def _pause_and_resume(self) -> None:
        """Somebody cannot make up his mind."""
        for _ in range(_STORM):
            for name in CAMPAIGNS:
                await campaigns.pause(self._ledger, name)
            await asyncio.sleep(self._rng.uniform(0.0, 0.3))
            await self._resume()
            await asyncio.sleep(self._rng.uniform(0.0, 0.3))

    async def _resume(self) -> None:
        for name in CAMPAIGNS:
            await campaigns.resume(self._ledger, name)

    async def _emergency_pause(self) -> None:
        """`dialer stop --all --pause` as ops type it, and on again."""
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, *_DIALER, "stop", "--all", "--pause"),
            env={**os.environ, **self._stack.processes.env},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await program.communicate()
        if program.returncode != 0:
            raise DialerError(f"dialer stop --all failed: {said.decode(errors='replace')[-300:]}")
        await self._resume()
