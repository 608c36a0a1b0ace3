"""Prometheus metrics, computed from the ledger: the same numbers as the board and the reports, from any replica.

`config/dashboards/` (a Grafana dashboard and alert rules) names these metrics; a test holds the two together.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from dialer.domain.campaign import CampaignState
from dialer.ledger.gauges import Gauges, LatencyBucket, read_gauges, read_latency
from dialer.ledger.store import Ledger

#: Upper bounds of the latency histogram, in seconds.
BOUNDS_S: Final = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0)
#: A scrape sooner than this gets the last one's figures: two Prometheus servers cost no more than one.
FRESH_S: Final = 2.0
#: Settlements commit within moments of the time they write; younger ones wait for the next scrape.
_LAG: Final = timedelta(seconds=10)
_BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)
_BREAKER: Final = {"closed": 0, "half_open": 1, "open": 2}


class LatencyHistogram:
    """Latencies by stage, counted once: each scrape adds only the attempts that ended since the last."""

    def __init__(self) -> None:
        self._counted_to = _BEGINNING
        self._counts: dict[str, Counter[int]] = {}
        self._totals_s: Counter[str] = Counter()

    @property
    def counted_to(self) -> datetime:
        """Attempts that ended up to here are in."""
        return self._counted_to

    def add(self, found: Iterable[LatencyBucket], until: datetime) -> None:
        """Take in what `read_latency` found."""
        for item in found:
            self._counts.setdefault(item.stage, Counter())[item.bucket] += item.n
            self._totals_s[item.stage] += item.total_s  # type: ignore[assignment]
        self._counted_to = until

    def metric(self) -> Metric:
        """The histogram as Prometheus wants it: cumulative."""
        family = HistogramMetricFamily(
            "dialer_reply_latency_seconds", "From the customer's last word, by stage of the reply.", labels=["stage"]
        )
        for stage, counts in sorted(self._counts.items()):
            running, buckets = 0, []
            for index, bound in enumerate(BOUNDS_S):
                running += counts[index]
                buckets.append((str(bound), float(running)))
            running += counts[len(BOUNDS_S)]
            buckets.append(("+Inf", float(running)))
            family.add_metric([stage], buckets, sum_value=float(self._totals_s[stage]))
        return family


class Metrics:
    """One application's scrapes."""

    def __init__(self, ledger: Ledger, *, lag: timedelta = _LAG, fresh_s: float = FRESH_S) -> None:
        self._ledger = ledger
        self._lag = lag
        self._fresh_s = fresh_s
        self._latency = LatencyHistogram()
        self._lock = asyncio.Lock()
        self._last = b""
        self._last_at = float("-inf")

    async def scrape(self) -> bytes:
        """The text that Prometheus reads. Raises LedgerError."""
        async with self._lock:
            if time.monotonic() - self._last_at >= self._fresh_s:
                self._last = await self._collect()
                self._last_at = time.monotonic()
            return self._last

    async def _collect(self) -> bytes:
        now = await self._ledger.now()
        until = now - self._lag
        async with self._ledger.begin() as tx:
            gauges = await read_gauges(tx, now)
            found = await read_latency(tx, BOUNDS_S, since=self._latency.counted_to, until=until)
        self._latency.add(found, until)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Fixed([*families(gauges), self._latency.metric()]))
        return generate_latest(registry)


class _Fixed:
    """A collector of metrics that are there already."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)


def families(gauges: Gauges) -> Iterator[Metric]:
    """Every metric but the latencies."""
    yield from _campaigns(gauges)
    yield from _counts(gauges)
    yield from _queues(gauges)
    state = GaugeMetricFamily("dialer_trunk_breaker", "0 closed, 1 trying again, 2 open.", labels=["node"])
    failures = GaugeMetricFamily("dialer_trunk_failures", "Trunk failures in a row.", labels=["node"])
    for trunk in gauges.trunks:
        state.add_metric([trunk.name], _BREAKER[trunk.breaker])
        failures.add_metric([trunk.name], trunk.failures)
    yield from (state, failures)
    yield from _providers(gauges)


def _campaigns(gauges: Gauges) -> Iterator[Metric]:
    running = GaugeMetricFamily("dialer_campaign_running", "Whether it places calls.", labels=["campaign"])
    lines = GaugeMetricFamily("dialer_lines", "Lines that it may use.", labels=["campaign"])
    in_use = GaugeMetricFamily("dialer_lines_in_use", "Lines that it uses.", labels=["campaign"])
    due = GaugeMetricFamily("dialer_due_orders", "Orders that could be dialed now.", labels=["campaign"])
    age = GaugeMetricFamily(
        "dialer_oldest_due_order_age_seconds", "How long the first of them has been due.", labels=["campaign"]
    )
    for campaign in gauges.campaigns:
        label = [campaign.name]
        waiting = gauges.due.get(campaign.id)
        running.add_metric(label, campaign.state is CampaignState.RUNNING)
        lines.add_metric(label, campaign.plan.lines)
        in_use.add_metric(label, gauges.lines_in_use.get(campaign.id, 0))
        due.add_metric(label, waiting.orders if waiting else 0)
        age.add_metric(label, _age_s(gauges, waiting.oldest if waiting else None))
    yield from (running, lines, in_use, due, age)


def _counts(gauges: Gauges) -> Iterator[Metric]:
    names = {campaign.id: campaign.name for campaign in gauges.campaigns}
    orders = GaugeMetricFamily("dialer_orders", "Orders by state.", labels=["campaign", "state"])
    attempts = CounterMetricFamily("dialer_attempts", "Attempts that ended.", labels=["campaign", "disposition"])
    decisions = CounterMetricFamily("dialer_decisions", "Customers' decisions.", labels=["campaign", "decision"])
    talk = CounterMetricFamily("dialer_talk_seconds", "Seconds talked.", labels=["campaign"])
    for (campaign, name), count in sorted(gauges.states.items()):
        orders.add_metric([names[campaign], name], count)
    for (campaign, name), count in sorted(gauges.attempts.items()):
        if name != "live":
            attempts.add_metric([names[campaign], name], count)
    for (campaign, name), count in sorted(gauges.decisions.items()):
        decisions.add_metric([names[campaign], name], count)
    for campaign, seconds in sorted(gauges.talk_s.items()):
        talk.add_metric([names[campaign]], seconds)
    yield from (orders, attempts, decisions, talk)


def _queues(gauges: Gauges) -> Iterator[Metric]:
    plain = {
        "dialer_unclaimed_attempts": ("Attempts that no worker has taken yet.", gauges.unclaimed.orders),
        "dialer_oldest_unclaimed_attempt_age_seconds": (
            "How long the first of them has waited.",
            _age_s(gauges, gauges.unclaimed.oldest),
        ),
        "dialer_outbox_pending": ("Decisions that the shop has not acknowledged yet.", gauges.outbox_pending),
        "dialer_outbox_oldest_age_seconds": (
            "How long the first of them has waited.",
            _age_s(gauges, gauges.outbox_oldest),
        ),
        "dialer_outbox_dead_letters": ("Decisions that the shop refused for good.", gauges.outbox_dead),
    }
    for name, (text, value) in plain.items():
        yield GaugeMetricFamily(name, text, value=value)


def _providers(gauges: Gauges) -> Iterator[Metric]:
    workers = GaugeMetricFamily("dialer_provider_workers", "Call workers that use it.", labels=["provider"])
    lost = GaugeMetricFamily("dialer_provider_unhealthy_workers", "Workers whose breaker is open.", labels=["provider"])
    for standing in gauges.providers:
        workers.add_metric([standing.provider], standing.workers)
        lost.add_metric([standing.provider], standing.unhealthy)
    yield from (workers, lost)


def _age_s(gauges: Gauges, moment: datetime | None) -> float:
    return 0.0 if moment is None else max(0.0, (gauges.now - moment).total_seconds())
