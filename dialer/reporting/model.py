"""A campaign's report as plain data. Definitions of the rates: docs/reports.md."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from dialer.domain.order import LIVE_STATES, OrderState
from dialer.domain.outcome import CONFIRMING, Decision
from dialer.domain.privacy import mask_phone

#: A phone number as it may be shown.
masked_phone: Final = mask_phone
#: The business goal: more than this share of the decided orders confirmed.
CONFIRMATION_GOAL: Final = 0.85


def rate(part: int, whole: int) -> float | None:
    """`part / whole` to four decimals; None when there is nothing to divide by."""
    return round(part / whole, 4) if whole else None


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """All attempts with one number: how they ended, and how many orders were decided by them.

    `live` have not ended yet. The dispositions and `live` add up to `attempts`.
    """

    number: int
    attempts: int
    live: int
    decided: int
    dispositions: dict[str, int]


@dataclass(frozen=True, slots=True)
class DueRetry:
    """An order that waits for its next attempt."""

    order_id: str
    due_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds at one stage of the conversation, over all turns."""

    turns: int
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class Report:
    """One campaign at one moment. All times are aware; `states` has every order state, `decisions` every decision."""

    campaign: str
    campaign_state: str
    generated_at: datetime
    timezone: str
    started_at: datetime | None
    ended_at: datetime | None
    states: dict[str, int]
    decisions: dict[str, int]
    skip_reasons: dict[str, int]
    funnel: list[FunnelStep]
    #: Attempts that were released and taken back before anybody dialed; not part of `attempts`.
    not_dialed: int
    #: Orders of which at least one attempt was dialed, and those of them where somebody answered.
    orders_dialed: int
    orders_reached: int
    total_talk_s: float
    #: Over the attempts in which somebody spoke with the bot; None when there were none.
    average_talk_s: float | None
    deliveries: dict[str, int]
    retries: list[DueRetry]
    sources: dict[str, int] = field(default_factory=dict)
    latency: dict[str, Latency] = field(default_factory=dict)
    #: Sum of what the attempts recorded as `cost_rub`; None when none did.
    cost_rub: float | None = None

    @property
    def orders(self) -> int:
        return sum(self.states.values())

    @property
    def decided(self) -> int:
        return self.states[OrderState.DECIDED]

    @property
    def unreachable(self) -> int:
        return self.states[OrderState.UNREACHABLE]

    @property
    def skipped(self) -> int:
        return self.states[OrderState.SKIPPED]

    @property
    def waiting(self) -> int:
        return self.states[OrderState.WAITING]

    @property
    def live(self) -> int:
        """Orders that occupy a line."""
        return sum(self.states[state] for state in LIVE_STATES)

    @property
    def confirmed(self) -> int:
        """Confirmed as they were, or with a new address or date."""
        return sum(self.decisions[decision] for decision in CONFIRMING)

    @property
    def cancelled(self) -> int:
        return self.decisions[Decision.CANCELLED]

    @property
    def needs_operator(self) -> int:
        return self.decisions[Decision.NEEDS_OPERATOR]

    @property
    def attempts(self) -> int:
        return sum(step.attempts for step in self.funnel)

    @property
    def confirmation_rate(self) -> float | None:
        return rate(self.confirmed, self.decided)

    @property
    def cancellation_rate(self) -> float | None:
        return rate(self.cancelled, self.decided)

    @property
    def no_answer_rate(self) -> float | None:
        return rate(self.unreachable, self.decided + self.unreachable)

    @property
    def reach_rate(self) -> float | None:
        return rate(self.orders_reached, self.orders_dialed)

    @property
    def dispositions(self) -> dict[str, int]:
        """How all attempts ended."""
        totals: dict[str, int] = {}
        for step in self.funnel:
            for name, count in step.dispositions.items():
                totals[name] = totals.get(name, 0) + count
        return totals

    @property
    def goal_reached(self) -> bool | None:
        """Whether the confirmation rate is above the goal; None before the first decision."""
        return None if self.confirmation_rate is None else self.confirmation_rate > CONFIRMATION_GOAL

    def as_json(self) -> dict[str, Any]:
        """`report.json`: flat counts and rates first, then the details. Rates are 0..1 or null."""
        return {
            "campaign": self.campaign,
            "campaign_state": self.campaign_state,
            "generated_at": self.generated_at.isoformat(),
            "orders": self.orders,
            "decided": self.decided,
            "unreachable": self.unreachable,
            "skipped": self.skipped,
            "in_progress": self.orders - self.decided - self.unreachable - self.skipped,
            "confirmed": self.confirmed,
            "cancelled": self.cancelled,
            "needs_operator": self.needs_operator,
            "other_decisions": self.decided - self.confirmed - self.cancelled - self.needs_operator,
            "confirmation_rate": self.confirmation_rate,
            "cancellation_rate": self.cancellation_rate,
            "no_answer_rate": self.no_answer_rate,
            "reach_rate": self.reach_rate,
            "confirmation_goal": CONFIRMATION_GOAL,
            "goal_reached": self.goal_reached,
            "attempts": self.attempts,
            "not_dialed": self.not_dialed,
            "average_talk_s": self.average_talk_s,
            "total_talk_s": self.total_talk_s,
            **self._details(),
        }

    def _details(self) -> dict[str, Any]:
        return {
            "started_at": _iso(self.started_at),
            "ended_at": _iso(self.ended_at),
            "states": self.states,
            "decisions": self.decisions,
            "skip_reasons": self.skip_reasons,
            "dispositions": self.dispositions,
            "funnel": [
                {
                    "number": step.number,
                    "attempts": step.attempts,
                    "live": step.live,
                    "decided": step.decided,
                    "dispositions": step.dispositions,
                }
                for step in self.funnel
            ],
            "deliveries": self.deliveries,
            "next_retries": [
                {"order_id": retry.order_id, "due_at": retry.due_at.isoformat(), "attempts": retry.attempts}
                for retry in self.retries
            ],
            "understanding_sources": self.sources,
            "latency_ms": {
                stage: {"turns": seen.turns, "p50": seen.p50_ms, "p95": seen.p95_ms}
                for stage, seen in self.latency.items()
            },
            "cost_rub": self.cost_rub,
        }


@dataclass(frozen=True, slots=True)
class AttemptLine:
    """One attempt in the list of orders. Paths are relative to the folder of recordings."""

    number: int
    at: datetime
    disposition: str | None
    talk_s: float
    recording: str | None
    transcript: str | None


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One order in the list. `phone` is masked; `data` is what the customer asked to change."""

    pk: int
    order_id: str
    phone: str
    amount: str
    state: str
    decision: str | None
    disposition: str | None
    skip_reason: str | None
    attempt_count: int
    due_at: datetime | None
    ended_at: datetime | None
    delivery: str | None
    data: dict[str, Any]
    attempts: list[AttemptLine]


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
