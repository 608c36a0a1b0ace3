"""What ops look at while a campaign runs: counts, live calls, the next retries."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.domain.order import FINAL_STATES, OrderState
from dialer.domain.outcome import CONFIRMING, Decision


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A call in progress, or one about to be."""

    attempt_id: str
    order_id: str
    number: int
    state: OrderState
    since: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a campaign stands at a moment. Dictionaries hold only what has occurred."""

    states: dict[OrderState, int] = field(default_factory=dict)
    decisions: dict[Decision, int] = field(default_factory=dict)
    undelivered: int = 0
    next_due: datetime | None = None

    @property
    def orders(self) -> int:
        """All orders."""
        return sum(self.states.values())

    @property
    def final(self) -> int:
        """Orders that will not change any more."""
        return sum(count for state, count in self.states.items() if state in FINAL_STATES)

    @property
    def confirmation_rate(self) -> float | None:
        """Confirmed of decided orders; None before the first decision."""
        decided = sum(self.decisions.values())
        confirmed = sum(count for decision, count in self.decisions.items() if decision in CONFIRMING)
        return confirmed / decided if decided else None


_STATES = text("SELECT state, count(*) FROM orders WHERE campaign_id = :campaign GROUP BY state")
_DECISIONS = text(
    "SELECT decision, count(*) FROM orders WHERE campaign_id = :campaign AND decision IS NOT NULL GROUP BY decision"
)
_UNDELIVERED = text(
    "SELECT count(*) FROM outbox WHERE campaign_id = :campaign AND delivered_at IS NULL AND dead_at IS NULL"
)
_NEXT_DUE = text("SELECT min(due_at) FROM orders WHERE campaign_id = :campaign AND state = 'waiting'")
_LIVE = text(
    """
    SELECT a.id, o.order_id, a.number, o.state, coalesce(a.answered_at, a.claimed_at, a.published_at) AS since
    FROM attempts a JOIN orders o ON o.id = a.order_pk
    WHERE a.campaign_id = :campaign AND a.ended_at IS NULL ORDER BY since LIMIT :limit
    """
)


async def progress(tx: AsyncConnection, campaign_id: int) -> Progress:
    """Counts of one campaign."""
    key = {"campaign": campaign_id}
    states = {OrderState(row[0]): row[1] for row in await tx.execute(_STATES, key)}
    decisions = {Decision(row[0]): row[1] for row in await tx.execute(_DECISIONS, key)}
    undelivered = (await tx.execute(_UNDELIVERED, key)).scalar_one()
    next_due = (await tx.execute(_NEXT_DUE, key)).scalar_one()
    return Progress(states, decisions, undelivered, next_due)


async def live_calls(tx: AsyncConnection, campaign_id: int, limit: int = 50) -> list[LiveCall]:
    """Calls in progress, longest first."""
    rows = await tx.execute(_LIVE, {"campaign": campaign_id, "limit": limit})
    return [LiveCall(row.id, row.order_id, row.number, OrderState(row.state), row.since) for row in rows]
