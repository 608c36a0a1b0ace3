"""Random interleavings of everything that happens to a ledger: no order is lost, no call or message is doubled.

The judges are the far sides: a PBX that knows whom it calls, and a shop that knows what it was told.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

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

from dialer import campaigns
from dialer.domain.campaign import CampaignState
from dialer.domain.outcome import Decision, Disposition, Outcome
from dialer.errors import ConflictError
from dialer.ledger import dnc
from dialer.ledger.audit import audit
from dialer.ledger.claims import mark_talking, renew_leases
from tests.support.ledger_world import CONFIRMED, LEASE_S, LINES, NAMES, LedgerWorld

PHONES = [f"+7916000000{digit}" for digit in range(6)]
OUTCOMES = [
    CONFIRMED,
    Outcome(Disposition.ANSWERED, Decision.DO_NOT_CALL),
    Outcome(Disposition.ANSWERED, call_later_s=600.0),
    Outcome(Disposition.NO_ANSWER, cause=19),
    Outcome(Disposition.BUSY, cause=17),
    Outcome(Disposition.INVALID_NUMBER, cause=1),
    Outcome(Disposition.TRUNK_FAILURE, cause=34),
    Outcome(Disposition.NOT_DIALED),
]


class LedgerMachine(LedgerWorld, RuleBasedStateMachine):
    """What may happen, in any order."""

    database_url: str

    def __init__(self) -> None:
        RuleBasedStateMachine.__init__(self)
        LedgerWorld.__init__(self, self.database_url)

    @initialize(sizes=st.tuples(st.integers(1, 6), st.integers(1, 6)))
    def there_are_orders(self, sizes: tuple[int, int]) -> None:
        for name, size in zip(NAMES, sizes, strict=True):
            self.take_in(name, [(number, PHONES[number % len(PHONES)]) for number in range(size)])

    @rule(
        name=st.sampled_from(NAMES), batch=st.lists(st.tuples(st.integers(1, 30), st.sampled_from(PHONES)), max_size=5)
    )
    def import_orders(self, name: str, batch: list[tuple[int, str]]) -> None:
        self.take_in(name, batch)

    @rule(ticks=st.integers(1, 3), limit=st.sampled_from([None, 1, 4]), workers=st.integers(0, 3))
    def release(self, ticks: int, limit: int | None, workers: int) -> None:
        """Some beats tick at once; each message reaches so many workers at once (0: it is delayed)."""
        fresh = len(self.messages)

        async def tick_and_claim() -> None:
            await asyncio.gather(*(self.tick(limit) for _ in range(ticks)))
            await asyncio.gather(
                *(self.claim(message.attempt_id, f"w{n}") for message in self.messages[fresh:] for n in range(workers))
            )

        self.run(tick_and_claim())

    @precondition(lambda self: self.messages)
    @rule(data=st.data(), workers=st.integers(1, 3))
    def a_message_arrives(self, data: st.DataObject, workers: int) -> None:
        message = data.draw(st.sampled_from(self.messages))

        async def race() -> None:
            await asyncio.gather(*(self.claim(message.attempt_id, f"w{number}") for number in range(workers)))

        self.run(race())

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
        outcome = CONFIRMED if attempt_id in self.promised else outcome

        async def settle_repeatedly() -> list[bool]:
            return await asyncio.gather(*(self.settle(job, worker, outcome) for _ in range(times)))

        assert self.run(settle_repeatedly()).count(True) == (0 if attempt_id in self.given_up else 1)

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

    @precondition(lambda self: self.held)
    @rule(data=st.data(), late=st.booleans())
    def a_customer_decides(self, data: st.DataObject, late: bool) -> None:
        self.run(self.acknowledge(data.draw(st.sampled_from(sorted(self.held))), late=late))

    @rule()
    def ops_stop_everything_and_go_on(self) -> None:
        self.run(self.stop_all())
        for name in NAMES:
            if self.run(campaigns.find_campaign(self.ledger, name)).state is CampaignState.PAUSED:
                self.run(campaigns.resume(self.ledger, name, self.now))

    @rule()
    def upkeep_runs(self) -> None:
        self.run(self.upkeep())

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
    def outbox_is_delivered(self, lose_acknowledgement: bool) -> None:
        self.run(self.deliver(lose_acknowledgement))

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
            self.run(self.every_order_ends())
        finally:
            self.run(self.ledger.close())
            self.runner.close()


def test_nothing_is_lost_or_doubled_whatever_the_order_of_events(database_url: str) -> None:
    machine = type("Machine", (LedgerMachine,), {"database_url": database_url})

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
