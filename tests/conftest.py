"""Fixtures that any test may ask for; nothing starts before one does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from dialer.ledger.store import Ledger
    from tests.support.database import DatabaseServer


@pytest.fixture(scope="session")
def database_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseServer]:
    """The session's PostgreSQL."""
    from dialer.embedded.postgres import EmbeddedPostgres
    from tests.support.database import DatabaseServer

    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), fast=True) as server:
        yield DatabaseServer(server)


@pytest.fixture
def database_url(database_server: DatabaseServer) -> Iterator[str]:
    """A migrated database of the test's own."""
    with database_server.migrated() as url:
        yield url


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[Ledger]:
    """A ledger on a migrated database of the test's own."""
    from dialer.ledger.store import Ledger

    ledger = Ledger(database_url)
    yield ledger
    await ledger.close()
