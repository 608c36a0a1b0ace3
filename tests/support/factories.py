"""Orders, plans and campaigns for tests: every value has a default, a test names only what it is about."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any

from dialer.domain.campaign import CampaignPlan, CampaignState
from dialer.domain.order import Order
from dialer.domain.outcome import Decision, Disposition, Outcome
from dialer.domain.policy import CallAgain, CallingWindow, Decided
from dialer.ledger import campaigns, claims, orders

if TYPE_CHECKING:
    from dialer.ledger.store import Ledger

#: A Monday, 12:00 in Moscow.
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ALL_DAY = CallingWindow(start=time(0, 0), end=time(0, 0))
NODE = "default"
WORKER = "worker-1"
LEASE_S = 30.0
CONFIRMED = Outcome(Disposition.ANSWERED, Decision.CONFIRMED, talk_s=20.0)
NO_ANSWER = Outcome(Disposition.NO_ANSWER, cause=19)
TRUNK_FAILURE = Outcome(Disposition.TRUNK_FAILURE, cause=34)

_numbers = count(1)


def make_order(**values: Any) -> Order:
    """An order with a number and a phone of its own."""
    number = next(_numbers)
    defaults: dict[str, Any] = {
        "order_id": f"A-{number}",
        "phone": f"+7916{number:07d}",
        "amount": Decimal("3200.00"),
        "customer_name": "Анна Иванова",
        "delivery_date": date(2026, 11, 25),
        "delivery_window": "10:00-14:00",
        "address": "Москва, улица Ленина, дом 5",
    }
    return Order(**(defaults | values))


def make_plan(**values: Any) -> CampaignPlan:
    """A plan that may call at any hour."""
    defaults: dict[str, Any] = {"name": f"campaign-{next(_numbers)}", "window": ALL_DAY}
    return CampaignPlan(**(defaults | values))


async def make_campaign(
    ledger: Ledger, batch: list[Order] | int = 1, *, running: bool = True, now: datetime = NOW, **plan: Any
) -> campaigns.CampaignRow:
    """A campaign with orders (given, or so many), running unless told otherwise."""
    made = make_plan(**plan)
    wanted = [make_order() for _ in range(batch)] if isinstance(batch, int) else batch
    async with ledger.begin() as tx:
        campaign_id = await campaigns.create_campaign(tx, made, now)
        batch_id = await orders.open_batch(tx, campaign_id, "test", now)
        await orders.insert_orders(tx, campaign_id, batch_id, wanted, now)
        if running:
            await campaigns.set_state(tx, campaign_id, CampaignState.RUNNING, only_from=[CampaignState.DRAFT], now=now)
        campaign = await campaigns.get_campaign(tx, made.name)
    assert campaign is not None
    return campaign


async def release(ledger: Ledger, *, now: datetime = NOW, **options: Any) -> list[str]:
    """Release what is due; returns the attempts' ids."""
    async with ledger.begin() as tx:
        released = await claims.release_due(tx, now=now, **({"node": NODE} | options))
    return [attempt.attempt_id for attempt in released]


async def claim(
    ledger: Ledger, attempt_id: str, *, worker: str = WORKER, now: datetime = NOW, **options: Any
) -> claims.AttemptJob | None:
    """Claim one attempt in a transaction of its own."""
    async with ledger.begin() as tx:
        return await claims.claim_attempt(tx, attempt_id, worker, now, LEASE_S, **options)


async def release_and_claim(ledger: Ledger, *, now: datetime = NOW) -> list[claims.AttemptJob]:
    """Release what is due and claim all of it."""
    jobs = [await claim(ledger, attempt_id, now=now) for attempt_id in await release(ledger, now=now)]
    return [job for job in jobs if job is not None]


async def settle(
    ledger: Ledger,
    attempt_id: str,
    outcome: Outcome = CONFIRMED,
    *,
    step: Any = None,
    worker: str | None = WORKER,
    now: datetime = NOW,
    **options: Any,
) -> bool:
    """Settle an attempt; without a step, a decision finishes the order and anything else retries in an hour."""
    if step is None:
        step = Decided() if outcome.decision is not None else CallAgain(now + timedelta(hours=1))
    async with ledger.begin() as tx:
        return await claims.settle_attempt(
            tx, attempt_id=attempt_id, worker=worker, outcome=outcome, step=step, now=now, **options
        )


async def order_of(ledger: Ledger, campaign: campaigns.CampaignRow, order_id: str | None = None) -> orders.OrderRow:
    """One order of the campaign: that one, or the first."""
    async with ledger.begin() as tx:
        rows = await orders.list_orders(tx, campaign.id)
    return next(row for row in rows if order_id in (None, row.order.order_id))
