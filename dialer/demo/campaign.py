"""The demo's campaign: a CSV in, a simulated world around it, the report out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import time as time_of_day
from pathlib import Path

import structlog

from dialer import campaigns, reports
from dialer.demo.stack import Stack, StackPlan
from dialer.domain.campaign import CampaignPlan
from dialer.domain.order import Order
from dialer.domain.policy import CallingWindow
from dialer.errors import DialerError, InputError
from dialer.intake import ImportTally, OrdersFile, RejectsFile, open_file, order_batches
from dialer.ledger import board
from dialer.ledger.audit import AuditReport, audit
from dialer.ledger.store import Ledger
from dialer.reporting.model import Report
from dialer.simulator.world import World

log = structlog.get_logger(__name__)

CAMPAIGN = "demo"
#: Pause between two looks at the ledger.
WATCH_S = 0.5


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """What the user asked for; `time_scale` divides the retry countdowns."""

    orders: Path
    out: Path
    lines: int = 20
    time_scale: float = 900.0
    call_workers: int = 1
    script: str = "delivery"
    asterisk: bool = False
    #: With 149 the sample file's first two customers hold the brief's two conversations.
    seed: int = 149
    store_name: str = "Твой выбор"
    limit_s: float = 1800.0


@dataclass(frozen=True, slots=True)
class Moment:
    """What the progress display shows."""

    seconds: float
    progress: board.Progress
    live: list[board.LiveCall]


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What came out."""

    report: Report
    audit: AuditReport
    tally: ImportTally
    seconds: float
    files: dict[str, Path] = field(default_factory=dict)


def run_demo(plan: DemoPlan, show: Callable[[Moment], None], say: Callable[[str], None]) -> DemoResult:
    """Run the campaign to its end. `say` gets one line for each stage, `show` the state twice a second.

    Raises DialerError when something did not start, or when the campaign has not ended within `limit_s`.
    """
    plan.out.mkdir(parents=True, exist_ok=True)
    tally = ImportTally()
    orders = _read(plan, tally)
    say(f"{plan.orders.name}: {len(orders)} orders read, {tally.rejected} rejected")
    world = World.assign([order.phone for order in orders], seed=plan.seed)
    stack = Stack(
        StackPlan(
            plan.out,
            plan.lines,
            plan.time_scale,
            call_workers=plan.call_workers,
            store_name=plan.store_name,
            asterisk=plan.asterisk,
        ),
        world,
    )
    try:
        stack.start_services()
        say(f"services are up under {stack.services}")
        return asyncio.run(_campaign(plan, stack, orders, tally, show, say))
    finally:
        stack.close()


def _read(plan: DemoPlan, tally: ImportTally) -> list[Order]:
    with open_file(plan.orders) as stream:
        file = OrdersFile(stream)
        with RejectsFile(plan.out / "rejects.csv", file.header, file.delimiter) as rejects:
            orders = [order for batch in order_batches(file, rejects, tally) for order in batch]
    if not orders:
        raise InputError("orders", f"{plan.orders}: no usable order; see {plan.out / 'rejects.csv'}")
    return orders


async def _campaign(
    plan: DemoPlan,
    stack: Stack,
    orders: list[Order],
    tally: ImportTally,
    show: Callable[[Moment], None],
    say: Callable[[str], None],
) -> DemoResult:
    ledger = Ledger(stack.postgres.url)
    try:
        counts = await campaigns.import_orders(
            ledger, CAMPAIGN, [orders], source=plan.orders.name, create_if_missing=_campaign_plan(plan)
        )
        tally.accepted, tally.duplicates = counts.accepted, counts.duplicates
        await asyncio.to_thread(stack.start_workers)
        say(
            f"workers and beat are up; countdowns of 30 min, 2 h and 4 h run {plan.time_scale:g} times faster "
            f"({', '.join(f'{s / plan.time_scale:g} s' for s in (1800, 7200, 14400))})"
        )
        log.info("demo_time_scale", time_scale=plan.time_scale)
        began = time.monotonic()
        await campaigns.start(ledger, CAMPAIGN)
        await _watch(plan, ledger, began, show)
        return await _close(plan, ledger, tally, time.monotonic() - began)
    finally:
        await ledger.close()


def _campaign_plan(plan: DemoPlan) -> CampaignPlan:
    """Round the clock, short rings: the demo's customers do not sleep."""
    midnight = time_of_day(0, 0)
    return CampaignPlan(
        name=CAMPAIGN,
        script=plan.script,
        window=CallingWindow(midnight, midnight),
        lines=plan.lines,
        ring_timeout_s=5.0,
        max_call_s=90.0,
    )


async def _watch(plan: DemoPlan, ledger: Ledger, began: float, show: Callable[[Moment], None]) -> None:
    """Show progress until every order is final and the shop knows of it."""
    while True:
        async with ledger.begin() as tx:
            campaign = await campaigns.find_campaign(ledger, CAMPAIGN)
            progress = await board.progress(tx, campaign.id)
            live = await board.live_calls(tx, campaign.id)
        seconds = time.monotonic() - began
        show(Moment(seconds, progress, live))
        if progress.final == progress.orders and progress.undelivered == 0:
            return
        if seconds > plan.limit_s:
            raise DialerError(f"the campaign has not ended after {seconds:.0f} s; logs: {plan.out / 'services/logs'}")
        await asyncio.sleep(WATCH_S)


async def _close(plan: DemoPlan, ledger: Ledger, tally: ImportTally, seconds: float) -> DemoResult:
    files = {name: plan.out / name for name in ("report.html", "report.json", "report.csv")}
    await campaigns.finish_done(ledger)
    now = await ledger.now()
    async with ledger.begin() as tx:
        report = await reports.campaign_report(tx, CAMPAIGN, now)
        await reports.save_html(tx, report, files["report.html"], store_name=plan.store_name, home=plan.out)
        await reports.save_csv(tx, report, files["report.csv"])
    async with ledger.begin() as tx:
        verdict = await audit(tx, now)
    reports.save_json(report, files["report.json"])
    return DemoResult(report, verdict, tally, seconds, files)
