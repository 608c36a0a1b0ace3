"""`dialer plan`: how many lines a campaign needs, or when it will end."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from dialer.cli._common import json_option, print_json
from dialer.cli._types import Numbers, TimeRange
from dialer.domain.policy import CallingWindow

if TYPE_CHECKING:
    from datetime import time

    from dialer.planning import Hour, Plan, Run

_BAR_CHARS = 30


@click.command("plan")
@click.option("--orders", type=int, required=True, help="How many orders are to be called.")
@click.option("--window", type=TimeRange(), default="10:00-21:00", show_default=True, help="The calling window.")
@click.option("--weekdays", type=Numbers(), default="1,2,3,4,5,6,7", help="Days of calling, Monday is 1.")
@click.option("--lines", type=int, help="When will it end with so many lines? Without: how many lines are needed?")
@click.option("--days", type=int, help="End within so many days. Default: as few as the retries allow.")
@click.option("--answer-rate", type=float, default=0.6, show_default=True, help="Share of calls that are answered.")
@click.option("--talk-time", type=float, default=35.0, show_default=True, help="Mean seconds from answer to end.")
@click.option("--decision-rate", type=float, default=0.95, show_default=True, help="Share of answers that decide.")
@click.option("--ring-time", type=float, default=30.0, show_default=True, help="Seconds until nobody answers.")
@click.option("--answer-delay", type=float, default=8.0, show_default=True, help="Mean seconds of ringing.")
@click.option("--busy-rate", type=float, default=0.2, show_default=True, help="Share of unanswered calls: busy.")
@click.option("--setup-time", type=float, default=3.0, show_default=True, help="Seconds lost around each call.")
@click.option("--retry-countdowns", type=Numbers(), default="1800,7200,14400", show_default=True, help="Seconds.")
@click.option("--calls-per-second", type=float, default=0.0, help="Most new calls per second; 0: no limit.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the simulated outcomes.")
@json_option
def command(
    *,
    window: tuple[time, time],
    weekdays: tuple[float, ...],
    lines: int | None,
    days: int | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Simulate a campaign's calls, retries included: how many lines it needs, or when it will end.

    Needs no database. Lines without reserve: plan for a lower answer rate than you hope for.
    """
    from dialer.planning import CallModel, Need, make_plan

    need = Need(
        orders=values["orders"],
        window=CallingWindow(*window, weekdays=tuple(int(day) for day in weekdays)),
        model=CallModel(
            answer_rate=values["answer_rate"],
            talk_s=values["talk_time"],
            decision_rate=values["decision_rate"],
            answer_delay_s=values["answer_delay"],
            ring_timeout_s=values["ring_time"],
            busy_rate=values["busy_rate"],
            setup_s=values["setup_time"],
        ),
        retry_countdowns_s=values["retry_countdowns"],
        calls_per_second=values["calls_per_second"],
        seed=values["seed"],
    )
    plan = make_plan(need, lines, days)
    if as_json:
        print_json(_facts(plan))
    else:
        _show(plan)


def _facts(plan: Plan) -> dict[str, Any]:
    run = plan.run
    return {
        "orders": plan.need.orders,
        "lines": run.lines,
        "lines_needed": plan.needed,
        "days": run.days,
        "fewest_days": plan.fewest_days,
        "ends": _moment(run.end_s),
        "first_round_ends": _moment(run.first_round_s),
        "attempts": run.attempts,
        "answered": run.answered,
        "decided": run.decided,
        "unreachable": run.unreachable,
        "hours": [{"hour": _moment(hour.start_s), **asdict(hour)} for hour in run.hours],
    }


def _moment(seconds: float) -> str:
    """`day 1, 20:59`."""
    day, rest = divmod(int(seconds), 86_400)
    return f"day {day + 1}, {rest // 3600:02d}:{rest % 3600 // 60:02d}"


def _show(plan: Plan) -> None:
    run, orders = plan.run, plan.need.orders
    console = Console(highlight=False)
    if plan.needed:
        needed = "1 line is needed" if run.lines == 1 else f"{run.lines:,} lines are needed"
        console.print(f"{needed}; the last order ends {_moment(run.end_s)}.", style="bold")
    else:
        console.print(f"With {run.lines:,} lines the last order ends {_moment(run.end_s)}.", style="bold")
    if plan.fewest_days > 1:
        console.print(f"The retries alone take it into day {plan.fewest_days}, with any number of lines.")
    table = Table(box=box.SIMPLE, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("every order called once by", _moment(run.first_round_s))
    table.add_row("calls", f"{run.attempts:,}")
    table.add_row("answered", f"{run.answered:,}")
    table.add_row("orders decided", f"{run.decided:,} ({run.decided / orders:.1%})")
    table.add_row("orders unreachable", f"{run.unreachable:,} ({run.unreachable / orders:.1%})")
    console.print(table)
    console.print(_chart(run))


def _chart(run: Run) -> Table:
    """Lines in use, hour by hour."""
    table = Table(box=box.SIMPLE, pad_edge=False, collapse_padding=True)
    table.add_column("hour", no_wrap=True)
    table.add_column("calls", justify="right")
    table.add_column("lines", justify="right")
    table.add_column("")
    for hour in run.hours:
        table.add_row(_moment(hour.start_s), f"{hour.calls:,}", f"{hour.lines:.1f}", _bar(hour, run.lines))
    return table


def _bar(hour: Hour, lines: int) -> str:
    eighths = round(min(1.0, hour.lines / lines) * _BAR_CHARS * 8)
    return "█" * (eighths // 8) + ("" if eighths % 8 == 0 else " ▏▎▍▌▋▊▉"[eighths % 8])
