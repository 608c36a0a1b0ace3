"""Starts workers again when they die, as any service manager does."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from random import Random

import structlog

from dialer.demo.stack import Stack

log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 0.2


class Supervisor:
    """Watches the stack's workers and beats by name."""

    def __init__(self, stack: Stack, names: list[str], rng: Random) -> None:
        self.names = names
        #: Deaths that nobody ordered.
        self.died_by_themselves: Counter[str] = Counter()
        self._stack, self._rng = stack, rng
        self._killed: set[str] = set()

    async def end(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """Let it end by a signal; whoever is being started again is spared."""
        processes = self._stack.processes
        if processes.is_alive(name):
            self._killed.add(name)
            await asyncio.to_thread(processes.signal, name, how)

    async def freeze(self, name: str, for_s: float) -> None:
        """Stop it in the middle of whatever it does, and let it go on later."""
        processes = self._stack.processes
        if processes.is_alive(name):
            await asyncio.to_thread(processes.signal, name, signal.SIGSTOP)
            await asyncio.sleep(for_s)
            await asyncio.to_thread(processes.signal, name, signal.SIGCONT)

    async def watch(self) -> None:
        """Start what has ended again, for ever."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            for name in self.names:
                if not self._stack.processes.is_alive(name):
                    await self._start_again(name)

    async def _start_again(self, name: str) -> None:
        if name in self._killed:
            self._killed.discard(name)
        else:
            self.died_by_themselves[name] += 1
            log.error("worker_died_by_itself", name=name)
        await asyncio.sleep(self._rng.uniform(0.3, 1.5))
        start = self._stack.start_beat if name.startswith("beat") else self._stack.start_worker
        await asyncio.to_thread(start, name)
