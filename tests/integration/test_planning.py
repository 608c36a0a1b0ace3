"""The planner's simulation against the real ledger: the same campaign with virtual time on PostgreSQL."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from dialer.domain.order import OrderState
from dialer.domain.outcome import Decision, Disposition, Outcome
from dialer.domain.policy import CallingWindow, next_step
from dialer.ledger import claims
from dialer.ledger.orders import count_orders
from dialer.planning import CallModel, Draws, Need, make_plan, simulate
from tests.support.factories import NODE, WORKER, make_campaign

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from dialer.ledger.campaigns import CampaignRow
    from dialer.ledger.store import Ledger

#: A Monday.
MIDNIGHT = datetime(2026, 11, 23, tzinfo=ZoneInfo("Europe/Moscow"))
LONG_DAY = CallingWindow(time(10), time(21))
EVENING = CallingWindow(time(18), time(21), weekdays=(1, 2, 3, 4, 5))
MODEL = CallModel(answer_rate=0.6, talk_s=35)
#: Of the ledger's outcomes; the planner has another seed and so sees other customers.
WORLD_SEED = 20_261_123

_NEXT_DUE = text("SELECT min(due_at) FROM orders WHERE campaign_id = :campaign AND state IN ('new', 'waiting')")


@dataclass
class VirtualCampaign:
    """Runs a campaign on the ledger, from one event to the next; `end_s` counts from midnight of the first day."""

    ledger: Ledger
    campaign: CampaignRow
    draws: Draws
    attempts: int = 0
    now: datetime = MIDNIGHT
    _calls: list[tuple[datetime, str, claims.AttemptJob]] = field(default_factory=list)

    async def run(self) -> float:
        """To the last order's end; returns `end_s`."""
        while True:
            async with self.ledger.begin() as tx:
                await self._settle_ended(tx)
                for attempt in await claims.release_due(tx, now=self.now, node=NODE):
                    await self._dial(tx, attempt.attempt_id)
                following = await self._next_event(tx)
            if following is None:
                return (self.now - MIDNIGHT).total_seconds()
            self.now = following

    async def _dial(self, tx: AsyncConnection, attempt_id: str) -> None:
        job = await claims.claim_attempt(tx, attempt_id, WORKER, self.now, lease_s=30)
        assert job is not None
        self.attempts += 1
        free_at = self.now + timedelta(seconds=self.draws.holds_s[self._number(job)][job.number - 1])
        heapq.heappush(self._calls, (free_at, attempt_id, job))

    async def _settle_ended(self, tx: AsyncConnection) -> None:
        while self._calls and self._calls[0][0] <= self.now:
            free_at, attempt_id, job = heapq.heappop(self._calls)
            outcome = self._outcome(job)
            step = next_step(
                outcome,
                attempt_number=job.number,
                now=free_at,
                countdowns_s=job.campaign.plan.retry_countdowns_s,
                window=job.campaign.plan.window,
            )
            assert await claims.settle_attempt(
                tx, attempt_id=attempt_id, worker=WORKER, outcome=outcome, step=step, now=free_at
            )

    def _outcome(self, job: claims.AttemptJob) -> Outcome:
        if self.draws.decides[self._number(job)][job.number - 1]:
            return Outcome(Disposition.ANSWERED, Decision.CONFIRMED)
        return Outcome(Disposition.NO_ANSWER)

    @staticmethod
    def _number(job: claims.AttemptJob) -> int:
        """Which of the drawn customers it is."""
        return job.order_pk - 1

    async def _next_event(self, tx: AsyncConnection) -> datetime | None:
        """The tick at which a call has ended or an order is due; None when nothing is left."""
        due = (await tx.execute(_NEXT_DUE, {"campaign": self.campaign.id})).scalar_one()
        window = self.campaign.plan.window
        moments = [free_at for free_at, *_ in self._calls[:1]]
        if due is not None and len(self._calls) < self.campaign.plan.lines:
            per_second = self.campaign.plan.calls_per_second
            look_again = self.now + timedelta(seconds=0.2 / per_second if per_second else 1)
            moments.append(window.next_open(max(due, look_again)))
        if not moments:
            return None
        ahead_s = (min(moments) - MIDNIGHT).total_seconds()
        return MIDNIGHT + timedelta(seconds=math.ceil(ahead_s))


async def run_on_ledger(ledger: Ledger, need: Need, lines: int) -> tuple[VirtualCampaign, float, dict[OrderState, int]]:
    """The campaign on PostgreSQL: its counters, `end_s`, and its orders by state."""
    campaign = await make_campaign(
        ledger,
        need.orders,
        now=MIDNIGHT,
        window=need.window,
        lines=lines,
        retry_countdowns_s=need.retry_countdowns_s,
        calls_per_second=need.calls_per_second,
    )
    virtual = VirtualCampaign(ledger, campaign, Draws.of(need, WORLD_SEED))
    end_s = await virtual.run()
    async with ledger.begin() as tx:
        return virtual, end_s, await count_orders(tx, campaign.id)


@pytest.mark.parametrize(
    ("need", "lines"),
    [
        pytest.param(Need(300, LONG_DAY, MODEL), 2, id="few lines"),
        pytest.param(Need(300, LONG_DAY, MODEL), 30, id="the ladder decides"),
        pytest.param(Need(300, EVENING, CallModel(answer_rate=0.35, talk_s=50)), 1, id="several evenings"),
        pytest.param(Need(100, LONG_DAY, MODEL, calls_per_second=0.02), 30, id="the rate decides"),
    ],
)
async def test_the_forecast_is_within_a_tenth_of_the_campaign(ledger: Ledger, need: Need, lines: int) -> None:
    opening_s = need.window.start.hour * 3600
    forecast = simulate(need, lines, Draws.of(need))

    virtual, end_s, states = await run_on_ledger(ledger, need, lines)

    assert forecast.end_s - opening_s == pytest.approx(end_s - opening_s, rel=0.1)
    assert forecast.attempts == pytest.approx(virtual.attempts, rel=0.1)
    assert forecast.decided == pytest.approx(states[OrderState.DECIDED], rel=0.1)
    assert states[OrderState.DECIDED] + states[OrderState.UNREACHABLE] == need.orders


async def test_the_same_customers_give_the_same_campaign(ledger: Ledger) -> None:
    need = Need(120, LONG_DAY, MODEL)
    forecast = simulate(need, 3, Draws.of(need, WORLD_SEED))

    virtual, end_s, states = await run_on_ledger(ledger, need, 3)

    assert (virtual.attempts, states[OrderState.DECIDED]) == (forecast.attempts, forecast.decided)
    assert end_s == pytest.approx(forecast.end_s, abs=120)


async def test_with_the_lines_that_it_asks_for_the_campaign_ends_on_its_day(ledger: Ledger) -> None:
    need = Need(300, CallingWindow(time(10), time(17, 30)), MODEL)
    plan = make_plan(need)

    _, end_s, _ = await run_on_ledger(ledger, need, math.ceil(plan.run.lines * 1.1))

    assert end_s < 86_400 * plan.run.days
