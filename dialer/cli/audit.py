"""`dialer audit`: exit code 0 if the ledger conserves every order, 1 on any violation."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from rich.console import Console

from dialer.cli._common import json_option, print_json, with_ledger

if TYPE_CHECKING:
    from dialer.ledger.audit import AuditReport
    from dialer.ledger.store import Ledger


@click.command("audit")
@json_option
def command(*, as_json: bool) -> None:
    """Check that every imported order is in exactly one state, and told to the shop exactly once.

    Exit code 1 on any violation.
    """
    report = with_ledger(_audit)
    if as_json:
        counts = {"campaigns": report.counts, "outbox": report.outbox}
        print_json({"clean": report.clean, "violations": report.violations, **counts})
    else:
        _show(report)
    sys.exit(0 if report.clean else 1)


async def _audit(ledger: Ledger) -> AuditReport:
    from dialer.ledger.audit import audit

    now = await ledger.now()
    async with ledger.begin() as tx:
        return await audit(tx, now)


def _show(report: AuditReport) -> None:
    console = Console(highlight=False)
    for campaign, counts in report.counts.items():
        states = " + ".join(f"{count:,} {state}" for state, count in counts.items() if count and state != "imported")
        console.print(f"{campaign}: {counts['imported']:,} imported" + (f" = {states}" if states else ""), markup=False)
    console.print("outbox: " + ", ".join(f"{count:,} {name}" for name, count in report.outbox.items()), markup=False)
    for violation in report.violations:
        console.print(violation, style="red", markup=False)
    verdict = "clean: nothing lost, nothing doubled" if report.clean else f"{len(report.violations)} rules broken"
    console.print(verdict, style="green" if report.clean else "bold red")
