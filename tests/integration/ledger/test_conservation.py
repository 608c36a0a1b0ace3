"""Random interleavings of everything that happens to a ledger: no order is lost, no call or message is doubled.

The judges are the far sides: a PBX that knows whom it calls, and a shop that knows what it was told.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from dialer import campaigns
from dialer.domain.campaign import CampaignState
from dialer.domain.order import FINAL_STATES, OrderState
from dialer.domain.outcome import Decision, Disposition, Outcome
from dialer.domain.policy import next_step
from dialer.errors import ConflictError
from dialer.ledger import dnc, outbox
from dialer.ledger.audit import audit
from dialer.ledger.claims import AttemptJob, Released, claim_attempt, mark_talking, renew_leases, settle_attempt
from dialer.ledger.orders import count_orders
from dialer.ledger.store import Ledger
from tests.support.factories import NODE, NOW, make_order, make_plan

T = TypeVar("T")
NAMES = ("east", "west")
LINES = 3
LEASE_S = 30.0
PHONES = [f"+7916000000{digit}" for digit in range(6)]
OUTCOMES = [
    Outcome(Disposition.ANSWERED, Decision.CONFIRMED),
    Outcome(Disposition.ANSWERED, Decision.DO_NOT_CALL),
    Outcome(Disposition.ANSWERED, call_later_s=600.0),
    Outcome(Disposition.NO_ANSWER, cause=19),
    Outcome(Disposition.BUSY, cause=17),
    Outcome(Disposition.INVALID_NUMBER, cause=1),
    Outcome(Disposition.TRUNK_FAILURE, cause=34),
    Outcome(Disposition.NOT_DIALED),
]
_TABLES = "campaigns, batches, orders, attempts, outbox, do_not_call, phone_days, trunks"


class LedgerMachine(RuleBasedStateMachine):
    """Two campaigns, a handful of numbers, and workers that may die, come back late or be told everything twice."""

    database_url: str

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.ledger = Ledger(self.database_url)
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

    @initialize(sizes=st.tuples(st.integers(1, 6), st.integers(1, 6)))
    def there_are_orders(self, sizes: tuple[int, int]) -> None:
        for name, size in zip(NAMES, sizes, strict=True):
            self._import(name, [(number, PHONES[number % len(PHONES)]) for number in range(size)])

    @rule(
        name=st.sampled_from(NAMES), batch=st.lists(st.tuples(st.integers(1, 30), st.sampled_from(PHONES)), max_size=5)
    )
    def import_orders(self, name: str, batch: list[tuple[int, str]]) -> None:
        self._import(name, batch)

    def _import(self, name: str, batch: list[tuple[int, str]]) -> None:
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

    @rule(ticks=st.integers(1, 3), limit=st.sampled_from([None, 1, 4]), workers=st.integers(0, 3))
    def release(self, ticks: int, limit: int | None, workers: int) -> None:
        """Some beats tick at once; each message reaches so many workers at once (0: it is delayed)."""
        fresh = len(self.messages)

        async def tick_and_claim() -> None:
            await asyncio.gather(*(self._tick(limit) for _ in range(ticks)))
            await asyncio.gather(
                *(self._claim(message.attempt_id, f"w{n}") for message in self.messages[fresh:] for n in range(workers))
            )

        self.run(tick_and_claim())

    async def _tick(self, limit: int | None = None) -> None:
        await campaigns.release_batch(self.ledger, node=NODE, publish=self._publish, now=self.now, limit=limit)

    def _publish(self, released: Sequence[Released]) -> None:
        self.messages.extend(released)

    @precondition(lambda self: self.messages)
    @rule(data=st.data(), workers=st.integers(1, 3))
    def a_message_arrives(self, data: st.DataObject, workers: int) -> None:
        message = data.draw(st.sampled_from(self.messages))

        async def race() -> None:
            await asyncio.gather(*(self._claim(message.attempt_id, f"w{number}") for number in range(workers)))

        self.run(race())

    async def _claim(self, attempt_id: str, worker: str) -> None:
        async with self.ledger.begin() as tx:
            job = await claim_attempt(tx, attempt_id, worker, self.now, LEASE_S)
        if job is None:
            return
        assert job.order.phone not in self.calling.values(), "a number is called twice at once"
        self.held[attempt_id] = (job, worker)
        self.calling[attempt_id] = job.order.phone
        self.dialed[attempt_id] += 1
        assert self.dialed[attempt_id] == 1, "an attempt is dialed twice"

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def the_customer_answers(self, data: st.DataObject) -> None:
        attempt_id = data.draw(st.sampled_from(sorted(self.held)))

        async def answered() -> None:
            async with self.ledger.begin() as tx:
                await mark_talking(tx, attempt_id, self.held[attempt_id][1], self.now)

        self.run(answered())

    @precondition(lambda self: self.held)
    @rule(data=st.data(), outcome=st.sampled_from(OUTCOMES), times=st.integers(1, 2))
    def a_call_ends(self, data: st.DataObject, outcome: Outcome, times: int) -> None:
        attempt_id = data.draw(st.sampled_from(sorted(self.held)))
        self.calling.pop(attempt_id, None)
        job, worker = self.held.pop(attempt_id)

        async def settle_repeatedly() -> list[bool]:
            return await asyncio.gather(*(self._settle(job, worker, outcome) for _ in range(times)))

        assert self.run(settle_repeatedly()).count(True) == (0 if attempt_id in self.given_up else 1)

    async def _settle(self, job: AttemptJob, worker: str, outcome: Outcome) -> bool:
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

    @precondition(lambda self: self.held)
    @rule(worker=st.sampled_from(["w0", "w1", "w2"]))
    def a_worker_renews_its_leases(self, worker: str) -> None:
        ids = [attempt_id for attempt_id, (_, holder) in self.held.items() if holder == worker]

        async def renew() -> set[str]:
            async with self.ledger.begin() as tx:
                return await renew_leases(tx, worker, ids, self.now + timedelta(seconds=LEASE_S))

        for lost in set(ids) - self.run(renew()):
            assert lost in self.given_up
            del self.held[lost]

    @rule()
    def upkeep(self) -> None:
        self.run(self._upkeep())

    async def _upkeep(self) -> None:
        async def hangup(attempt_id: str) -> bool:
            self.given_up.add(attempt_id)
            return self.calling.pop(attempt_id, None) is not None

        await campaigns.upkeep(
            self.ledger, hangup=hangup, publish=self._publish, grace_s=20, now=self.now, quiet_after_restart_s=0
        )

    @rule(seconds=st.sampled_from([1, 10, 31, 400, 1900, 15000, 90000]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(name=st.sampled_from(NAMES), verb=st.sampled_from(["pause", "resume", "pause", "resume", "start", "stop"]))
    def ops_move_a_campaign(self, name: str, verb: str) -> None:
        move = {
            "pause": campaigns.pause,
            "resume": campaigns.resume,
            "start": campaigns.start,
            "stop": campaigns.stop,
        }[verb]
        try:
            self.run(move(self.ledger, name, self.now))
        except ConflictError:
            assert verb != "stop"

    @rule(phone=st.sampled_from(PHONES[:2]))
    def a_number_is_forbidden(self, phone: str) -> None:
        async def forbid() -> None:
            async with self.ledger.begin() as tx:
                await dnc.add(tx, phone, reason="test", now=self.now)

        self.run(forbid())

    @rule(lose_acknowledgement=st.booleans())
    def deliver(self, lose_acknowledgement: bool) -> None:
        self.run(self._deliver(lose_acknowledgement))

    async def _deliver(self, lose_acknowledgement: bool) -> None:
        async with self.ledger.begin() as tx:
            due = await outbox.claim_deliveries(tx, self.now, 100)
        async with self.ledger.begin() as tx:
            for delivery in due:
                self.told[delivery.idempotency_key] += 1
                if not lose_acknowledgement:
                    await outbox.acknowledge(tx, delivery.id, self.now)

    @invariant()
    def the_audit_is_clean_and_lines_are_kept(self) -> None:
        async def look() -> tuple[list[str], list[int]]:
            async with self.ledger.begin() as tx:
                report = await audit(tx, self.now, grace_s=1e6)
            live = [counts["queued"] + counts["dialing"] + counts["talking"] for counts in report.counts.values()]
            return report.violations, live

        violations, live = self.run(look())
        assert violations == []
        assert max(live, default=0) <= LINES

    def teardown(self) -> None:
        try:
            self.run(self._every_order_ends())
        finally:
            self.run(self.ledger.close())
            self.runner.close()

    async def _every_order_ends(self) -> None:
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
        await self._deliver(lose_acknowledgement=False)
        self.now += timedelta(hours=1)
        await self._deliver(lose_acknowledgement=False)
        await self._shop_has_heard_all()

    async def _a_day_of_honest_work(self) -> None:
        self.now += timedelta(days=1)

        await self._upkeep()
        await self._tick()
        self.held.clear()
        for message in self.messages:
            if not self.dialed[message.attempt_id]:
                await self._claim(message.attempt_id, "w9")
        for attempt_id, (job, worker) in list(self.held.items()):
            self.calling.pop(attempt_id, None)
            assert await self._settle(job, worker, OUTCOMES[0])

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
        assert report.violations == []
        for counts in report.counts.values():
            wanted += counts[OrderState.DECIDED] + counts[OrderState.UNREACHABLE]
        assert len(self.told) == wanted
        assert report.outbox["pending"] == report.outbox["dead"] == 0


def test_nothing_is_lost_or_doubled_whatever_the_order_of_events(database_url: str) -> None:
    machine = type("Machine", (LedgerMachine,), {"database_url": database_url})

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
