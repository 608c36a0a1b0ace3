"""`dialer report`: a campaign's rates, decisions and retry funnel, on the terminal or saved as HTML, CSV and JSON."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import click
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from dialer.cli._common import json_option, print_json, with_ledger
from dialer.reporting.model import CONFIRMATION_GOAL
from dialer.settings import settings

if TYPE_CHECKING:
    from dialer.ledger.store import Ledger
    from dialer.reporting.model import Report

_BAR_WIDTH: Final = 40
#: What the pause before the bot's reply is made of.
_STAGES: Final = {
    "reply": "pause before a reply",
    "end_pause": "  waiting for the end",
    "stt_after_turn": "  recognition",
    "understanding": "  understanding",
}


@click.command("report")
@click.argument("campaign")
@json_option
@click.option("--html", "html_path", type=click.Path(path_type=Path), help="Save a self-contained page here.")
@click.option("--csv", "csv_path", type=click.Path(path_type=Path), help="Save one line per order here, for Excel.")
@click.option("--calls", "calls_path", type=click.Path(path_type=Path), help="Save one line per call here (CSV).")
@click.option("--analytics", "analytics_path", type=click.Path(path_type=Path), help="Save rates and costs here (CSV).")
def command(*, campaign: str, as_json: bool, **paths: Path | None) -> None:
    """Print or save CAMPAIGN's report.

    Which rate has which denominator: docs/reports.md.
    """

    async def work(ledger: Ledger) -> Report:
        return await _make(ledger, campaign, **paths)

    report = with_ledger(work)
    if as_json:
        print_json(report.as_json())
        return
    show_report(report)
    for path in paths.values():
        if path is not None:
            click.echo(f"saved {path}")


async def _make(
    ledger: Ledger,
    campaign: str,
    *,
    html_path: Path | None,
    csv_path: Path | None,
    calls_path: Path | None,
    analytics_path: Path | None,
) -> Report:
    from dialer import reports

    now = await ledger.now()
    async with ledger.begin() as tx:
        report = await reports.campaign_report(tx, campaign, now)
        if html_path is not None:
            base = _way_home(html_path)
            await reports.save_html(
                tx, report, html_path, store_name=settings().store_name, home=settings().home, artifacts_base=base
            )
        if csv_path is not None:
            await reports.save_csv(tx, report, csv_path)
        if calls_path is not None:
            await reports.save_calls(tx, report, calls_path)
        if analytics_path is not None:
            found = await reports.campaign_analytics(tx, report.campaign, settings().home)
            reports.save_analytics(found, analytics_path)
    return report


def _way_home(page: Path) -> str:
    """How a page's links reach recordings and transcripts, whose paths are relative to `home`."""
    return Path(os.path.relpath(settings().home.resolve(), page.resolve().parent)).as_posix()


def show_report(report: Report, console: Console | None = None) -> None:
    """The report for a terminal."""
    console = console or Console(highlight=False)
    title = Text.assemble((report.campaign, "bold"), f"  {report.campaign_state}")
    console.print(Panel(Group(_headline(report), Text(""), _rates(report)), title=title, title_align="left"))
    console.print(_counted("orders", report.states, report.orders))
    if report.decided:
        console.print(_counted("decisions", report.decisions, report.decided))
    if report.funnel:
        console.print(_funnel(report))
    console.print(_rest(report))


def _headline(report: Report) -> Group:
    """The confirmation rate against the goal."""
    share = report.confirmation_rate
    colour = {None: "white", True: "green", False: "yellow"}[report.goal_reached]
    verdict = {None: "no decisions yet", True: "goal reached", False: "below the goal"}[report.goal_reached]
    line = Text.assemble(
        ("confirmed ", "bold"),
        (_percent(share), f"bold {colour}"),
        f"  goal: more than {CONFIRMATION_GOAL:.0%}  ",
        (verdict, colour),
    )
    filled = round(_BAR_WIDTH * (share or 0.0))
    bar = Text.assemble(("█" * filled, colour), ("░" * (_BAR_WIDTH - filled), "dim"))
    marker = Text(" " * round(_BAR_WIDTH * CONFIRMATION_GOAL) + f"▲ {CONFIRMATION_GOAL:.0%}", style="dim")
    return Group(line, bar, marker)


def _rates(report: Report) -> Table:
    table = Table.grid(padding=(0, 3))
    table.add_row(
        "cancelled", _percent(report.cancellation_rate), f"{report.cancelled:,} of {report.decided:,} decided"
    )
    table.add_row(
        "not reached",
        _percent(report.no_answer_rate),
        f"{report.unreachable:,} of {report.decided + report.unreachable:,} decided or given up",
    )
    table.add_row(
        "answered",
        _percent(report.reach_rate),
        f"somebody answered for {report.orders_reached:,} of {report.orders_dialed:,} orders dialed",
    )
    return table


def _counted(title: str, counts: dict[str, int], total: int) -> Table:
    table = Table(title=f"{title}: {total:,}", title_justify="left", show_header=False)
    for name, count in counts.items():
        if count:
            table.add_row(name, f"{count:,}", f"{100 * count / total:.1f}%")
    return table


def _funnel(report: Report) -> Table:
    """Dispositions by attempt number."""
    table = Table(title=f"attempts: {report.attempts:,}", title_justify="left")
    table.add_column("ended as")
    for step in report.funnel:
        table.add_column(f"attempt {step.number}", justify="right")
    for name in report.dispositions:
        table.add_row(name, *(f"{step.dispositions.get(name, 0):,}" for step in report.funnel))
    if any(step.live for step in report.funnel):
        table.add_row("live", *(f"{step.live:,}" for step in report.funnel))
    table.add_row("all", *(f"{step.attempts:,}" for step in report.funnel), style="bold")
    table.add_row("decided", *(f"{step.decided:,}" for step in report.funnel), style="green")
    return table


def _rest(report: Report) -> Table:
    table = Table.grid(padding=(0, 3))
    talk = "-" if report.average_talk_s is None else f"{report.average_talk_s:.1f} s on average"
    table.add_row("talk", f"{talk}, {report.total_talk_s:,.0f} s in all")
    table.add_row("told to the shop", ", ".join(f"{count:,} {name}" for name, count in report.deliveries.items()))
    if report.not_dialed:
        table.add_row("taken back undialed", f"{report.not_dialed:,}")
    if report.skip_reasons:
        table.add_row("skipped because", Text(", ".join(f"{name}: {n:,}" for name, n in report.skip_reasons.items())))
    if report.sources:
        table.add_row("understood by", Text(", ".join(f"{name}: {count:,}" for name, count in report.sources.items())))
    for stage, seen in report.latency.items():
        table.add_row(Text(_STAGES.get(stage, stage)), f"median {seen.p50_ms:.0f} ms, 95% within {seen.p95_ms:.0f} ms")
    if report.cost_rub is not None:
        table.add_row("cost", f"{report.cost_rub:,.2f} RUB")
    if report.retries:
        nearest = report.retries[0]
        due_at = nearest.due_at.astimezone(ZoneInfo(report.timezone))
        table.add_row("next retry", Text(f"order {nearest.order_id} at {due_at:%Y-%m-%d %H:%M:%S} {report.timezone}"))
    return table


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}%"
