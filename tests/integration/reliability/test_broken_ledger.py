"""PostgreSQL fails while a call is being settled: the decision is written down once, whatever was carried out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.calls import CallPorts, settle
from dialer.domain.order import OrderState
from dialer.domain.outcome import Decision, Disposition, Outcome
from dialer.errors import LedgerError
from dialer.ledger import outbox
from dialer.ledger.audit import audit
from dialer.ledger.claims import AttemptJob
from dialer.ledger.orders import OrderRow
from dialer.ledger.store import Ledger, database_now
from dialer.settings import Settings
from tests.support.factories import CONFIRMED, NOW, WORKER, make_campaign, order_of, release_and_claim

Trouble = Callable[[AsyncConnection], Awaitable[None]]


async def _none(_tx: AsyncConnection) -> None:
    """Nothing happens."""


async def _cut(tx: AsyncConnection) -> None:
    await tx.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))


class TroubledLedger(Ledger):
    """The first transaction is troubled: before its first statement, or after its commit (its answer is lost)."""

    def __init__(self, database_url: str, *, before: Trouble = _none, lose_answer: bool = False) -> None:
        super().__init__(database_url)
        self.begun = 0
        self._before, self._lose_answer = before, lose_answer

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        self.begun += 1
        first = self.begun == 1
        async with super().begin() as tx:
            if first:
                await self._before(tx)
            yield tx
        if first and self._lose_answer:
            raise LedgerError("PostgreSQL: server closed the connection unexpectedly")


async def _talking(ledger: Ledger) -> tuple[Any, AttemptJob]:
    campaign = await make_campaign(ledger, 1)
    (job,) = await release_and_claim(ledger)
    return campaign, job


def _ports(ledger: Ledger, home: Path) -> CallPorts:
    nothing: Any = None
    return CallPorts(ledger, nothing, nothing, nothing, None, Settings(home=home), WORKER)


async def _told_once(ledger: Ledger, campaign: Any) -> OrderRow:
    """The order, which is decided and has one message to the shop."""
    async with ledger.begin() as tx:
        assert await outbox.count_pending(tx) == 1
    async with ledger.begin() as tx:
        assert (await audit(tx, NOW)).violations == []
    order = await order_of(ledger, campaign)
    assert order.state is OrderState.DECIDED
    return order


@pytest.mark.parametrize("trouble", [{"lose_answer": True}, {"before": _cut}], ids=["commit unknown", "cut before"])
async def test_a_connection_that_breaks_in_a_settlement_loses_and_doubles_nothing(
    ledger: Ledger, database_url: str, tmp_path: Path, trouble: dict[str, Any]
) -> None:
    # Given
    campaign, job = await _talking(ledger)
    troubled = TroubledLedger(database_url, **trouble)
    # When
    await settle(_ports(troubled, tmp_path), job, CONFIRMED)
    await troubled.close()
    # Then it was tried again, and has one effect
    assert troubled.begun == 2
    await _told_once(ledger, campaign)


async def test_a_full_disk_of_postgresql_delays_a_settlement(ledger: Ledger, database_url: str, tmp_path: Path) -> None:
    # Given a disk that has no room for a message to the shop until somebody makes some (SQLSTATE 53100)
    campaign, job = await _talking(ledger)
    async with ledger.begin() as tx:
        await tx.execute(
            text(
                "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'; END $$"
            )
        )
        await tx.execute(text("CREATE TRIGGER full_disk BEFORE INSERT ON outbox EXECUTE FUNCTION full_disk()"))

    class Watched(TroubledLedger):
        @asynccontextmanager
        async def begin(self) -> AsyncIterator[AsyncConnection]:
            if self.begun == 2:
                async with ledger.begin() as tx:
                    await tx.execute(text("DROP TRIGGER full_disk ON outbox"))
            async with super().begin() as tx:
                yield tx

    watched = Watched(database_url)
    # When
    await settle(_ports(watched, tmp_path), job, CONFIRMED)
    await watched.close()
    # Then
    assert watched.begun == 3
    await _told_once(ledger, campaign)


async def test_after_a_failover_the_ledger_writes_to_the_new_primary(
    ledger: Ledger, database_url: str, tmp_path: Path
) -> None:
    # Given a connection to a server that takes no writes any more, while new ones lead to one that does
    campaign, job = await _talking(ledger)
    name = make_url(database_url).database
    worker = Ledger(database_url)
    async with ledger.begin() as tx:
        await tx.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    await worker.now()
    async with ledger.begin() as tx:
        await tx.execute(text(f"ALTER DATABASE {name} RESET default_transaction_read_only"))
    # When
    async with asyncio.timeout(20):
        await settle(_ports(worker, tmp_path), job, CONFIRMED)
    await worker.close()
    # Then
    await _told_once(ledger, campaign)


@pytest.mark.parametrize("address", ["ул. Ленина\x00 5", "ул. Ленина\ud800 5"])
async def test_no_character_of_a_customer_can_hold_up_his_decision(
    ledger: Ledger, tmp_path: Path, address: str
) -> None:
    # Given what PostgreSQL refuses to store
    campaign, job = await _talking(ledger)
    outcome = Outcome(Disposition.ANSWERED, Decision.ADDRESS_CHANGED, {"address": address})
    # When
    await settle(_ports(ledger, tmp_path), job, outcome)
    # Then the shop gets the rest of it
    await _told_once(ledger, campaign)
    async with ledger.begin() as tx:
        (delivery,) = await outbox.claim_deliveries(tx, await database_now(tx), 10)
    assert delivery.data == {"address": "ул. Ленина  5"}
