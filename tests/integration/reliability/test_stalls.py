"""Stalls: a PostgreSQL that was slow for everybody, and a worker that froze and holds on to what it has locked."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from dialer import campaigns
from dialer.domain.campaign import CampaignState
from dialer.domain.order import OrderState
from dialer.domain.outcome import Disposition
from dialer.errors import LedgerError
from dialer.ledger import claims
from dialer.ledger.orders import count_orders
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


async def _lock(ledger: Ledger, attempt_id: str) -> None:
    """Whoever wants to change the attempt waits in vain (SQLSTATE 55P03), as if a frozen worker held its row."""
    async with ledger.begin() as tx:
        await tx.execute(
            text(
                "CREATE FUNCTION locked() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'canceling statement due to lock timeout' USING ERRCODE = '55P03'; END $$"
            )
        )
        await tx.execute(
            text(
                "CREATE TRIGGER locked BEFORE UPDATE ON attempts FOR EACH ROW "
                f"WHEN (OLD.id = '{attempt_id}') EXECUTE FUNCTION locked()"
            )
        )


async def _hang_up(_attempt_id: str) -> bool:
    return True


async def test_an_attempt_that_is_locked_holds_up_no_other(ledger: Ledger) -> None:
    # Given two attempts that are overdue, and one that nobody can lock
    campaign = await make_campaign(ledger, 2)
    locked, free = await release_and_claim(ledger)
    await _lock(ledger, locked.attempt_id)
    # When
    counts = await campaigns.upkeep(
        ledger, hangup=_hang_up, publish=lambda _: None, grace_s=20, now=LATER, quiet_after_restart_s=0
    )
    # Then
    assert (counts.lost, counts.kept) == (1, 1)
    assert (await order_of(ledger, campaign, free.order.order_id)).disposition == Disposition.LOST


async def test_an_emergency_stop_stops_what_it_can_and_says_that_something_is_left(ledger: Ledger) -> None:
    # Given two calls and one order that waits, and a row that somebody holds
    campaign = await make_campaign(ledger, 3, lines=2)
    locked, free = await release_and_claim(ledger)
    await _lock(ledger, locked.attempt_id)
    hung_up: set[str] = set()

    async def hang_up(attempt_id: str) -> bool:
        hung_up.add(attempt_id)
        return True

    # When
    with pytest.raises(LedgerError):
        await campaigns.stop_all(ledger, hang_up, now=NOW)
    # Then
    assert hung_up == {locked.attempt_id, free.attempt_id}
    assert (await campaigns.find_campaign(ledger, campaign.name)).state is CampaignState.STOPPED
    async with ledger.begin() as tx:
        counts = await count_orders(tx, campaign.id)
    assert (counts[OrderState.DIALING], counts[OrderState.SKIPPED]) == (1, 2)
