"""`dialer demo`: a whole campaign on this machine."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console

from dialer.cli._common import json_option, print_json
from dialer.demo.campaign import DemoPlan, DemoResult, run_demo
from dialer.demo.view import ProgressView
from dialer.settings import config_dir, settings
from dialer.telemetry import configure_logging


@click.command("demo")
@click.option(
    "--orders", type=click.Path(path_type=Path, dir_okay=False), help="Your own CSV. Default: 48 sample orders."
)
@click.option("--lines", default=20, show_default=True, type=click.IntRange(1, 200), help="Simultaneous calls.")
@click.option(
    "--time-scale", default=900.0, show_default=True, type=click.FloatRange(min=1), help="Divides retry countdowns."
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Output folder. Default: out/demo-TIME.")
@click.option("--script", default="delivery", show_default=True, help="Script under config/scripts.")
@click.option("--seed", default=149, show_default=True, help="Who lives behind which number.")
@click.option("--asterisk", is_flag=True, help="Call over SIP through a real Asterisk (see `make asterisk`).")
@json_option
def command(
    *,
    orders: Path | None,
    lines: int,
    time_scale: float,
    out: Path | None,
    script: str,
    seed: int,
    asterisk: bool,
    as_json: bool,
) -> None:
    """Run a whole campaign with audio: real ledger, broker, beat and workers, simulated customers and shop.

    Exit code 0 only if every order came to its end and the audit is clean.
    """
    configure_logging(settings(), interactive=True)
    console = Console(stderr=as_json)
    folder = out or Path("out") / f"demo-{datetime.now():%Y%m%d-%H%M%S}"  # noqa: DTZ005 - the user's own clock
    plan = DemoPlan(
        orders=orders or config_dir() / "demo_orders.csv",
        out=folder.absolute(),
        lines=lines,
        time_scale=time_scale,
        script=script,
        seed=seed,
        asterisk=asterisk,
    )
    with ProgressView(console) as view:
        result = run_demo(plan, view.show, view.say)
    if as_json:
        facts = {"audit": asdict(result.audit), "out": plan.out, "seconds": round(result.seconds, 1)}
        print_json(result.report.as_json() | facts)
    else:
        _tell(console, plan, result)
    sys.exit(0 if result.audit.clean else 1)


def _tell(console: Console, plan: DemoPlan, result: DemoResult) -> None:
    from dialer.cli.report import show_report

    show_report(result.report, console)
    calls = sorted((plan.out / "calls").rglob("*.wav"))
    console.print(f"campaign: {result.seconds:.0f} s", highlight=False)
    console.print("audit: " + ("clean" if result.audit.clean else "; ".join(result.audit.violations)), markup=False)
    console.print(f"output: {plan.out}", markup=False, highlight=False, soft_wrap=True)
    for path in result.files.values():
        console.print(f"  {path.name}", markup=False, highlight=False)
    console.print(f"  calls/  {len(calls)} recordings (bot left, customer right) and transcripts", highlight=False)
    console.print(f"With the live board: {_myself()} up --simulate", markup=False, highlight=False)


def _myself() -> str:
    """How to call this command once more: `dialer` where a shell finds it, else its path."""
    return "dialer" if shutil.which("dialer") else os.path.relpath(sys.argv[0])
