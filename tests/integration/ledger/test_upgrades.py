"""A ledger of the first tables, in the midst of a campaign, opens in this release while its workers are at work."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, text

from dialer import campaigns
from dialer.domain.policy import next_step
from dialer.ledger.audit import audit
from dialer.ledger.claims import Released, claim_attempt, renew_leases, settle_attempt
from dialer.ledger.orders import count_orders
from dialer.ledger.store import MIGRATIONS, Ledger, migrate
from tests.support.factories import CONFIRMED, LEASE_S, NODE, WORKER

if TYPE_CHECKING:
    from tests.support.database import DatabaseServer

DUMP = Path(__file__).parents[2] / "data/ledger-0001.sql"
#: When it was taken: 12 orders decided, 8 customers talking, 5 waiting.
NOW = datetime(2026, 11, 26, 5, 16, tzinfo=UTC)
TALKING, WAITING, ORDERS = 8, 5, 25
_BOOKS = (
    "SELECT id, order_pk, number, disposition, decision, talk_s FROM attempts WHERE ended_at IS NOT NULL ORDER BY id",
    "SELECT * FROM outbox ORDER BY id",
    "SELECT id, order_id, phone, amount, customer_name, state, due_at FROM orders ORDER BY id",
    "SELECT id, name, state, plan FROM campaigns",
)


@pytest.fixture
def old_url(database_server: DatabaseServer) -> Iterator[str]:
    """A database with the old ledger."""
    with database_server.empty() as url:
        engine = _engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql(DUMP.read_text("utf-8"))
        engine.dispose()
        yield url


def _engine(url: str) -> Engine:
    return create_engine(url.replace("postgresql://", "postgresql+psycopg://"))


def _books(url: str) -> list[list[tuple[Any, ...]]]:
    """All that was so before."""
    engine = _engine(url)
    with engine.connect() as connection:
        books = [[tuple(row) for row in connection.execute(text(query))] for query in _BOOKS]
    engine.dispose()
    return books


class _Workers:
    """Those that hold the live calls: they vouch for them all the time."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.rounds = 0
        self.held: dict[str, Any] = {}

    async def look(self) -> None:
        rows = text(
            "SELECT a.*, o.timezone FROM attempts a JOIN orders o ON o.id = a.order_pk WHERE a.ended_at IS NULL"
        )
        async with self.ledger.begin() as tx:
            self.held = {str(row["id"]): row for row in (await tx.execute(rows)).mappings()}

    async def vouch(self) -> None:
        (worker,) = {row["worker"] for row in self.held.values()}
        while True:
            async with self.ledger.begin() as tx:
                kept = await renew_leases(tx, worker, list(self.held), NOW + timedelta(seconds=LEASE_S))
            assert kept == set(self.held)
            self.rounds += 1
            await asyncio.sleep(0)

    async def some_rounds(self) -> None:
        wanted = self.rounds + 5
        while self.rounds < wanted:  # noqa: ASYNC110 - another task makes them
            await asyncio.sleep(0.005)

    async def settle(self, attempt_id: str) -> None:
        row = self.held.pop(attempt_id)
        campaign = await campaigns.find_campaign(self.ledger, "demo")
        step = next_step(
            CONFIRMED,
            attempt_number=row["number"],
            now=NOW,
            countdowns_s=campaign.plan.retry_countdowns_s,
            window=campaign.plan.window,
            timezone=row["timezone"],
        )
        async with self.ledger.begin() as tx:
            assert await settle_attempt(
                tx, attempt_id=attempt_id, worker=row["worker"], outcome=CONFIRMED, step=step, now=NOW
            )


async def test_an_old_ledger_opens_with_its_workers_at_work(old_url: str) -> None:
    before = _books(old_url)
    ledger = Ledger(old_url)
    workers = _Workers(ledger)
    await workers.look()
    calls = list(workers.held)
    vouching = asyncio.create_task(workers.vouch())
    try:
        await workers.some_rounds()
        await asyncio.to_thread(migrate, old_url)
        await workers.some_rounds()
        after = _books(old_url)
    finally:
        vouching.cancel()
        await asyncio.wait([vouching])
    assert vouching.cancelled(), vouching.exception()

    for attempt_id in calls:
        await workers.settle(attempt_id)
    await _call_who_waits(ledger)

    assert len(calls) == TALKING
    assert after == before
    async with ledger.begin() as tx:
        report = await audit(tx, NOW)
    async with ledger.begin() as tx:
        states = await count_orders(tx, 1)
    assert report.violations == []
    assert {str(state): count for state, count in states.items() if count} == {"decided": ORDERS}
    await ledger.close()


async def _call_who_waits(ledger: Ledger) -> None:
    """This release's own way: released, claimed, settled."""
    released: list[Released] = []
    later = NOW + timedelta(hours=6)
    await campaigns.release_batch(ledger, node=NODE, publish=released.extend, now=later)
    assert len(released) == WAITING
    for attempt in released:
        async with ledger.begin() as tx:
            job = await claim_attempt(tx, attempt.attempt_id, WORKER, later, LEASE_S)
            assert job is not None
            step = next_step(
                CONFIRMED,
                attempt_number=job.number,
                now=later,
                countdowns_s=job.campaign.plan.retry_countdowns_s,
                window=job.campaign.plan.window,
                timezone=job.order.timezone,
            )
            assert await settle_attempt(
                tx, attempt_id=job.attempt_id, worker=WORKER, outcome=CONFIRMED, step=step, now=later
            )


async def test_workers_of_the_old_release_settle_in_the_old_tables(old_url: str) -> None:
    """Above, calls are settled in tables that are new already; here in the old ones."""
    ledger = Ledger(old_url)
    workers = _Workers(ledger)
    await workers.look()
    first, *_ = workers.held

    await workers.settle(first)
    await asyncio.to_thread(migrate, old_url)

    async with ledger.begin() as tx:
        assert (await audit(tx, NOW)).violations == []
    await ledger.close()


async def test_a_migration_that_has_to_wait_lets_others_pass(old_url: str) -> None:
    engine = _engine(old_url)
    with engine.connect() as holder, engine.connect() as other:
        held = holder.execute(text("SELECT count(*) FROM trunks")).scalar_one()
        migrating = asyncio.create_task(asyncio.to_thread(migrate, old_url))
        await asyncio.to_thread(_until_somebody_waits, old_url)

        other.execute(text("SET statement_timeout = '20s'"))
        seen = await asyncio.to_thread(other.execute, text("SELECT count(*) FROM trunks"))
        assert seen.scalar_one() == held
        assert not migrating.done()
        other.rollback()
        holder.rollback()
        await migrating
        assert holder.execute(text("SELECT count(*) FROM providers")).scalar_one() == 0
    engine.dispose()


def _until_somebody_waits(url: str) -> None:
    engine = _engine(url)
    waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'trunks'::regclass")
    with engine.connect() as connection:
        while not connection.execute(waits).scalar_one():
            connection.rollback()
    engine.dispose()


#: What breaks the last release's workers, which go on until they are restarted, or locks a large table for long.
_FORBIDDEN = (
    r"\bDROP\s+(TABLE|COLUMN|CONSTRAINT)",
    r"\bRENAME\b",
    r"\bTYPE\b",
    r"\bSET\s+NOT\s+NULL",
    r"ADD\s+COLUMN\s+(?:(?!,|DEFAULT).)*NOT\s+NULL(?:(?!,)(?!DEFAULT).)*(,|$)",
    r"ADD\s+(CONSTRAINT\s+\w+\s+)?(CHECK|FOREIGN|UNIQUE)",
)


def _statements() -> list[str]:
    """All statements after the first migration."""
    printed = io.StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": printed, "literal_binds": True}
    )
    with Operations.context(context):
        for revision in ScriptDirectory(str(MIGRATIONS)).walk_revisions("0001", "head"):
            if revision.revision != "0001":
                revision.module.upgrade()
    return [" ".join(part.split()) for part in printed.getvalue().split(";")]


def test_migrations_only_add() -> None:
    broken = [line for line in _statements() for rule in _FORBIDDEN if re.search(rule, line, re.IGNORECASE)]

    assert broken == []
