"""`dialer chaos`: a campaign under fire, judged by the far sides."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table

from dialer.chaos.campaign import ChaosResult, run_chaos
from dialer.chaos.disk import isolate_mounts
from dialer.chaos.plan import ChaosPlan
from dialer.embedded.asterisk_program import find_asterisk
from dialer.telemetry import configure_logging


@click.command("chaos")
@click.option("--orders", default=400, show_default=True, type=click.IntRange(2, 100_000), help="Orders to call.")
@click.option("--lines", default=30, show_default=True, type=click.IntRange(1, 200), help="Simultaneous calls.")
@click.option("--seed", default=1, show_default=True, help="Decides who is called and what fails when.")
@click.option("--minutes", default=10.0, show_default=True, type=click.FloatRange(min=0.5), help="Longest duration.")
@click.option(
    "--asterisk/--simulated",
    default=None,
    help="Call over SIP through a real Asterisk, or a simulated PBX. Default: a real one where there is one.",
)
@click.option(
    "--mischief",
    is_flag=True,
    help="Two beats and two batch workers, clocks a minute apart, messages twice and in any order.",
)
@click.option("--fault", "faults", multiple=True, help="Only these faults (by name, repeatable).")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Output folder. Default: out/chaos.")
def command(
    *,
    orders: int,
    lines: int,
    seed: int,
    minutes: float,
    asterisk: bool | None,
    mischief: bool,
    faults: tuple[str, ...],
    out: Path | None,
) -> None:
    """Run a campaign while its parts are killed, and count what was lost or doubled.

    Exit code 0 only if nothing was, the audit is clean and the campaign ended in time.
    """
    from dialer.settings import load_settings

    configure_logging(load_settings(log_level="ERROR"))
    console = Console()
    plan = ChaosPlan(
        out=(out or Path("out") / "chaos").absolute(),
        orders=orders,
        seed=seed,
        lines=lines,
        minutes=minutes,
        asterisk=find_asterisk() is not None if asterisk is None else asterisk,
        mischief=mischief,
        faults=faults,
        may_mount=isolate_mounts(),
    )
    result = run_chaos(plan, lambda line: console.print(line, markup=False, highlight=False))
    show(result, console)
    sys.exit(0 if result.clean else 1)


def show(result: ChaosResult, console: Console) -> None:
    """The table, and below it every single thing that went wrong."""
    table = Table(box=box.SIMPLE, show_header=False, pad_edge=False)
    for name, value in _figures(result):
        table.add_row(name, value)
    console.print(table)
    for name, times in sorted(result.faults.items()):
        console.print(f"  {times} x {name}", markup=False, highlight=False)
    missing = [name for name in result.kinds if not result.faults[name]]
    if missing:
        console.print(f"  not injected this time: {', '.join(missing)}", markup=False, highlight=False)
    wrong = [*result.verdict.doubled_dials, *result.verdict.lost, *result.verdict.doubled]
    for line in [*wrong, *(result.audit.violations if result.audit else [])]:
        console.print(f"  WRONG: {line}", markup=False, highlight=False)
    console.print("CLEAN" if result.clean else "NOT CLEAN", highlight=False)


def _figures(result: ChaosResult) -> list[tuple[str, str]]:
    verdict, moment = result.verdict, result.moment
    died = ", ".join(f"{name} {times}" for name, times in result.died_by_themselves.items())
    audit = "none" if result.audit is None else "clean" if result.audit.clean else "VIOLATED"
    ended = "yes" if result.finished else f"NO ({moment.final} final, {moment.undelivered} undelivered)"
    return [
        ("seed, seconds", f"{result.plan.seed}, {result.seconds:.0f}"),
        ("PBX", "Asterisk" if result.plan.asterisk else "simulated"),
        ("mischief", _mischief(result)),
        ("faults injected", str(result.faults.total())),
        ("workers that died by themselves", died or "none"),
        ("orders", str(moment.orders)),
        ("campaign ended", ended),
        ("attempts", str(moment.attempts)),
        ("calls that the PBX saw", str(verdict.calls_seen)),
        ("doubled dials", str(len(verdict.doubled_dials))),
        ("decisions made (and acknowledged to the customer)", str(verdict.decisions_made)),
        ("PATCHes acknowledged", str(verdict.patches_acknowledged)),
        ("lost", str(len(verdict.lost))),
        ("doubled", str(len(verdict.doubled))),
        ("misheard (not a fault of the ledger)", str(verdict.misheard)),
        ("audit", audit),
    ]


def _mischief(result: ChaosResult) -> str:
    if not result.plan.mischief:
        return "none"
    clocks = "clocks apart" if result.clocks_apart else "clocks NOT apart (no C compiler)"
    return f"two beats and batch workers, messages twice, {clocks}"
