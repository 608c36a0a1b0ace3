"""Campaigns: how a set of orders is to be called."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from dialer.domain.policy import CallingWindow


class CampaignState(StrEnum):
    """Where a campaign stands."""

    #: Created or scheduled; releases nothing.
    DRAFT = "draft"
    #: Releases due orders inside the calling window.
    RUNNING = "running"
    #: Releases nothing; live calls end by themselves.
    PAUSED = "paused"
    #: Ended by ops: its remaining orders are skipped.
    STOPPED = "stopped"
    #: Every order has reached a final state.
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """How to call. Times in seconds, `cron` in `window.timezone`; `calls_per_second` 0 means no limit."""

    name: str
    script: str = "delivery"
    window: CallingWindow = field(default_factory=CallingWindow)
    retry_countdowns_s: tuple[float, ...] = (1800.0, 7200.0, 14400.0)
    lines: int = 10
    calls_per_second: float = 0.0
    ring_timeout_s: float = 30.0
    max_call_s: float = 180.0
    cron: str | None = None
    caller_id: str | None = None
    check_order: bool = True
