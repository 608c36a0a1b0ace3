"""Whole campaigns for tests: each order's story is the list of its attempts' outcomes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from dialer.domain.order import Order
from dialer.domain.outcome import Outcome
from dialer.domain.policy import CallAgain, Decided, GiveUp, NextStep
from tests.support.factories import NOW, make_campaign, release_and_claim, settle

if TYPE_CHECKING:
    from dialer.ledger.campaigns import CampaignRow
    from dialer.ledger.store import Ledger

#: Orders are given up after this many attempts.
LADDER = 4
ROUND = timedelta(hours=2)

Story = list[Outcome]


async def tell(
    ledger: Ledger,
    stories: list[tuple[Order, Story]],
    *,
    artifacts: dict[str, object] | None = None,
    name: str = "Ночной обзвон",
) -> CampaignRow:
    """Call every order as its story goes, two hours between rounds; orders whose story has ended stay as they are."""
    campaign = await make_campaign(ledger, [order for order, _ in stories], name=name, lines=10_000)
    by_order = {order.order_id: story for order, story in stories}
    for number in range(max((len(story) for _, story in stories), default=0)):
        now = NOW + number * ROUND
        for job in await release_and_claim(ledger, now=now):
            story = by_order[job.order.order_id]
            if number >= len(story):
                continue
            end = now + timedelta(seconds=30)
            step = step_after(story[number], job.number)
            await settle(ledger, job.attempt_id, story[number], step=step, now=end, artifacts=artifacts or {})
    return campaign


def step_after(outcome: Outcome, number: int) -> NextStep:
    """What follows an attempt in a story."""
    if outcome.decision is not None:
        return Decided()
    return GiveUp() if number >= LADDER else CallAgain(NOW + number * ROUND)
