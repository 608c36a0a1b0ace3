"""`dialer migrate`: bring the database to this release's tables."""

from __future__ import annotations

import click


@click.command("migrate")
def command() -> None:
    """Bring the database to this release's tables; does nothing when it is there already.

    Safe while workers run: migrations only add. Exit code 2 when the database cannot be reached.
    """
    from dialer.cli._common import unmigrated_url
    from dialer.ledger.store import migrate

    with unmigrated_url() as url:
        click.echo("the database has this release's tables now" if migrate(url) else "the database is up to date")
