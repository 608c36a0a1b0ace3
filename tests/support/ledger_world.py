"""A ledger's world for random tests: workers, a broker that repeats itself, a PBX and a shop that judge.

The PBX knows whom it calls, and the shop what it was told; neither asks the ledger.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import text

from dialer import campaigns
from dialer.domain.campaign import CampaignState
from dialer.domain.order import FINAL_STATES, OrderState
from dialer.domain.outcome import Decision, Disposition, Outcome
from dialer.domain.policy import next_step
from dialer.errors import ConflictError
from dialer.ledger import outbox
from dialer.ledger.audit import audit
from dialer.ledger.claims import AttemptJob, Released, claim_attempt, note_decision, settle_attempt
from dialer.ledger.late import decide_late
from dialer.ledger.orders import count_orders
from dialer.ledger.store import Ledger
from tests.support.factories import NODE, NOW, make_order, make_plan

T = TypeVar("T")
NAMES = ("east", "west")
LINES = 3
LEASE_S = 30.0
CONFIRMED = Outcome(Disposition.ANSWERED, Decision.CONFIRMED)
_DECIDED = text(
    "SELECT o.state FROM orders o JOIN attempts a ON a.order_pk = o.id WHERE a.id = :id AND a.decision <> ''"
)
_TABLES = "campaigns, batches, orders, attempts, outbox, do_not_call, phone_days, trunks"


class LedgerWorld:
    """Two campaigns, and workers that may die, come back late or be told everything twice."""

    def __init__(self, database_url: str) -> None:
        self.runner = asyncio.Runner()
        self.ledger = Ledger(database_url)
        self.now = NOW
        #: Messages on the broker; they are never used up, so any of them may arrive again.
        self.messages: list[Released] = []
        #: What workers hold (perhaps no longer rightly): attempt -> (job, worker).
        self.held: dict[str, tuple[AttemptJob, str]] = {}
        #: The PBX: attempt -> number being called; and every attempt that it ever dialed.
        self.calling: dict[str, str] = {}
        self.dialed: Counter[str] = Counter()
        #: Attempts whose lease ran out before upkeep: their workers may no longer settle them.
        self.given_up: set[str] = set()
        #: Attempts in which a customer has heard his decision acknowledged.
        self.promised: set[str] = set()
        #: The shop: what it was told, by idempotency key, and how often per order.
        self.told: Counter[str] = Counter()
        self.imported: set[tuple[str, str]] = set()
        self.run(self._set_up())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def _set_up(self) -> None:
        async with self.ledger.begin() as tx:
            await tx.execute(text(f"TRUNCATE {_TABLES} RESTART IDENTITY CASCADE"))
        for name in NAMES:
            await campaigns.create_campaign(self.ledger, make_plan(name=name, lines=LINES), self.now)
            await campaigns.start(self.ledger, name, self.now)

    def take_in(self, name: str, batch: list[tuple[int, str]]) -> None:
        orders = [make_order(order_id=f"{name}-{number}", phone=phone) for number, phone in batch]
        known = len(self.imported)
        try:
            counts = self.run(campaigns.import_orders(self.ledger, name, [orders], now=self.now))
        except ConflictError:
            assert self.run(campaigns.find_campaign(self.ledger, name)).state is CampaignState.STOPPED
            return
        self.imported |= {(name, order.order_id) for order in orders}
        assert counts.accepted == len(self.imported) - known
        assert counts.duplicates == len(orders) - counts.accepted

    async def tick(self, limit: int | None = None) -> None:
        await campaigns.release_batch(self.ledger, node=NODE, publish=self.publish, now=self.now, limit=limit)

    def publish(self, released: Sequence[Released]) -> None:
        self.messages.extend(released)

    async def claim(self, attempt_id: str, worker: str) -> None:
        async with self.ledger.begin() as tx:
            job = await claim_attempt(tx, attempt_id, worker, self.now, LEASE_S)
        if job is None:
            return
        assert job.order.phone not in self.calling.values(), "a number is called twice at once"
        self.held[attempt_id] = (job, worker)
        self.calling[attempt_id] = job.order.phone
        self.dialed[attempt_id] += 1
        assert self.dialed[attempt_id] == 1, "an attempt is dialed twice"

    async def settle(self, job: AttemptJob, worker: str, outcome: Outcome) -> bool:
        plan = job.campaign.plan
        step = next_step(
            outcome,
            attempt_number=job.number,
            now=self.now,
            countdowns_s=plan.retry_countdowns_s,
            window=plan.window,
            timezone=job.order.timezone,
        )
        async with self.ledger.begin() as tx:
            return await settle_attempt(
                tx, attempt_id=job.attempt_id, worker=worker, outcome=outcome, step=step, now=self.now
            )

    async def hangup(self, attempt_id: str) -> bool:
        """Whoever hangs up takes the attempt from its worker."""
        self.given_up.add(attempt_id)
        return self.calling.pop(attempt_id, None) is not None

    async def upkeep(self) -> None:
        await campaigns.upkeep(
            self.ledger, hangup=self.hangup, publish=self.publish, grace_s=20, now=self.now, quiet_after_restart_s=0
        )

    async def stop_all(self) -> None:
        await campaigns.stop_all(self.ledger, self.hangup, resumable=True, now=self.now)

    async def acknowledge(self, attempt_id: str, *, late: bool) -> None:
        """A customer has decided; the ledger hears of it at once, or (on paper) when the attempt may be over."""
        _, worker = self.held[attempt_id]
        async with self.ledger.begin() as tx:
            promised = not late and await note_decision(tx, attempt_id, worker, Decision.CONFIRMED, {})
            if promised or await decide_late(tx, attempt_id, worker, Decision.CONFIRMED, {}, self.now):
                self.promised.add(attempt_id)

    async def deliver(self, lose_acknowledgement: bool) -> None:
        async with self.ledger.begin() as tx:
            due = await outbox.claim_deliveries(tx, self.now, 100)
        async with self.ledger.begin() as tx:
            for delivery in due:
                self.told[delivery.idempotency_key] += 1
                if not lose_acknowledgement:
                    await outbox.acknowledge(tx, delivery.id, self.now)

    async def every_order_ends(self) -> None:
        """However it stood: with workers that work, every order ends and the shop has heard of each exactly once."""
        for name in NAMES:
            if (await campaigns.find_campaign(self.ledger, name)).state is CampaignState.PAUSED:
                await campaigns.resume(self.ledger, name, self.now)
            elif (await campaigns.find_campaign(self.ledger, name)).state is not CampaignState.STOPPED:
                await campaigns.start(self.ledger, name, self.now)
        for _ in range(60):
            await self._a_day_of_honest_work()
            if await self._unfinished() == 0:
                break
        assert await self._unfinished() == 0
        await self.deliver(lose_acknowledgement=False)
        self.now += timedelta(hours=1)
        await self.deliver(lose_acknowledgement=False)
        await self._shop_has_heard_all()

    async def _a_day_of_honest_work(self) -> None:
        self.now += timedelta(days=1)

        await self.upkeep()
        await self.tick()
        self.held.clear()
        for message in self.messages:
            if not self.dialed[message.attempt_id]:
                await self.claim(message.attempt_id, "w9")
        for attempt_id, (job, worker) in list(self.held.items()):
            self.calling.pop(attempt_id, None)
            assert await self.settle(job, worker, CONFIRMED)

    async def _unfinished(self) -> int:
        unfinished = 0
        async with self.ledger.begin() as tx:
            for name in NAMES:
                campaign = await campaigns.find_campaign(self.ledger, name)
                counts = await count_orders(tx, campaign.id)
                unfinished += sum(count for state, count in counts.items() if state not in FINAL_STATES)
        return unfinished

    async def _shop_has_heard_all(self) -> None:
        wanted = 0
        async with self.ledger.begin() as tx:
            report = await audit(tx, self.now)
            for attempt_id in self.promised:
                assert (await tx.execute(_DECIDED, {"id": attempt_id})).scalar_one() == OrderState.DECIDED
        assert report.violations == []
        for counts in report.counts.values():
            wanted += counts[OrderState.DECIDED] + counts[OrderState.UNREACHABLE]
        assert len(self.told) == wanted
        assert report.outbox["pending"] == report.outbox["dead"] == 0
