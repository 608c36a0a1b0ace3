"""The audit: does the ledger conserve every order?

It trusts nothing, not even the constraints, and reads everything in one snapshot: it may run while calls run.
Violations name campaigns, attempts and rows by id; they hold no personal data.
"""

# ruff: noqa: S608 - the queries are put together from our own enums only

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.domain.order import OrderState
from dialer.domain.outcome import STATUS_OF_DECISION, STATUS_UNREACHABLE, UNCOUNTED
from dialer.ledger.tables import LIVE_SQL

#: How long after its lease an attempt may still be open: upkeep's own pace.
LEASE_GRACE_S = 120.0
#: Most examples named per broken rule.
_EXAMPLES = 5

_UNCOUNTED_SQL = "(" + ", ".join(f"'{disposition}'" for disposition in sorted(UNCOUNTED)) + ")"
_STATUS_SQL = "CASE o.decision " + " ".join(f"WHEN '{d}' THEN '{s}'" for d, s in STATUS_OF_DECISION.items()) + " END"

#: Rule -> query for the ids of what breaks it. `:overdue` is the latest lease end that is no violation.
RULES: dict[str, str] = {
    "orders in an unknown state": (
        "SELECT id FROM orders WHERE state NOT IN (" + ", ".join(f"'{state}'" for state in OrderState) + ")"
    ),
    "orders without their campaign": (
        "SELECT o.id FROM orders o LEFT JOIN campaigns c ON c.id = o.campaign_id WHERE c.id IS NULL"
    ),
    "orders twice in one campaign": ("SELECT min(id) FROM orders GROUP BY campaign_id, order_id HAVING count(*) > 1"),
    "batches that accepted more or fewer orders than there are": (
        "SELECT b.id FROM batches b LEFT JOIN (SELECT batch_id, count(*) AS n FROM orders GROUP BY batch_id) o "
        "ON o.batch_id = b.id WHERE b.accepted <> coalesce(o.n, 0)"
    ),
    "final orders without an end, or others with one": (
        "SELECT id FROM orders WHERE (ended_at IS NOT NULL) <> (state IN ('decided', 'unreachable', 'skipped'))"
    ),
    "decided orders without a decision, or others with one": (
        "SELECT id FROM orders WHERE (state = 'decided') <> (decision IS NOT NULL)"
    ),
    "decided or unreachable orders without an outbox row": (
        "SELECT o.id FROM orders o LEFT JOIN outbox b ON b.order_pk = o.id "
        "WHERE o.state IN ('decided', 'unreachable') AND b.id IS NULL"
    ),
    "outbox rows whose order is neither decided nor unreachable": (
        "SELECT b.id FROM outbox b LEFT JOIN orders o ON o.id = b.order_pk "
        "WHERE o.id IS NULL OR o.state NOT IN ('decided', 'unreachable')"
    ),
    "orders with more than one outbox row": ("SELECT order_pk FROM outbox GROUP BY order_pk HAVING count(*) > 1"),
    "outbox rows that tell the shop something else than the order's decision": (
        "SELECT b.id FROM outbox b JOIN orders o ON o.id = b.order_pk WHERE b.order_id <> o.order_id OR b.status IS "
        f"DISTINCT FROM CASE WHEN o.state = 'unreachable' THEN '{STATUS_UNREACHABLE}' ELSE {_STATUS_SQL} END"
    ),
    "decided orders without the attempt that decided them": (
        "SELECT o.id FROM orders o LEFT JOIN (SELECT order_pk, min(decision) AS decision, count(*) AS n FROM attempts "
        "WHERE decision IS NOT NULL GROUP BY order_pk) a ON a.order_pk = o.id "
        "WHERE o.state = 'decided' AND (a.n = 1 AND a.decision = o.decision) IS NOT TRUE"
    ),
    "decisions of attempts that the order does not know": (
        "SELECT a.id FROM attempts a JOIN orders o ON o.id = a.order_pk "
        "WHERE a.decision IS NOT NULL AND a.ended_at IS NOT NULL AND o.decision IS DISTINCT FROM a.decision"
    ),
    "live orders without exactly one open attempt": (
        f"SELECT o.id FROM orders o WHERE o.state IN {LIVE_SQL} AND 1 <> "
        "(SELECT count(*) FROM attempts a WHERE a.order_pk = o.id AND a.ended_at IS NULL)"
    ),
    "open attempts whose order is not live": (
        f"SELECT a.id FROM attempts a LEFT JOIN orders o ON o.id = a.order_pk AND o.state IN {LIVE_SQL} "
        "WHERE a.ended_at IS NULL AND o.id IS NULL"
    ),
    "attempts whose claim contradicts the order's state": (
        f"SELECT a.id FROM attempts a JOIN orders o ON o.id = a.order_pk AND o.state IN {LIVE_SQL} "
        "WHERE a.ended_at IS NULL AND ((o.state = 'queued') <> (a.claimed_at IS NULL) "
        "OR (o.state = 'talking') <> (a.answered_at IS NOT NULL))"
    ),
    "open attempts past their lease": (
        "SELECT id FROM attempts WHERE ended_at IS NULL AND claimed_at IS NOT NULL "
        "AND (lease_until IS NULL OR lease_until < :overdue)"
    ),
    "ended attempts without a disposition": (
        "SELECT id FROM attempts WHERE (ended_at IS NULL) <> (disposition IS NULL)"
    ),
    "attempts counted against their disposition": (
        f"SELECT id FROM attempts WHERE ended_at IS NOT NULL AND counted = (disposition IN {_UNCOUNTED_SQL})"
    ),
    "orders whose counted attempts are not numbered 1, 2, 3": (
        "SELECT order_pk FROM attempts WHERE counted GROUP BY order_pk "
        "HAVING count(*) <> max(number) OR count(DISTINCT number) <> count(*) OR min(number) <> 1"
    ),
    "orders that miscount their attempts": (
        "SELECT o.id FROM orders o LEFT JOIN (SELECT order_pk, count(*) AS n FROM attempts "
        "WHERE counted AND ended_at IS NOT NULL GROUP BY order_pk) a ON a.order_pk = o.id "
        "WHERE o.attempts <> coalesce(a.n, 0)"
    ),
    "numbers with more than one live call": (
        f"SELECT min(id) FROM orders WHERE state IN {LIVE_SQL} GROUP BY phone HAVING count(*) > 1"
    ),
    "finished campaigns with orders to call": (
        "SELECT c.id FROM campaigns c WHERE c.state = 'finished' AND EXISTS (SELECT 1 FROM orders o "
        "WHERE o.campaign_id = c.id AND o.state NOT IN ('decided', 'unreachable', 'skipped'))"
    ),
}
_COUNTS = text(
    "SELECT c.name, o.state, count(*) AS n FROM campaigns c JOIN orders o ON o.campaign_id = c.id "
    "GROUP BY c.name, o.state"
)
_IMPORTED = text(
    "SELECT c.name, sum(b.accepted) AS n FROM campaigns c LEFT JOIN batches b ON b.campaign_id = c.id GROUP BY c.name"
)
_OUTBOX = text(
    "SELECT count(*) FILTER (WHERE delivered_at IS NOT NULL) AS delivered, "
    "count(*) FILTER (WHERE dead_at IS NOT NULL) AS dead, "
    "count(*) FILTER (WHERE delivered_at IS NULL AND dead_at IS NULL) AS pending FROM outbox"
)


@dataclass(frozen=True, slots=True)
class AuditReport:
    """`counts`: per campaign, `imported` and the number of orders in each state. `outbox`: delivered, pending, dead."""

    counts: dict[str, dict[str, int]]
    outbox: dict[str, int]
    violations: list[str]

    @property
    def clean(self) -> bool:
        """Whether nothing is lost or doubled."""
        return not self.violations


async def audit(tx: AsyncConnection, now: datetime, *, grace_s: float = LEASE_GRACE_S) -> AuditReport:
    """Check every rule in one snapshot. `tx` must be fresh: nothing may have been read in it yet."""
    await tx.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    await tx.execute(text("SET LOCAL statement_timeout = 0"))
    counts = await _counts(tx)
    violations = [
        f"campaign {name}: imported {found['imported']} orders, but {sum(found.values()) - found['imported']} are there"
        for name, found in counts.items()
        if sum(found.values()) != 2 * found["imported"]
    ]
    overdue = now - timedelta(seconds=grace_s)
    for rule, query in RULES.items():
        violations.extend(await _broken(tx, rule, query, overdue))
    outbox = (await tx.execute(_OUTBOX)).mappings().one()
    return AuditReport(counts, dict(outbox), violations)


async def _counts(tx: AsyncConnection) -> dict[str, dict[str, int]]:
    imported = await tx.execute(_IMPORTED)
    counts = {row.name: {"imported": int(row.n or 0), **{str(state): 0 for state in OrderState}} for row in imported}
    for row in await tx.execute(_COUNTS):
        counts[row.name][row.state] = row.n
    return counts


async def _broken(tx: AsyncConnection, rule: str, query: str, overdue: datetime) -> list[str]:
    """One line for a rule that does not hold: how often, and a few examples."""
    statement = text(f"SELECT count(*) OVER () AS n, broken.* FROM ({query}) AS broken (id) LIMIT {_EXAMPLES}")
    found = (await tx.execute(statement, {"overdue": overdue} if ":overdue" in query else {})).all()
    if not found:
        return []
    return [
        f"{rule}: {found[0].n} ({', '.join(str(row.id) for row in found)}{', ...' if found[0].n > len(found) else ''})"
    ]
