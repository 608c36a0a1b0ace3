"""One fault campaign from its first order to its verdict."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import structlog
from sqlalchemy import text

from dialer import campaigns
from dialer.chaos.books import PbxBook, book_of_asterisk, book_of_simulator
from dialer.chaos.faults import Faults
from dialer.chaos.judge import Verdict, judge
from dialer.chaos.mischief_plan import celery_command, clocks
from dialer.chaos.plan import CAMPAIGNS, ChaosPlan, campaign_plan, make_orders, make_world, orders_of
from dialer.chaos.proxy import CuttingProxy
from dialer.chaos.supervisor import Supervisor
from dialer.demo.stack import Stack, StackPlan
from dialer.domain.order import Order
from dialer.errors import LedgerError
from dialer.ledger.audit import AuditReport, audit
from dialer.ledger.store import Ledger, database_now

log = structlog.get_logger(__name__)

#: Short leases and graces, so that what a dead worker held is found within seconds.
SETTINGS = {
    "DIALER_CALLS__LEASE_S": "6",
    "DIALER_CALLS__PUBLISH_GRACE_S": "5",
    "DIALER_ORDERS_API__TIMEOUT_S": "2",
    "DIALER_ORDERS_API__RETRY_BASE_S": "0.3",
    "DIALER_ORDERS_API__RETRY_MAX_S": "4",
    "DIALER_ARI__RECONNECT_MAX_S": "1",
}
_LOOK_S = 0.5
#: Faults stop once so much of the campaign is over (0..1), so that it can end.
_FAULTS_UNTIL = 0.85
#: An order due later than this waits for another day (the daily cap): it is as final as it gets here.
_FAR_OFF = timedelta(hours=1)
_PROGRESS = text(
    "SELECT count(*) AS orders, "
    "count(*) FILTER (WHERE state IN ('decided', 'unreachable', 'skipped') OR due_at > :far_off) AS final, "
    "(SELECT count(*) FROM attempts) AS attempts, "
    "(SELECT count(*) FROM outbox WHERE delivered_at IS NULL AND dead_at IS NULL) AS undelivered FROM orders"
)


@dataclass(frozen=True, slots=True)
class Moment:
    """Where the campaign stands."""

    orders: int
    final: int
    attempts: int
    undelivered: int

    @property
    def over(self) -> bool:
        """Every order has its end and the shop knows of it."""
        return self.orders == self.final and self.undelivered == 0


@dataclass(slots=True)
class ChaosResult:
    """The table's figures."""

    plan: ChaosPlan
    seconds: float = 0.0
    finished: bool = False
    faults: Counter[str] = field(default_factory=Counter)
    #: What could have been injected.
    kinds: list[str] = field(default_factory=list)
    died_by_themselves: Counter[str] = field(default_factory=Counter)
    moment: Moment = field(default_factory=lambda: Moment(0, 0, 0, 0))
    verdict: Verdict = field(default_factory=Verdict)
    audit: AuditReport | None = None
    #: Whether the processes' clocks really differed.
    clocks_apart: bool = False
    #: Recordings that were kept although the disk was full for a while.
    recordings: int = 0

    @property
    def clean(self) -> bool:
        """Finished in time, nothing lost, nothing doubled, the ledger in order."""
        return self.finished and self.verdict.clean and self.audit is not None and self.audit.clean


Say = Callable[[str], None]


def run_chaos(plan: ChaosPlan, say: Say) -> ChaosResult:
    """Run it. Raises DialerError when something did not start."""
    if plan.out.exists():
        shutil.rmtree(plan.out)
    plan.out.mkdir(parents=True)
    orders = make_orders(plan)
    skews = clocks(plan)
    stack = Stack(
        StackPlan(
            plan.out,
            plan.lines,
            plan.time_scale,
            call_workers=2,
            asterisk=plan.asterisk,
            settings=SETTINGS,
            celery=celery_command(plan),
            env_of=skews,
        ),
        make_world(plan, orders),
    )
    try:
        stack.start_services()
        return asyncio.run(_Campaign(plan, stack, orders, say).run())
    finally:
        stack.close()


class _Campaign:
    def __init__(self, plan: ChaosPlan, stack: Stack, orders: list[Order], say: Say) -> None:
        self.plan, self.stack, self.orders, self.say = plan, stack, orders, say
        self.rng = Random(plan.seed)
        twice = ["batch2", "beat2"] if plan.mischief else []
        self.supervisor = Supervisor(stack, ["batch", "calls1", "calls2", "beat", *twice], Random(plan.seed))
        self.result = ChaosResult(plan, clocks_apart=bool(stack.plan.env_of))
        self.ledger = Ledger(stack.postgres.url)

    async def run(self) -> ChaosResult:
        """Import, start, break, wait, judge."""
        proxy = await self._proxy()
        may_mount = self.plan.may_mount
        faults = Faults(self.stack, self.supervisor, proxy, self.rng, self.ledger, may_mount=may_mount)
        began = time.monotonic()
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._begin()
            tasks = [asyncio.create_task(self.supervisor.watch()), asyncio.create_task(self._inject(faults))]
            await self._watch(tasks, began + self.plan.minutes * 60)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.to_thread(faults.disk.free)
            await proxy.close()
        self.result.seconds = time.monotonic() - began
        return await self._judge()

    async def _begin(self) -> None:
        """Orders in, processes up, campaigns started."""
        for name in CAMPAIGNS:
            made = campaign_plan(self.plan, name)
            await campaigns.import_orders(self.ledger, name, [orders_of(self.orders, name)], create_if_missing=made)
        await asyncio.to_thread(self.stack.start_workers)
        if self.plan.mischief:
            await asyncio.to_thread(self.stack.start_worker, "batch2")
            await asyncio.to_thread(self.stack.start_beat, "beat2")
        for name in CAMPAIGNS:
            await campaigns.start(self.ledger, name)

    async def _proxy(self) -> CuttingProxy:
        """Put the proxy between the workers and the PBX."""
        env = self.stack.processes.env
        port = int(env["DIALER_ARI__URL"].rsplit(":", 1)[1].partition("/")[0])
        proxy = CuttingProxy(port)
        await proxy.start()
        env["DIALER_ARI__URL"] = env["DIALER_ARI__URL"].replace(f":{port}/", f":{proxy.port}/")
        return proxy

    async def _inject(self, faults: Faults) -> None:
        """All faults in random order, again and again, until little is left to break."""
        names = list(self.plan.faults) or faults.names
        self.result.kinds = names
        while True:
            for name in self.rng.sample(names, len(names)):
                await asyncio.sleep(self.rng.uniform(*self.plan.pause_s))
                moment = self.result.moment
                if self.result.faults.total() >= self.plan.most_faults:
                    return
                if moment.orders and moment.final > moment.orders * _FAULTS_UNTIL and self.result.faults:
                    return
                self.say(f"{moment.final}/{moment.orders} orders final, {moment.attempts} attempts; now: {name}")
                self.result.faults[name] += 1
                await faults.inject(name)

    async def _watch(self, tasks: list[asyncio.Task[None]], deadline: float) -> None:
        """Wait for the end. Raises whatever stopped a task."""
        while time.monotonic() < deadline:
            for task in tasks:
                if task.done():
                    task.result()
            with contextlib.suppress(LedgerError):
                self.result.moment = await self._look()
                if self.result.moment.over:
                    self.result.finished = True
                    return
            await asyncio.sleep(_LOOK_S)

    async def _look(self) -> Moment:
        async with self.ledger.begin() as tx:
            far_off = await database_now(tx) + _FAR_OFF
            return Moment(**(await tx.execute(_PROGRESS, {"far_off": far_off})).mappings().one())

    async def _judge(self) -> ChaosResult:
        result = self.result
        result.died_by_themselves = self.supervisor.died_by_themselves
        try:
            now = await self.ledger.now()
            async with self.ledger.begin() as tx:
                result.audit = await audit(tx, now)
            await asyncio.to_thread(self._end_calls)
        finally:
            await self.ledger.close()
        result.verdict = judge(
            self.orders,
            attempts_allowed=1 + len(campaign_plan(self.plan, CAMPAIGNS[0]).retry_countdowns_s),
            diary=self.stack.diary,
            shop_log=self.stack.shop_log,
            pbx=self._pbx_book(),
            over=result.finished,
        )
        result.recordings = sum(1 for _ in (self.plan.out / "calls").rglob("*.wav"))
        return result

    def _pbx_book(self) -> PbxBook:
        if self.stack.asterisk is not None:
            return book_of_asterisk(self.stack.asterisk.far_side_calls())
        return book_of_simulator(self.stack.call_records)

    def _end_calls(self) -> None:
        """Let the customers put down what they know: their processes end, and so do their calls."""
        self.stack.processes.stop("customers" if self.plan.asterisk else "pbx")
