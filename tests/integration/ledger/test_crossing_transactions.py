"""Two transactions that cross: whoever has waited for the other looks again before it acts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from dialer import campaigns, privacy
from dialer.campaigns.arrivals import campaign_for_orders
from dialer.domain.campaign import CampaignState
from dialer.domain.outcome import Decision, Disposition, Outcome
from dialer.domain.policy import CallingWindow, Decided
from dialer.errors import ConflictError
from dialer.ledger import claims, orders
from dialer.ledger.campaigns import update_plan
from tests.support.factories import (
    NOW,
    WORKER,
    make_campaign,
    make_order,
    order_of,
    release_and_claim,
    settle,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from dialer.campaigns import CampaignRow
    from dialer.ledger.store import Ledger

_WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


async def _ends_or_waits_for_a_lock(ledger: Ledger, work: asyncio.Task[object]) -> None:
    """Until the work has ended, or stands before a row that another transaction has locked."""
    while not work.done():
        async with ledger.begin() as tx:
            if (await tx.execute(_WAITING)).scalar_one():
                return
        await asyncio.sleep(0)


async def _while_an_order_comes_in(ledger: Ledger, campaign: CampaignRow, work: Awaitable[object]) -> None:
    """Begin `work` after an import has put its order in, and before the import is committed."""
    async with ledger.begin() as tx:
        known = await campaign_for_orders(tx, campaign.name, NOW)
        batch = await orders.open_batch(tx, known.id, "test", NOW)
        await orders.insert_orders(tx, known.id, batch, [make_order()], NOW)
        begun = asyncio.ensure_future(work)
        await _ends_or_waits_for_a_lock(ledger, begun)
    await begun


async def test_a_campaign_does_not_finish_under_an_import(ledger: Ledger) -> None:
    # Given a campaign whose only order has ended
    campaign = await make_campaign(ledger)
    (job,) = await release_and_claim(ledger)
    await settle(ledger, job.attempt_id)
    # When upkeep comes while the next order is being imported
    await _while_an_order_comes_in(ledger, campaign, campaigns.finish_done(ledger, NOW))
    # Then it goes on
    assert (await campaigns.find_campaign(ledger, campaign.name)).state is CampaignState.RUNNING


async def test_a_campaigns_last_day_does_not_end_under_an_import(ledger: Ledger) -> None:
    # Given a campaign without orders on its last day
    last_day = CallingWindow(time(0), time(0), timezone="UTC", valid_until=NOW.date())
    campaign = await make_campaign(ledger, 0, window=last_day)
    midnight = datetime.combine(NOW.date(), time(23, 59, 59), UTC).replace(day=NOW.day + 1)
    # When the day ends while an order is being imported
    await _while_an_order_comes_in(ledger, campaign, campaigns.close_expired(ledger, midnight))
    # Then the next look skips the order, and nothing is left behind in a finished campaign
    await campaigns.close_expired(ledger, midnight)
    assert (await order_of(ledger, campaign)).skip_reason == "expired"


async def test_of_two_changes_of_a_plan_none_is_lost(ledger: Ledger) -> None:
    # Given a change that is not committed yet
    campaign = await make_campaign(ledger, lines=10)
    async with ledger.begin() as tx:
        await update_plan(tx, campaign.id, replace(campaign.plan, lines=3))
        # When somebody changes something else
        change = campaigns.change_plan(ledger, campaign.name, lambda plan: replace(plan, caller_id="+74951234567"))
        changing = asyncio.ensure_future(change)
        await _ends_or_waits_for_a_lock(ledger, changing)
    await changing
    # Then both hold
    plan = (await campaigns.find_campaign(ledger, campaign.name)).plan
    assert (plan.lines, plan.caller_id) == (3, "+74951234567")


async def test_nothing_is_erased_that_the_shop_has_just_become_due_to_be_told(ledger: Ledger, tmp_path: Path) -> None:
    # Given a call that comes to a decision
    campaign = await make_campaign(ledger, [make_order(order_id="N-1")])
    (job,) = await release_and_claim(ledger)
    moved = Outcome(Disposition.ANSWERED, Decision.ADDRESS_CHANGED, {"address": "Тверь, улица Мира, дом 2"})
    # When somebody wants the customer forgotten in the moment in which it is written down
    async with ledger.begin() as tx:
        await claims.settle_attempt(
            tx, attempt_id=job.attempt_id, worker=WORKER, outcome=moved, step=Decided(), now=NOW
        )
        erasing = asyncio.ensure_future(privacy.erase_order(ledger, tmp_path, "N-1", now=NOW))
        await _ends_or_waits_for_a_lock(ledger, erasing)
    # Then the shop hears of it first
    with pytest.raises(ConflictError):
        await erasing
    async with ledger.begin() as tx:
        told = (await tx.execute(text("SELECT data ->> 'address' FROM outbox"))).scalar_one()
    assert told == "Тверь, улица Мира, дом 2"
    assert (await order_of(ledger, campaign)).order.phone == job.order.phone
