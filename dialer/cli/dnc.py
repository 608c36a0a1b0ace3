"""`dialer dnc`: the do-not-call list."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, Final

import click
from rich.console import Console
from rich.table import Table

from dialer.cli._common import json_option, print_json, with_ledger
from dialer.errors import InputError
from dialer.settings import settings

if TYPE_CHECKING:
    from dialer.ledger.dnc import Forbidden
    from dialer.ledger.store import Ledger

_PAGE = 1000
_FIRST_CELL: Final = re.compile(r"[;,\t]")


@click.group("dnc")
def command() -> None:
    """The do-not-call list: its numbers are called by no campaign, from the next dial on."""


@command.command("add")
@click.argument("phone", nargs=-1, required=True)
@click.option("--reason", default="added by hand", show_default=True, help="Kept beside the number.")
@json_option
def add_command(*, phone: tuple[str, ...], reason: str, as_json: bool) -> None:
    """Put numbers on the list."""
    added = with_ledger(lambda ledger: _add(ledger, [_e164(raw) for raw in phone], reason))
    if as_json:
        print_json({"added": added, "known": len(phone) - added})
        return
    click.echo(f"{added} added, {len(phone) - added} were there already")


@command.command("remove")
@click.argument("phone")
@json_option
def remove_command(*, phone: str, as_json: bool) -> None:
    """Take a number off the list."""
    number = _e164(phone)

    async def remove(ledger: Ledger) -> bool:
        from dialer.ledger import dnc

        async with ledger.begin() as tx:
            return await dnc.remove(tx, number)

    removed = with_ledger(remove)
    if as_json:
        print_json({"removed": removed})
        return
    click.echo("removed" if removed else "it was not on the list")


@command.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--reason", default="imported", show_default=True, help="Kept beside the numbers.")
@json_option
def import_command(*, file: BinaryIO, reason: str, as_json: bool) -> None:
    """Put the numbers of FILE (one per line, - for standard input) on the list; bad lines are named and passed over.

    Of a table the first column is read; a first line without any digit is its heading. Exit code 1 if no line is good.
    """
    good: list[str] = []
    bad: list[dict[str, object]] = []
    for line, raw in _numbers(file):
        try:
            good.append(_e164(raw))
        except InputError as error:
            bad.append({"line": line, "reason": error.reason})
    added = with_ledger(lambda ledger: _add(ledger, good, reason)) if good else 0
    if as_json:
        print_json({"added": added, "known": len(good) - added, "rejected": bad})
    else:
        click.echo(f"{added} added, {len(good) - added} were there already, {len(bad)} rejected")
        for reject in bad:
            click.echo(f"line {reject['line']}: {reject['reason']}", err=True)
    sys.exit(1 if bad and not good else 0)


@command.command("list")
@json_option
def list_command(*, as_json: bool) -> None:
    """Print the list."""
    found = with_ledger(_all)
    if as_json:
        print_json([{"phone": row.phone, "reason": row.reason, "added_at": row.added_at} for row in found])
        return
    table = Table("phone", "reason", "added")
    for row in found:
        table.add_row(row.phone, row.reason, f"{row.added_at:%Y-%m-%d %H:%M} UTC")
    Console().print(table)


def _e164(raw: str) -> str:
    from dialer.intake.phones import parse_phone

    return parse_phone(raw, tuple(settings().calls.allowed_prefixes))


def _numbers(file: BinaryIO) -> Iterator[tuple[int, str]]:
    """(line, text of the number), in any encoding that orders may have."""
    from dialer.intake.lines import open_lines

    for line in open_lines(file)[1]:
        cell = _FIRST_CELL.split(line.text, maxsplit=1)[0].strip(" \"'")
        is_heading = line.number == 1 and not any(character.isdigit() for character in line.text)
        if cell and not is_heading:
            yield line.number, cell


async def _add(ledger: Ledger, phones: list[str], reason: str) -> int:
    from dialer.ledger import dnc

    now = await ledger.now()
    added = 0
    for start in range(0, len(phones), _PAGE):
        async with ledger.begin() as tx:
            added += await dnc.add(tx, phones[start : start + _PAGE], reason=reason, now=now)
    return added


async def _all(ledger: Ledger) -> list[Forbidden]:
    from dialer.ledger import dnc

    found: list[Forbidden] = []
    async with ledger.begin() as tx:
        while page := await dnc.list_phones(tx, after=found[-1].phone if found else "", limit=_PAGE):
            found.extend(page)
    return found
