"""Group commit: what many calls ask of the ledger at the same moment is done in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from dialer.errors import DialerError

T = TypeVar("T")
R = TypeVar("R")

#: Items in one transaction, so that no lock is held for long.
MOST_TOGETHER = 100
#: How long to wait for more, once several calls want something at the same time: no customer hears it.
LINGER_S = 0.05


class Gathering(Generic[T, R]):
    """Runs `work` on the items that came during its last run and shortly after; one that comes alone waits for
    nothing.

    `work` gives one result for each item, in one transaction. When it fails for good it is repeated with each item
    alone, so that nobody pays for another's fault; when the ledger is away, all of them are told so.
    """

    def __init__(self, work: Callable[[Sequence[T]], Awaitable[Sequence[R]]]) -> None:
        self._work = work
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._running: asyncio.Task[None] | None = None

    async def add(self, item: T) -> R:
        """This item's result. Raises what `work` raises."""
        result: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, result))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await result

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
            await self._do(batch)
            if self._waiting:
                await asyncio.sleep(LINGER_S)

    async def _do(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            results = await self._work([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - whatever it is, those who asked are told
            if len(batch) > 1 and (not isinstance(error, DialerError) or error.permanent):
                for one in batch:
                    await self._do([one])
                return
            for _, result in batch:
                if not result.done():
                    result.set_exception(error)
        else:
            for (_, result), value in zip(batch, results, strict=True):
                if not result.done():
                    result.set_result(value)
