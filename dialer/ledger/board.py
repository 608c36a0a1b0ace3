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


@dataclass(frozen=True, slots=True)
class RecentDecision:
    """A decision that has just been made."""

    attempt_id: str
    order_id: str
    decision: Decision
    at: datetime
    talk_s: float


@dataclass(frozen=True, slots=True)
class Pace:
    """Calls that ended in each of the last minutes, counted back from now; the oldest minute first."""

    ended: list[int]
    answered: list[int]


@dataclass(frozen=True, slots=True)
class ReplyTimes:
    """One stage of the bot's replies over the last minutes, in milliseconds."""

    stage: str
    turns: int
    p50_ms: float
    p95_ms: float


_RECENT = text(
    """
    SELECT a.id, o.order_id, a.decision, a.ended_at, a.talk_s FROM attempts a JOIN orders o ON o.id = a.order_pk
    WHERE a.campaign_id = :campaign AND a.decision IS NOT NULL AND a.ended_at IS NOT NULL
    ORDER BY a.ended_at DESC LIMIT :limit
    """
)
_PACE = text(
    """
    SELECT CAST(floor(extract(epoch FROM CAST(:now AS timestamptz) - ended_at) / 60) AS integer) AS minutes_ago,
        count(*) AS ended, count(*) FILTER (WHERE disposition IN ('answered', 'hung_up')) AS answered
    FROM attempts
    WHERE campaign_id = :campaign AND ended_at > CAST(:now AS timestamptz) - make_interval(mins => :minutes)
        AND ended_at <= :now AND disposition <> 'not_dialed'
    GROUP BY minutes_ago
    """
)
_REPLY_TIMES = """
    SELECT stage.key AS stage, count(*) AS turns,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY CAST(turn.value AS double precision)) AS p50_ms,
        percentile_cont(0.95) WITHIN GROUP (ORDER BY CAST(turn.value AS double precision)) AS p95_ms
    FROM attempts, jsonb_each(artifacts -> 'latency_ms') AS stage, jsonb_array_elements_text(stage.value) AS turn
    WHERE campaign_id = :campaign AND jsonb_typeof(artifacts -> 'latency_ms') = 'object' {}
    GROUP BY stage.key ORDER BY array_position(ARRAY['reply', 'end_pause'], stage.key), stage.key
    """
#: How long the stages of a reply took, in the order in which they are read: in the whole campaign, and of late.
REPLY_TIMES = text(_REPLY_TIMES.format(""))
_LATE_REPLY_TIMES = text(
    _REPLY_TIMES.format("AND ended_at > CAST(:now AS timestamptz) - make_interval(mins => :minutes)")
)


async def recent_decisions(tx: AsyncConnection, campaign_id: int, limit: int = 10) -> list[RecentDecision]:
    """The last decisions, newest first."""
    rows = await tx.execute(_RECENT, {"campaign": campaign_id, "limit": limit})
    return [RecentDecision(row.id, row.order_id, Decision(row.decision), row.ended_at, row.talk_s) for row in rows]


async def pace(tx: AsyncConnection, campaign_id: int, now: datetime, minutes: int = 60) -> Pace:
    """How many calls ended in each of the last `minutes`."""
    result = Pace([0] * minutes, [0] * minutes)
    for row in await tx.execute(_PACE, {"campaign": campaign_id, "now": now, "minutes": minutes}):
        if 0 <= row.minutes_ago < minutes:
            result.ended[-1 - row.minutes_ago] = row.ended
            result.answered[-1 - row.minutes_ago] = row.answered
    return result


async def reply_times(tx: AsyncConnection, campaign_id: int, now: datetime, minutes: int = 15) -> list[ReplyTimes]:
    """How quick hearing, understanding and speaking have been in the last `minutes`."""
    rows = await tx.execute(_LATE_REPLY_TIMES, {"campaign": campaign_id, "now": now, "minutes": minutes})
    return [ReplyTimes(row.stage, row.turns, row.p50_ms, row.p95_ms) for row in rows]
