"""What the board shows, read once for all who look: a campaign of a million orders must not be counted per viewer."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from dialer import reports
from dialer.campaigns import coming_opening
from dialer.domain.campaign import CampaignState
from dialer.domain.order import LIVE_STATES
from dialer.errors import NotFoundError
from dialer.ledger import board
from dialer.ledger.campaigns import CampaignRow, list_campaigns
from dialer.ledger.gauges import Due, Trunk, read_due, read_trunks
from dialer.ledger.providers import ProviderStanding, standings
from dialer.ledger.store import Ledger
from dialer.reporting.model import Report

#: Figures are at least this fresh ...
FRESH_S: Final = 1.0
#: ... unless reading them is so dear that this many times its cost is longer.
_COST_FACTOR: Final = 20
#: Minutes over which calls per minute are averaged.
PACE_MINUTES: Final = 5
_SHORTEST_PACE_MINUTES: Final = 10
_LATE_S: Final = 60.0
_SHOWN_CALLS: Final = 12
_SHOWN_DECISIONS: Final = 10

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CampaignSnapshot:
    """One campaign at one moment; the report is the same that `dialer report` prints."""

    at: datetime
    campaign: CampaignRow
    report: Report
    live: list[board.LiveCall]
    recent: list[board.RecentDecision]
    pace: board.Pace
    reply_times: list[board.ReplyTimes]
    providers: list[ProviderStanding]
    trunks: list[Trunk]
    due: Due

    @property
    def lines_in_use(self) -> int:
        """Orders that occupy a line."""
        return self.report.live

    @property
    def per_minute(self) -> float:
        """Calls that ended, per minute, over the last minutes or since the start."""
        running_s = (self.at - (self.campaign.started_at or self.campaign.created_at)).total_seconds()
        minutes = min(PACE_MINUTES, max(1, math.ceil(running_s / 60)))
        return sum(self.pace.ended[-minutes:]) / minutes

    @property
    def window_open(self) -> bool:
        """Whether customers in the campaign's own zone may be called now."""
        return self.campaign.plan.window.is_open(self.at)

    @property
    def next_open(self) -> datetime:
        """When they may be called next."""
        return self.campaign.plan.window.next_open(self.at)

    @property
    def is_over(self) -> bool:
        """Whether its last day is over."""
        return self.campaign.plan.window.is_over(self.at)

    @property
    def next_opening(self) -> datetime | None:
        """When its cron opens it next."""
        return coming_opening(self.campaign, self.at)

    @property
    def pace_minutes(self) -> int:
        """Minutes worth showing: since the first call of the last hour, and not less than ten."""
        first = next((index for index, ended in enumerate(self.pace.ended) if ended), len(self.pace.ended))
        return max(_SHORTEST_PACE_MINUTES, len(self.pace.ended) - max(0, first - 1))

    @property
    def is_stuck(self) -> bool:
        """Whether orders have waited for a minute although half of the lines are free."""
        return self.late_s > _LATE_S and self.lines_in_use * 2 < self.campaign.plan.lines

    @property
    def late_s(self) -> float:
        """How long the first order that could be called has waited; nobody waits outside of a running campaign."""
        return 0.0 if self.due.oldest is None else max(0.0, (self.at - self.due.oldest).total_seconds())


@dataclass(frozen=True, slots=True)
class CampaignLine:
    """One campaign in the list of all."""

    at: datetime
    campaign: CampaignRow
    progress: board.Progress

    @property
    def window_open(self) -> bool:
        """Whether customers in the campaign's own zone may be called now."""
        return self.campaign.plan.window.is_open(self.at)

    @property
    def lines_in_use(self) -> int:
        """Orders that occupy a line."""
        return sum(self.progress.states.get(state, 0) for state in LIVE_STATES)


class Snapshots:
    """Reads for whoever asks first, and gives the same to whoever asks soon after."""

    def __init__(self, ledger: Ledger, fresh_s: float = FRESH_S) -> None:
        self._ledger = ledger
        self._fresh_s = fresh_s
        self._kept: dict[object, tuple[float, object]] = {}
        self._locks: dict[object, asyncio.Lock] = {}

    async def campaign(self, campaign_id: int) -> CampaignSnapshot:
        """Raises NotFoundError, LedgerError."""
        return await self._fresh(("campaign", campaign_id), lambda tx, now: _read(tx, now, campaign_id))

    async def overview(self) -> list[CampaignLine]:
        """All campaigns, the ones that matter now first. Raises LedgerError."""
        return await self._fresh("overview", _read_overview)

    def forget(self) -> None:
        """After a change made here: the next look reads anew."""
        self._kept.clear()

    async def _fresh(self, key: object, read: Callable[[AsyncConnection, datetime], Awaitable[T]]) -> T:
        async with self._locks.setdefault(key, asyncio.Lock()):
            good_until, value = self._kept.get(key, (0.0, None))
            if time.monotonic() < good_until:
                return value  # type: ignore[return-value]
            began = time.monotonic()
            now = await self._ledger.now()
            async with self._ledger.begin() as tx:
                fresh = await read(tx, now)
            cost = time.monotonic() - began
            self._kept[key] = (time.monotonic() + max(self._fresh_s, cost * _COST_FACTOR), fresh)
            return fresh


async def _read(tx: AsyncConnection, now: datetime, campaign_id: int) -> CampaignSnapshot:
    campaign = next((row for row in await list_campaigns(tx) if row.id == campaign_id), None)
    if campaign is None:
        raise NotFoundError(f"no campaign has the id {campaign_id}")
    return CampaignSnapshot(
        at=now,
        campaign=campaign,
        report=await reports.campaign_report(tx, campaign.name, now),
        live=await board.live_calls(tx, campaign.id, limit=_SHOWN_CALLS),
        recent=await board.recent_decisions(tx, campaign.id, limit=_SHOWN_DECISIONS),
        pace=await board.pace(tx, campaign.id, now),
        reply_times=await board.reply_times(tx, campaign.id, now),
        providers=await standings(tx, now),
        trunks=await read_trunks(tx, now),
        due=(await read_due(tx, [campaign], now)).get(campaign.id, Due()),
    )


async def _read_overview(tx: AsyncConnection, now: datetime) -> list[CampaignLine]:
    lines = [CampaignLine(now, row, await board.progress(tx, row.id)) for row in await list_campaigns(tx)]
    return sorted(lines, key=lambda line: (_weight(line.campaign.state), -line.campaign.id))


def _weight(state: CampaignState) -> int:
    order = (CampaignState.RUNNING, CampaignState.PAUSED, CampaignState.DRAFT)
    return order.index(state) if state in order else len(order)
