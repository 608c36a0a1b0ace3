"""`dialer doctor`: what is wrong with this installation, and what to do."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dialer.cli._common import json_option, print_json
from dialer.errors import ConfigError
from dialer.settings import settings

if TYPE_CHECKING:
    from dialer.doctor import Finding, Services
    from dialer.settings import Settings

_STYLES: Final = {"ok": "green", "warning": "yellow", "failed": "bold red"}


@click.command("doctor")
@json_option
def command(*, as_json: bool) -> None:
    """Check settings, scripts, database, broker, workers, beat, Asterisk, trunk, providers and the orders API.

    Changes nothing, places no call. Exit code 1 if a check failed.
    """
    findings = _examined()
    failures = any(finding.state == "failed" for finding in findings)
    if as_json:
        print_json({"healthy": not failures, "checks": [asdict(finding) for finding in findings]})
    else:
        _show(findings)
    sys.exit(1 if failures else 0)


def _examined() -> list[Finding]:
    from dialer.doctor import Finding, State, examine
    from dialer.telemetry import configure_logging

    try:
        config = settings()
    except ConfigError as error:
        advice = "Correct config/default.toml or the environment variable; docs/configuration.md explains each key."
        return [Finding("settings", State.FAILED, str(error), advice)]
    configure_logging(config, interactive=True)
    # What a service's client library would complain about is in the findings.
    logging.disable(logging.CRITICAL)
    try:
        return asyncio.run(examine(config, _services(config)))
    finally:
        logging.disable(logging.NOTSET)


def _services(config: Settings) -> Services:
    """As configured; else the embedded ones, if they run."""
    from dialer.doctor import Services
    from dialer.embedded.postgres import EmbeddedPostgres
    from dialer.embedded.redis import EmbeddedRedis

    database, broker = config.database_url or None, config.broker_url or None
    if database is None:
        postgres = EmbeddedPostgres(config.home / "postgres")
        database = postgres.url if postgres.is_running() else None
    if broker is None:
        redis = EmbeddedRedis(config.home / "redis")
        broker = redis.url if redis.is_running() else None
    return Services(database, broker)


def _show(findings: list[Finding]) -> None:
    console = Console(highlight=False)
    table = Table(box=box.SIMPLE, pad_edge=False, collapse_padding=True, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", max_width=24)
    table.add_column(overflow="fold")
    for finding in findings:
        said = Text(finding.message)
        if finding.advice:
            said.append(f"\n-> {finding.advice}", style="italic")
        table.add_row(Text(finding.state, style=_STYLES[finding.state]), Text(finding.check), said)
    console.print(table)
    counts = Counter(str(finding.state) for finding in findings)
    console.print(", ".join(f"{counts[state]} {state}" for state in _STYLES if counts[state]), markup=False)
