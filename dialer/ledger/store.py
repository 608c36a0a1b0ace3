"""The connection to PostgreSQL: transactions, the one clock, and the one place where database errors get our names."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from dialer.errors import ConfigError, ConflictError, LedgerError

MIGRATIONS = Path(__file__).with_name("migrations")
#: Key of the advisory lock under which one process at a time migrates.
_MIGRATION_LOCK = 7_301_144_201
#: A migration that waits for a table holds up everybody who comes after it: it steps back soon, and tries again.
_MIGRATION_PATIENCE = "SET lock_timeout = '2s'"
_MIGRATION_TRIES = 60
_MIGRATION_PAUSE_S = 1.0
_LOCK_NOT_AVAILABLE = "55P03"
_CONNECT_TIMEOUT_S = 5
#: No statement of a use case should come near these; they bound what a stuck peer can do to us.
_SESSION_OPTIONS = (
    "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s -c timezone=UTC -c jit=off"
)
_KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000}
_UNIQUE_VIOLATION = "23505"
_READ_ONLY = "25006"


def _url(database_url: str) -> URL:
    """The URL with the one driver that we use, whatever way the user wrote it."""
    try:
        url = make_url(database_url)
    except ArgumentError as error:
        raise ConfigError("database_url is not a URL like postgresql://user:password@host/database") from error
    if url.get_backend_name() not in ("postgresql", "postgres"):
        raise ConfigError("database_url must name a PostgreSQL server")
    return url.set(drivername="postgresql+psycopg")


@contextmanager
def _our_errors() -> Iterator[None]:
    """Turn SQLAlchemy's and psycopg's errors into ConflictError and LedgerError.

    Messages name the kind of failure only: a statement's parameters hold personal data.
    """
    try:
        yield
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) == _UNIQUE_VIOLATION:
            raise ConflictError(f"already there: {_constraint(error)}") from error
        raise _ledger_error(error, permanent=True) from error
    except (OperationalError, InterfaceError, InternalError, PoolTimeoutError) as error:
        raise _ledger_error(error, permanent=False) from error
    except DBAPIError as error:
        raise _ledger_error(error, permanent=not error.connection_invalidated) from error
    except SQLAlchemyError as error:
        raise _ledger_error(error, permanent=True) from error


def _constraint(error: IntegrityError) -> str:
    diagnosis = getattr(error.orig, "diag", None)
    return str(getattr(diagnosis, "constraint_name", None) or "a unique value")


def _ledger_error(error: SQLAlchemyError, *, permanent: bool) -> LedgerError:
    origin = getattr(error, "orig", None)
    diagnosis = getattr(origin, "diag", None)
    words = getattr(diagnosis, "message_primary", None) or type(origin or error).__name__
    if isinstance(error, OperationalError) and getattr(origin, "sqlstate", None) is None:
        words = str(origin).splitlines()[0] if str(origin) else words
    mapped = LedgerError(f"PostgreSQL: {words}")
    mapped.permanent = permanent
    return mapped


def _leave_read_only(context: ExceptionContext) -> None:
    """A server that has become read-only is not ours any more: after a failover the URL leads to another one."""
    if getattr(context.original_exception, "sqlstate", None) == _READ_ONLY:
        context.is_disconnect = True


class Ledger:
    """The ledger's engine: one per process (and per event loop)."""

    def __init__(self, database_url: str, *, pool_size: int = 10) -> None:
        """Nothing connects before the first `begin`. Raises ConfigError for a wrong URL."""
        self._engine = create_async_engine(
            _url(database_url),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=30,
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": _CONNECT_TIMEOUT_S,
                "options": _SESSION_OPTIONS,
                "application_name": "dialer",
                **_KEEPALIVE,
            },
        )
        event.listen(self._engine.sync_engine, "handle_error", _leave_read_only)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed at the end, rolled back by any exception.

        Raises ConflictError for a violated unique rule, LedgerError for everything else that PostgreSQL says.
        After a LedgerError that is not permanent it is unknown whether a commit was carried out: repeat the use
        case (every step is conditional, so a repeat is harmless).
        """
        with _our_errors():
            async with self._engine.begin() as tx:
                yield tx

    async def now(self) -> datetime:
        """PostgreSQL's clock: the one clock of all workers, whose own may differ by minutes."""
        async with self.begin() as tx:
            return await database_now(tx)

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()


async def database_now(tx: AsyncConnection) -> datetime:
    """PostgreSQL's clock, aware, in UTC."""
    moment: datetime = (await tx.execute(text("SELECT clock_timestamp()"))).scalar_one()
    return moment.astimezone(UTC)


async def database_uptime_s(tx: AsyncConnection) -> float:
    """Seconds since PostgreSQL was started."""
    age = text("SELECT extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())")
    return float((await tx.execute(age)).scalar_one())


def migrate(database_url: str) -> bool:
    """Bring the database to this version's tables, with workers at work in it: all in one transaction, or nothing.

    Several processes may call it at once; one works, others wait. Returns whether anything had to be done. Raises
    LedgerError, ConfigError.
    """
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    engine = create_engine(_url(database_url), connect_args={"connect_timeout": _CONNECT_TIMEOUT_S})
    try:
        with _our_errors(), engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})
            connection.commit()
            try:
                connection.execute(text(_MIGRATION_PATIENCE))
                before = MigrationContext.configure(connection).get_current_revision()
                connection.commit()
                config.attributes["connection"] = connection
                _patiently(lambda: command.upgrade(config, "head"), connection.rollback)
                return before != MigrationContext.configure(connection).get_current_revision()
            finally:
                connection.rollback()
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _MIGRATION_LOCK})
                connection.commit()
    finally:
        engine.dispose()


def _patiently(upgrade: Callable[[], None], rollback: Callable[[], None]) -> None:
    """Repeat what steps back before a lock; somebody's long transaction ends some time."""
    for _ in range(_MIGRATION_TRIES - 1):
        try:
            upgrade()
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
        else:
            return
        rollback()
        time.sleep(_MIGRATION_PAUSE_S)
    upgrade()
