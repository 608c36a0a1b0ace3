"""Back-pressure: what workers report of their providers decides how many calls are released."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from structlog.testing import CapturingLogger

from dialer.campaigns import dispatch, release_batch
from dialer.ledger import providers
from dialer.ledger.providers import Flow
from tests.support.factories import NOW, make_campaign

if TYPE_CHECKING:
    from datetime import datetime

    from dialer.ledger.store import Ledger


async def report(ledger: Ledger, now: datetime = NOW, worker: str = "w1", **healths: bool) -> None:
    async with ledger.begin() as tx:
        await providers.report(tx, worker, healths, now)


async def flow(ledger: Ledger, now: datetime = NOW) -> Flow:
    async with ledger.begin() as tx:
        return providers.worst(await providers.standings(tx, now))


async def released(ledger: Ledger, now: datetime = NOW) -> int:
    return await release_batch(ledger, node="default", publish=lambda _attempts: None, now=now)


async def test_without_reports_calls_flow(ledger: Ledger) -> None:
    assert await flow(ledger) is Flow.FULL


@pytest.mark.parametrize("lost", ["hearing", "speaking"])
async def test_a_lost_provider_slows_then_stops_then_lets_go_again(ledger: Ledger, lost: str) -> None:
    await make_campaign(ledger, 30, lines=10)
    await report(ledger, hearing=True, speaking=True, model=True)
    assert await released(ledger) == 10

    await report(ledger, **{lost: False})
    assert await flow(ledger) is Flow.SLOW
    later = NOW + timedelta(seconds=providers.STOP_AFTER_S)
    await report(ledger, later, **{lost: False})

    assert await flow(ledger, later) is Flow.STOPPED
    await report(ledger, later, **{lost: True})
    assert await flow(ledger, later) is Flow.FULL


async def test_the_dispatcher_keeps_to_it(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    said = CapturingLogger()
    monkeypatch.setattr(dispatch, "log", said)
    monkeypatch.setattr(dispatch, "_told", dispatch._Told())
    await make_campaign(ledger, 30, lines=10)
    await report(ledger, hearing=False)
    later = NOW + timedelta(seconds=40)

    slow = await released(ledger)
    await report(ledger, later, hearing=False)
    stopped = await released(ledger, later)
    await report(ledger, later, hearing=True)
    full = await released(ledger, later)

    assert (slow, stopped, full) == (1, 0, 9)
    assert [call.args[0] for call in said.calls] == ["release_slowed", "release_stopped", "release_back_to_full"]


async def test_a_lost_language_model_slows_and_never_stops(ledger: Ledger) -> None:
    await report(ledger, model=False)
    later = NOW + timedelta(hours=1)
    await report(ledger, later, model=False)

    assert await flow(ledger, later) is Flow.SLOW


async def test_as_long_as_one_worker_hears_nothing_stops(ledger: Ledger) -> None:
    later = NOW + timedelta(minutes=5)
    for moment in (NOW, later):
        await report(ledger, moment, worker="w1", hearing=False)
        await report(ledger, moment, worker="w2", hearing=True)

    assert await flow(ledger, later) is Flow.SLOW


async def test_a_dead_workers_report_counts_for_nothing(ledger: Ledger) -> None:
    await report(ledger, hearing=False)

    assert await flow(ledger, NOW + timedelta(seconds=providers.FRESH_S + 1)) is Flow.FULL
