"""`dialer stop --all`: the emergency stop. It opens what it needs and nothing else, for it must be quick."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from dialer.cli._common import json_option, print_json
from dialer.errors import ConfigError
from dialer.settings import Settings, settings

if TYPE_CHECKING:
    from dialer.campaigns import StoppedAll


@click.command("stop")
@click.option("--all", "everything", is_flag=True, help="Every campaign and every call; must be given.")
@click.option("--pause", "resumable", is_flag=True, help="Pause running campaigns instead of stopping all for good.")
@json_option
def command(*, everything: bool, resumable: bool, as_json: bool) -> None:
    """Stop all campaigns and hang up every live call within two seconds.

    Stopped campaigns skip the orders that they have not called; with --pause they can be resumed one by one, and the
    customers whose calls were cut wait for their next attempt. Decisions that customers had made are kept.
    """
    if not everything:
        raise click.UsageError("say --all: this hangs up every call of every campaign")
    from dialer.telemetry import configure_logging

    config = settings()
    configure_logging(config, interactive=True)
    began = time.monotonic()
    done = asyncio.run(_stop(config, resumable))
    seconds = round(time.monotonic() - began, 2)
    if as_json:
        print_json({**asdict(done), "seconds": seconds})
        return
    word = "paused" if resumable else "stopped"
    click.echo(f"campaigns {word}: {done.campaigns}, calls hung up: {done.calls}, in {seconds:g} s")
    if done.left_to_workers:
        click.echo(f"{done.left_to_workers} of them are on nodes out of reach: their workers hang up within a second")


async def _stop(config: Settings, resumable: bool) -> StoppedAll:
    """With this node's Asterisk, as far as it can be reached. Without dialer.bootstrap, whose models take a second."""
    from dialer.campaigns import stop_all
    from dialer.ledger.store import Ledger
    from dialer.telephony.switch import AriSwitch

    ledger, switch = Ledger(config.database_url or _embedded_url(config)), AriSwitch(config)
    try:
        return await stop_all(ledger, switch.hangup_attempt, resumable=resumable)
    finally:
        await asyncio.gather(switch.close(), ledger.close())


def _embedded_url(config: Settings) -> str:
    """The database that `dialer up` runs in this home. Raises ConfigError when it does not run: nothing calls then."""
    from dialer.embedded.postgres import EmbeddedPostgres

    server = EmbeddedPostgres(config.home / "postgres")
    if not server.is_running():
        raise ConfigError(f"no DIALER_DATABASE_URL is set, and no `dialer up` runs in {config.home}: nothing to stop")
    return server.url
