"""Transactions, migrations and what becomes of database errors, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, inspect, text

from dialer.errors import ConfigError, ConflictError, LedgerError
from dialer.ledger.store import Ledger, migrate
from dialer.ledger.tables import do_not_call, metadata

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.database import DatabaseServer

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ROW = {"phone": "+79160000001", "reason": "asked", "added_at": NOW}


def _schema(url: str) -> list[tuple[str, ...]]:
    """Columns, indexes and constraints, as PostgreSQL itself describes them."""
    queries = (
        "SELECT table_name, column_name, data_type, is_nullable, coalesce(column_default, '') "
        "FROM information_schema.columns WHERE table_schema = 'public'",
        "SELECT tablename, indexname, indexdef, '', '' FROM pg_indexes WHERE schemaname = 'public'",
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '' FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace",
    )
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = [tuple(row) for query in queries for row in connection.execute(text(query))]
    engine.dispose()
    return sorted(row for row in rows if row[0] != "alembic_version")


def test_migrations_make_the_tables_that_the_code_describes(database_server: DatabaseServer) -> None:
    with database_server.empty() as described, database_server.empty() as migrated:
        engine = create_engine(described)
        metadata.create_all(engine)
        engine.dispose()

        assert migrate(migrated)
        assert not migrate(migrated)

        assert _schema(migrated) == _schema(described)


async def test_several_processes_may_migrate_at_once(database_server: DatabaseServer) -> None:
    with database_server.empty() as url:
        await asyncio.gather(*(asyncio.to_thread(migrate, url) for _ in range(4)))

        engine = create_engine(url)
        assert "orders" in inspect(engine).get_table_names()
        engine.dispose()


async def test_an_exception_rolls_back(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError):
        async with ledger.begin() as tx:
            await tx.execute(do_not_call.insert().values(ROW))
            raise RuntimeError

    async with ledger.begin() as tx:
        assert (await tx.execute(do_not_call.select())).all() == []


async def test_a_second_row_of_something_unique_is_a_conflict(ledger: Ledger) -> None:
    async with ledger.begin() as tx:
        await tx.execute(do_not_call.insert().values(ROW))

    with pytest.raises(ConflictError, match="pk_do_not_call"):
        async with ledger.begin() as tx:
            await tx.execute(do_not_call.insert().values(ROW))


async def test_error_messages_hold_no_personal_data(ledger: Ledger) -> None:
    with pytest.raises(LedgerError) as caught:
        async with ledger.begin() as tx:
            await tx.execute(do_not_call.insert().values({**ROW, "reason": None}))

    assert caught.value.permanent
    assert "7916" not in str(caught.value)


async def test_a_server_that_is_away_is_an_error_that_may_pass(tmp_path: Path) -> None:
    ledger = Ledger(f"postgresql://postgres@/dialer?host={tmp_path}")

    with pytest.raises(LedgerError) as caught:
        async with ledger.begin():
            pass

    assert not caught.value.permanent
    await ledger.close()


async def test_the_ledger_works_again_after_postgresql_was_killed_and_restarted(
    ledger: Ledger, database_server: DatabaseServer
) -> None:
    async with ledger.begin() as tx:
        await tx.execute(do_not_call.insert().values(ROW))

    with pytest.raises(LedgerError) as caught:
        async with ledger.begin() as tx:
            await asyncio.to_thread(database_server.server.kill)
            await tx.execute(do_not_call.select())
    await asyncio.to_thread(database_server.server.start)

    assert not caught.value.permanent
    async with ledger.begin() as tx:
        assert len((await tx.execute(do_not_call.select())).all()) == 1


async def test_the_clock_is_the_servers(ledger: Ledger) -> None:
    moment = await ledger.now()

    assert moment.utcoffset() == timedelta(0)
    assert abs(moment - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize("url", ["", "mysql://localhost/x", "not a url"])
def test_a_wrong_url_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigError):
        Ledger(url)
