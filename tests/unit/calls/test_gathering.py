"""What calls ask of the ledger at the same moment goes together, and nobody pays for another's fault."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from dialer.calls.gathering import Gathering
from dialer.errors import ConflictError, LedgerError


class Work:
    """Doubles numbers; the first run waits for `go`, so that others gather behind it. `bad` numbers are refused."""

    def __init__(self, bad: dict[int, Exception] | None = None) -> None:
        self.go = asyncio.Event()
        self.begun = asyncio.Event()
        self.runs: list[list[int]] = []
        self._bad = bad or {}

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.runs.append(list(items))
        self.begun.set()
        if len(self.runs) == 1:
            await self.go.wait()
        for item in items:
            if item in self._bad:
                raise self._bad[item]
        return [2 * item for item in items]


async def _ask(work: Work, items: Sequence[int]) -> list[int | BaseException]:
    gathering = Gathering(work)
    asked = [asyncio.create_task(gathering.add(item)) for item in items]
    await work.begun.wait()
    work.go.set()
    return await asyncio.gather(*asked, return_exceptions=True)


async def test_what_comes_during_a_run_goes_together_in_the_next() -> None:
    work = Work()
    gathering = Gathering(work)
    first = asyncio.create_task(gathering.add(1))
    await work.begun.wait()
    others = [asyncio.create_task(gathering.add(number)) for number in (2, 3, 4)]
    await asyncio.sleep(0)

    work.go.set()
    results = await asyncio.gather(first, *others)

    assert work.runs == [[1], [2, 3, 4]]
    assert results == [2, 4, 6, 8]


async def test_one_that_is_refused_for_good_does_not_spoil_the_others() -> None:
    refused = ConflictError("already there")

    results = await _ask(Work({2: refused}), [1, 2, 3])

    assert results == [2, refused, 6]


async def test_a_ledger_that_is_away_is_asked_once_for_all() -> None:
    away = LedgerError("PostgreSQL: away")
    work = Work({2: away})

    results = await _ask(work, [1, 2, 3])

    assert results == [away, away, away]
    assert work.runs == [[1, 2, 3]]


async def test_a_caller_that_gives_up_takes_nobody_with_it() -> None:
    work = Work()
    gathering = Gathering(work)
    leaves, stays = asyncio.create_task(gathering.add(1)), asyncio.create_task(gathering.add(2))
    await work.begun.wait()

    leaves.cancel()
    work.go.set()

    assert await stays == 4
    with pytest.raises(asyncio.CancelledError):
        await leaves
