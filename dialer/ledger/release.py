"""The dispatcher's step: due orders become attempts, up to the free lines.

One mechanism serves first dials, retries, call_later and recovery. Releases take turns (an advisory lock), so that
lines and calls per second are kept exactly; a tick that finds another at work does nothing.

Orders on the do-not-call list are skipped here. The shop is told of decided and unreachable orders only: skipped ones
were settled by the shop, stopped by ops, or forbidden by the list; reports show which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.domain.campaign import CampaignPlan
from dialer.domain.policy import CallingWindow
from dialer.ledger.campaigns import plan_from_json
from dialer.ledger.places import Places
from dialer.ledger.tables import LIVE_SQL, RELEASABLE_SQL
from dialer.ledger.trunks import open_trunks

#: Most dials that one number gets on one of its own days, over all campaigns.
DAILY_CAP = 6
_RELEASE_LOCK = 7_301_144_202
#: How much unused allowance of `calls_per_second` may be made up for after a late tick.
_RATE_MEMORY_S = 2.0
#: Looks at a campaign's due orders per tick; more than one only when the first found forbidden or capped numbers.
_MAX_LOOKS = 5

_TAKE_TURN = text("SELECT pg_try_advisory_xact_lock(:key)")
_RUNNING = text(
    f"""
    SELECT c.id, c.name, c.plan, c.rate_tokens, c.rate_at,
        (SELECT count(*) FROM orders o WHERE o.campaign_id = c.id AND o.state IN {LIVE_SQL}) AS live
    FROM campaigns c WHERE c.state = 'running' ORDER BY c.id
    """  # noqa: S608
)
#: The zones that a campaign's releasable orders name, found by hopping over the index from zone to zone.
_ZONES = text(
    f"""
    WITH RECURSIVE hop AS (
        (SELECT timezone FROM orders WHERE campaign_id = :campaign AND state IN {RELEASABLE_SQL}
         ORDER BY timezone LIMIT 1)
        UNION ALL
        SELECT (SELECT o.timezone FROM orders o
                WHERE o.campaign_id = :campaign AND o.state IN {RELEASABLE_SQL} AND o.timezone > hop.timezone
                ORDER BY o.timezone LIMIT 1)
        FROM hop WHERE hop.timezone IS NOT NULL
    )
    SELECT timezone FROM hop WHERE timezone IS NOT NULL
    """  # noqa: S608
)
#: Due orders of the open zones, earliest first, without those whose number is being called.
DUE_QUERY = text(
    f"""
    SELECT due.id, due.phone, due.timezone, due.attempts, zone.day,
        EXISTS (SELECT 1 FROM do_not_call d WHERE d.phone = due.phone) AS forbidden,
        coalesce((SELECT p.dials FROM phone_days p WHERE p.phone = due.phone AND p.day = zone.day), 0) AS dials
    FROM unnest(CAST(:zones AS text[]), CAST(:days AS date[])) AS zone (name, day)
    CROSS JOIN LATERAL (
        SELECT o.id, o.phone, o.timezone, o.attempts, o.due_at FROM orders o
        WHERE o.campaign_id = :campaign AND o.timezone = zone.name AND o.state IN {RELEASABLE_SQL}
            AND o.due_at <= :now
            AND NOT EXISTS (SELECT 1 FROM orders l WHERE l.phone = o.phone AND l.state IN {LIVE_SQL})
        ORDER BY o.due_at LIMIT :wanted
        FOR UPDATE OF o SKIP LOCKED
    ) AS due
    ORDER BY due.due_at LIMIT :wanted
    """  # noqa: S608
)
_SKIP = text("UPDATE orders SET state = 'skipped', skip_reason = 'do_not_call', ended_at = :now WHERE id = ANY(:ids)")
_POSTPONE = text(
    "UPDATE orders o SET due_at = later.due_at "
    "FROM unnest(CAST(:ids AS bigint[]), CAST(:dues AS timestamptz[])) AS later (id, due_at) WHERE o.id = later.id"
)
_QUEUE = text(
    """
    WITH fresh AS (
        SELECT * FROM unnest(CAST(:attempt_ids AS text[]), CAST(:order_pks AS bigint[]), CAST(:numbers AS smallint[]),
            CAST(:nodes AS text[]), CAST(:days AS date[])) AS row (id, order_pk, number, node, day)
    ), queued AS (
        UPDATE orders o SET state = 'queued' FROM fresh WHERE o.id = fresh.order_pk
    )
    INSERT INTO attempts (id, order_pk, campaign_id, number, node, day, published_at)
    SELECT id, order_pk, :campaign, number, node, day, :now FROM fresh
    """
)
_KEEP_RATE = text("UPDATE campaigns SET rate_tokens = :tokens, rate_at = :now WHERE id = :id")


@dataclass(frozen=True, slots=True)
class Released:
    """An attempt to publish."""

    attempt_id: str
    node: str


@dataclass(slots=True)
class _Budget:
    """What one running campaign may still release in this tick."""

    id: int
    plan: CampaignPlan
    #: Lines in use before the tick.
    live: int
    #: Allowance of calls_per_second; None without a limit.
    tokens: float | None
    used: int = 0

    @property
    def left(self) -> int:
        lines = self.plan.lines - self.live
        return max(0, (lines if self.tokens is None else min(lines, int(self.tokens))) - self.used)


@dataclass(slots=True)
class _Tick:
    """One release as it goes on."""

    now: datetime
    places: Places
    daily_cap: int
    released: list[Released] = field(default_factory=list)


async def release_due(
    tx: AsyncConnection,
    *,
    now: datetime,
    node: str | Sequence[str] | Mapping[str, int],
    limit: int | None = None,
    daily_cap: int = DAILY_CAP,
) -> list[Released]:
    """Turn due orders of the running campaigns into attempts, fairly: no campaign waits for another's backlog.

    `node` names the Asterisk nodes to share the attempts among, perhaps with the most calls of each (0: no limit);
    one that is drained or whose trunk is paused gets none, one on trial gets one. `limit` bounds the whole release.
    Publish the attempts after the transaction has been committed.
    """
    if not (await tx.execute(_TAKE_TURN, {"key": _RELEASE_LOCK})).scalar_one():
        return []
    names = [node] if isinstance(node, str) else list(node)
    places = Places(await open_trunks(tx, names, now), node if isinstance(node, Mapping) else {})
    budgets = [_budget(row, now) for row in (await tx.execute(_RUNNING)).mappings()]
    left = sum(budget.left for budget in budgets)
    left = left if limit is None else min(left, limit)
    tick = _Tick(now, places, daily_cap)
    await _share_out(tx, budgets, tick, min(left, places.left))
    for budget in budgets:
        if budget.tokens is not None:
            tokens = budget.tokens - budget.used
            await tx.execute(_KEEP_RATE, {"id": budget.id, "tokens": tokens, "now": now})
    return tick.released


def _budget(row: RowMapping, now: datetime) -> _Budget:
    plan = plan_from_json(row["name"], row["plan"])
    tokens = None
    if plan.calls_per_second > 0 and row["rate_at"] is None:
        tokens = 1.0
    elif plan.calls_per_second > 0:
        elapsed_s = max(0.0, (now - row["rate_at"]).total_seconds())
        most = max(1.0, plan.calls_per_second * _RATE_MEMORY_S)
        tokens = min(most, row["rate_tokens"] + elapsed_s * plan.calls_per_second)
    return _Budget(row["id"], plan, row["live"], tokens)


async def _share_out(tx: AsyncConnection, budgets: list[_Budget], tick: _Tick, left: int) -> None:
    """Give every campaign an equal part of `left`; what one does not use goes to the others."""
    waiting = sorted((budget for budget in budgets if budget.left), key=lambda budget: budget.live / budget.plan.lines)
    while waiting and left > 0:
        share = -(-left // len(waiting))
        for budget in list(waiting):
            wanted = min(budget.left, share, left)
            used = await _release(tx, budget, tick, wanted) if wanted else 0
            budget.used += used
            left -= used
            if used < wanted or not budget.left:
                waiting.remove(budget)


async def _release(tx: AsyncConnection, budget: _Budget, tick: _Tick, wanted: int) -> int:
    """Release up to `wanted` orders of one campaign; returns how many."""
    window = budget.plan.window
    found = (await tx.execute(_ZONES, {"campaign": budget.id})).scalars()
    zones = [zone for zone in found if window.is_open(tick.now, zone or None)]
    days = [tick.now.astimezone(ZoneInfo(zone or window.timezone)).date() for zone in zones]
    done = 0
    for _ in range(_MAX_LOOKS if zones else 0):
        missing = wanted - done
        look = {"campaign": budget.id, "zones": zones, "days": days, "now": tick.now, "wanted": missing}
        due = (await tx.execute(DUE_QUERY, look)).mappings().all()
        done += await _sort_out(tx, budget, tick, due)
        if len(due) < missing or done == wanted:
            break
    return done


async def _sort_out(tx: AsyncConnection, budget: _Budget, tick: _Tick, due: Sequence[RowMapping]) -> int:
    """Skip forbidden numbers, postpone those at their cap, queue the rest (once per number); returns how many."""
    forbidden = [row for row in due if row["forbidden"]]
    capped = [row for row in due if not row["forbidden"] and row["dials"] >= tick.daily_cap]
    fresh = {row["phone"]: row for row in reversed(due) if not row["forbidden"] and row["dials"] < tick.daily_cap}
    if forbidden:
        await tx.execute(_SKIP, {"now": tick.now, "ids": [row["id"] for row in forbidden]})
    if capped:
        dues = [next_day(row["day"], budget.plan.window, row["timezone"] or None) for row in capped]
        await tx.execute(_POSTPONE, {"ids": [row["id"] for row in capped], "dues": dues})
    if fresh:
        await _queue(tx, budget, tick, list(fresh.values()))
    return len(fresh)


async def _queue(tx: AsyncConnection, budget: _Budget, tick: _Tick, rows: list[RowMapping]) -> None:
    released = [Released(str(uuid4()), tick.places.take()) for _ in rows]
    await tx.execute(
        _QUEUE,
        {
            "campaign": budget.id,
            "now": tick.now,
            "attempt_ids": [attempt.attempt_id for attempt in released],
            "nodes": [attempt.node for attempt in released],
            "order_pks": [row["id"] for row in rows],
            "numbers": [row["attempts"] + 1 for row in rows],
            "days": [row["day"] for row in rows],
        },
    )
    tick.released.extend(released)


def next_day(day: date, window: CallingWindow, timezone: str | None) -> datetime:
    """When a number that has had its dials of `day` may be called again."""
    midnight = datetime.combine(day + timedelta(days=1), time(0, 0), tzinfo=ZoneInfo(timezone or window.timezone))
    return window.next_open(midnight, timezone)
