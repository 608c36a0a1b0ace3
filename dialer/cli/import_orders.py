"""`dialer import`: a CSV of orders into a campaign.

Exit code 0: something was accepted, or was there already, or the file had no rows; 1: every row was rejected; 2: the
file cannot be read (no such file, not text, a required column is missing) or the ledger failed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final, cast

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from dialer.domain.order import Order
from dialer.errors import InputError
from dialer.intake import ImportTally, OrdersFile, RejectsFile, SeenIds, open_file, order_batches
from dialer.settings import settings

#: Files above this size get a progress bar (on a terminal).
_LONG_FILE_BYTES: Final = 2_000_000
_STDIN: Final = "-"


@click.command("import")
@click.argument("file", type=click.Path(allow_dash=True))
@click.option("--campaign", help="Campaign to import into; created with defaults if it does not exist.")
@click.option("--dry-run", is_flag=True, help="Only check the file; needs no database.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
@click.option(
    "--rejects", type=click.Path(path_type=Path), help="Where bad rows go. Default: next to FILE, *.rejects.csv."
)
def command(*, file: str, campaign: str | None, dry_run: bool, as_json: bool, rejects: Path | None) -> None:
    """Import a CSV of orders (FILE, or - for standard input) into a campaign.

    Bad rows never stop the good ones: they are repeated in the rejects file with line, field and reason. Importing
    a file twice adds nothing.
    """
    if campaign is None and not dry_run:
        raise click.UsageError("--campaign is required (or --dry-run to only check the file)")
    tally = ImportTally()
    with _opened(file) as stream, _progress(stream) as counted:
        orders_file = OrdersFile(counted, allowed_prefixes=tuple(settings().calls.allowed_prefixes))
        with RejectsFile(_rejects_path(file, rejects), orders_file.header, orders_file.delimiter) as rejects_file:
            batches = _looked_at(order_batches(orders_file, rejects_file, tally), tally)
            created = None
            if dry_run:
                _check_only(batches, tally)
            else:
                created = _take_in(batches, tally, str(campaign), file)
    if as_json:
        facts = {
            "campaign": campaign,
            "campaign_created": created is not None,
            "dry_run": dry_run,
            "encoding": orders_file.encoding,
            "delimiter": orders_file.delimiter,
        }
        click.echo(json.dumps({**tally.as_json(), **facts}, ensure_ascii=False))
    else:
        _show(tally, orders_file, campaign, created=created, dry_run=dry_run)
    sys.exit(1 if tally.nothing_good else 0)


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == _STDIN:
        yield sys.stdin.buffer
        return
    with open_file(Path(file)) as stream:
        yield stream


def _rejects_path(file: str, chosen: Path | None) -> Path:
    """Where the rejects go; never over the input itself."""
    path = chosen or Path("orders.rejects.csv" if file == _STDIN else f"{Path(file).with_suffix('')}.rejects.csv")
    if file != _STDIN and path.exists() and path.samefile(file):
        raise InputError("rejects", f"{path}: this is the file that is imported; name another one with --rejects")
    return path


def _looked_at(batches: Iterable[list[Order]], tally: ImportTally) -> Iterator[list[Order]]:
    """The batches; dates that are over by this machine's clock are counted."""
    today = datetime.now().date()  # noqa: DTZ005 - the user's own clock
    for batch in batches:
        tally.past_dates += sum(order.delivery_date is not None and order.delivery_date < today for order in batch)
        yield batch


def _check_only(batches: Iterable[list[Order]], tally: ImportTally) -> None:
    """Count what an import into an empty campaign would accept."""
    with SeenIds() as seen:
        for batch in batches:
            fresh = sum(seen.add(order.order_id) for order in batch)
            tally.accepted += fresh
            tally.duplicates += len(batch) - fresh


def _take_in(batches: Iterable[list[Order]], tally: ImportTally, campaign: str, file: str) -> str | None:
    """Put the orders into the ledger; what was said of the campaign if it had to be created."""
    return asyncio.run(_take_in_async(batches, tally, campaign, file))


async def _take_in_async(batches: Iterable[list[Order]], tally: ImportTally, campaign: str, file: str) -> str | None:
    from dialer.campaigns import find_campaign, import_orders
    from dialer.cli._common import opened_ledger
    from dialer.domain.campaign import CampaignPlan
    from dialer.errors import NotFoundError

    async with opened_ledger() as ledger:
        try:
            await find_campaign(ledger, campaign)
            missing = None
        except NotFoundError as error:
            missing = str(error)
        plan = CampaignPlan(name=campaign) if missing else None
        source = "stdin" if file == _STDIN else Path(file).name
        counts = await import_orders(ledger, campaign, batches, source=source, create_if_missing=plan)
    tally.accepted, tally.duplicates = counts.accepted, counts.duplicates
    return missing


@contextmanager
def _progress(stream: BinaryIO) -> Iterator[BinaryIO]:
    """The stream, watched by a progress bar on standard error if it is long and somebody looks."""
    console = Console(stderr=True)
    size = _size_of(stream)
    if not console.is_terminal or size < _LONG_FILE_BYTES:
        yield stream
        return
    columns = (TextColumn("reading"), BarColumn(), TaskProgressColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("reading", total=size)
        yield cast(BinaryIO, _Counted(stream, lambda count: progress.advance(task, count)))


def _size_of(stream: BinaryIO) -> int:
    """Bytes in a regular file; 0 for pipes, whose length nobody knows."""
    try:
        return os.fstat(stream.fileno()).st_size
    except OSError:
        return 0


class _Counted:
    """A binary stream that tells how much of it was read."""

    def __init__(self, stream: BinaryIO, advance: Callable[[int], None]) -> None:
        self._stream = stream
        self._advance = advance

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._advance(len(data))
        return data


def _show(tally: ImportTally, file: OrdersFile, campaign: str | None, *, created: str | None, dry_run: bool) -> None:
    """The summary for people."""
    console = Console(highlight=False)
    title = "Checked, nothing imported" if dry_run else f"Imported into campaign {campaign!r}"
    console.print(title, markup=False, style="bold")
    table = Table(show_header=False)
    table.add_column(justify="left")
    table.add_column(justify="right")
    table.add_row("accepted", f"{tally.accepted:,}", style="green" if tally.accepted else None)
    table.add_row("duplicates", f"{tally.duplicates:,}")
    table.add_row("rejected", f"{tally.rejected:,}", style="red" if tally.rejected else None)
    console.print(table)
    delimiter = "tab" if file.delimiter == "\t" else file.delimiter
    console.print(f"Read as {file.encoding}, cells separated by {delimiter}", markup=False)
    if created:
        console.print(f"It is a new draft with default settings ({created}).", markup=False)
    if tally.past_dates:
        says = f"Delivery dates that are over: {tally.past_dates:,}. The bot would read them out as they stand."
        console.print(says, markup=False, style="yellow")
    if tally.rejected:
        _show_rejects(console, tally)


def _show_rejects(console: Console, tally: ImportTally) -> None:
    """The first bad rows (line, field, reason: no cell's content) and where to find all of them."""
    table = Table()
    table.add_column("line", justify="right")
    table.add_column("field")
    table.add_column("reason")
    for reject in tally.first_rejects:
        for number, (name, reason) in enumerate(reject.problems):
            table.add_row(str(reject.line_number) if number == 0 else "", Text(name), Text(reason))
    console.print(table)
    if tally.rejected > len(tally.first_rejects):
        console.print(f"... and {tally.rejected - len(tally.first_rejects):,} more", markup=False)
    console.print(f"All rejected rows: {tally.rejects_file}", markup=False, soft_wrap=True)
