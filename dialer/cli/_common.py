"""What the commands share: a ledger to work on, and output for people and for programs."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich import box
from rich.table import Table

from dialer.errors import ConfigError
from dialer.settings import ApiSettings, settings

if TYPE_CHECKING:
    from dialer.ledger.store import Ledger

T = TypeVar("T")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@contextmanager
def database_url(*, interactive: bool = True) -> Iterator[str]:
    """The configured database, else the embedded PostgreSQL under `home`, for as long as it is needed; migrated.

    `interactive`: see `configure_logging`.

    Raises EmbeddedError, LedgerError.
    """
    from dialer.ledger.store import migrate

    with unmigrated_url(interactive=interactive) as url:
        migrate(url)
        yield url


@contextmanager
def unmigrated_url(*, interactive: bool = True) -> Iterator[str]:
    """The same database as it is. Raises EmbeddedError."""
    from dialer.telemetry import configure_logging

    config = settings()
    configure_logging(config, interactive=interactive)
    if config.database_url:
        yield config.database_url
        return
    from dialer.embedded.postgres import EmbeddedPostgres

    with EmbeddedPostgres(config.home / "postgres") as server:
        yield server.url


@asynccontextmanager
async def opened_ledger(*, interactive: bool = True) -> AsyncIterator[Ledger]:
    """The ledger on that database. Raises EmbeddedError, LedgerError."""
    from dialer.ledger.store import Ledger

    with database_url(interactive=interactive) as url:
        ledger = Ledger(url)
        try:
            yield ledger
        finally:
            await ledger.close()


def with_ledger(work: Callable[[Ledger], Coroutine[Any, Any, T]]) -> T:
    """Run `work` on the ledger and return its result."""

    async def run() -> T:
        async with opened_ledger() as ledger:
            return await work(ledger)

    return asyncio.run(run())


def demand_free_port(api: ApiSettings) -> None:
    """Raises ConfigError when the API could not listen at its address."""
    family = socket.AF_INET6 if ":" in api.host else socket.AF_INET
    try:
        socket.create_server((api.host, api.port), family=family).close()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ConfigError(f"{api.host}:{api.port}: {reason}; set DIALER_API__HOST or DIALER_API__PORT") from error


def print_json(value: Any) -> None:
    """Print for programs; dates and times in ISO form, decimals as text."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def wide_table(first: str, *numbers: str) -> Table:
    """A table of counts that fits into 80 columns: the first column folds if it is long, the numbers do not."""
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False)
    table.add_column(first, overflow="fold", min_width=14)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
