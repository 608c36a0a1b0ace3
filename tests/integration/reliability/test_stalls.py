"""PostgreSQL stalls for longer than a lease: that is no reason to hang up on anybody."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from dialer import campaigns
from dialer.domain.outcome import Disposition
from dialer.ledger import claims
from dialer.ledger.store import Ledger
from tests.support.factories import LEASE_S, NOW, WORKER, make_campaign, order_of, release_and_claim

LATER = NOW + timedelta(seconds=LEASE_S + 1)


async def test_a_call_whose_worker_renews_as_soon_as_it_can_is_not_hung_up(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given two attempts whose leases ran out while PostgreSQL stalled; one of the workers lives
    campaign = await make_campaign(ledger, 2)
    alive, dead = await release_and_claim(ledger)
    hung_up: list[str] = []

    async def hang_up(attempt_id: str) -> bool:
        hung_up.append(attempt_id)
        return True

    async def meanwhile(_seconds: float) -> None:
        async with ledger.begin() as tx:
            await claims.renew_leases(tx, WORKER, [alive.attempt_id], LATER + timedelta(seconds=LEASE_S))

    monkeypatch.setattr(asyncio, "sleep", meanwhile)
    # When
    counts = await campaigns.upkeep(
        ledger,
        hangup=hang_up,
        publish=lambda _: None,
        grace_s=20,
        now=LATER,
        quiet_after_restart_s=0,
        second_look_s=campaigns.SECOND_LOOK_S,
    )
    # Then
    assert hung_up == [dead.attempt_id]
    assert counts.lost == 1
    assert (await order_of(ledger, campaign, dead.order.order_id)).disposition == Disposition.LOST
    assert (await order_of(ledger, campaign, alive.order.order_id)).disposition is None
