"""The breaker of each node's trunk: a broken trunk is left alone for a while and then tried with one call.

`failures` counts trunk failures in a row; any call that reached the far side sets it back (see `settlement`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

#: Failures in a row that pause a trunk.
BREAKER_THRESHOLD = 5
#: Length of the first pause; each further failure doubles it.
FIRST_PAUSE_S = 15.0
LONGEST_PAUSE_S = 300.0

_FAILED = text(
    """
    INSERT INTO trunks AS t (name, failures) VALUES (:name, 1)
    ON CONFLICT (name) DO UPDATE SET
        failures = t.failures + 1,
        paused_until = CASE WHEN t.failures + 1 < :threshold THEN t.paused_until
            ELSE CAST(:now AS timestamptz) + make_interval(secs => least(
                CAST(:longest AS float8), CAST(:first AS float8) * power(2, least(t.failures + 1 - :threshold, 20))))
            END
        WHERE t.paused_until IS NULL OR t.paused_until <= CAST(:now AS timestamptz)
    """
)
_STANDING = text(
    """
    SELECT wanted.name, coalesce(t.failures, 0) AS failures, t.paused_until, coalesce(t.drained, false) AS drained,
        coalesce(t.paused_until > :now, false) AS paused, coalesce(live.calls, 0) AS calls
    FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS wanted (name, place)
    LEFT JOIN trunks t ON t.name = wanted.name
    LEFT JOIN (SELECT node, count(*) AS calls FROM attempts WHERE ended_at IS NULL GROUP BY node) AS live
        ON live.node = wanted.name
    ORDER BY wanted.place
    """
)
_SILENT = text(
    """
    INSERT INTO trunks AS t (name, failures, paused_until)
    VALUES (:name, :threshold, CAST(:now AS timestamptz) + make_interval(secs => CAST(:first AS float8)))
    ON CONFLICT (name) DO UPDATE SET
        failures = greatest(t.failures + 1, :threshold),
        paused_until = CAST(:now AS timestamptz) + make_interval(secs => least(
            CAST(:longest AS float8),
            CAST(:first AS float8) * power(2, least(greatest(t.failures + 1 - :threshold, 0), 20))))
    """
)
_DRAIN = text(
    "INSERT INTO trunks AS t (name, drained) VALUES (:name, :drained) "
    "ON CONFLICT (name) DO UPDATE SET drained = :drained, "
    "failures = CASE WHEN :drained THEN t.failures ELSE 0 END, "
    "paused_until = CASE WHEN :drained THEN t.paused_until END"
)
_SEEN = text(
    "SELECT name FROM trunks UNION SELECT node FROM attempts WHERE ended_at IS NULL AND node IS NOT NULL ORDER BY 1"
)
#: Nodes with attempts that have waited in vain, and that have claimed nothing since. (Attempts that a worker handed
#: back when it was told to end are no sign of it: their `published_at` is the epoch.)
_SILENT_NODES = text(
    """
    SELECT DISTINCT a.node FROM attempts a
    WHERE a.ended_at IS NULL AND a.claimed_at IS NULL AND a.published_at < :before AND a.published_at > 'epoch'
        AND NOT EXISTS (
            SELECT 1 FROM attempts c WHERE c.ended_at IS NULL AND c.claimed_at > :before AND c.node = a.node)
    """
)
_MOVE = text(
    "UPDATE attempts a SET node = moved.node "
    "FROM unnest(CAST(:ids AS text[]), CAST(:nodes AS text[])) AS moved (id, node) "
    "WHERE a.id = moved.id AND a.claimed_at IS NULL AND a.ended_at IS NULL RETURNING a.id"
)


@dataclass(frozen=True, slots=True)
class OpenTrunk:
    """A node that takes calls; `trial`: only one, to see whether its trunk works again."""

    node: str
    trial: bool
    #: Attempts that it has now.
    calls: int = 0


@dataclass(frozen=True, slots=True)
class NodeStanding:
    """A node as ops see it."""

    node: str
    calls: int
    failures: int
    paused_until: datetime | None
    drained: bool


async def trunk_failed(tx: AsyncConnection, node: str, now: datetime) -> None:
    """Count a failure; from the threshold on, pause the trunk.

    Failures during a pause are those of calls that were under way when it began: they say nothing new.
    """
    await tx.execute(
        _FAILED,
        {
            "name": node,
            "now": now,
            "threshold": BREAKER_THRESHOLD,
            "first": FIRST_PAUSE_S,
            "longest": LONGEST_PAUSE_S,
        },
    )


async def silent_nodes(tx: AsyncConnection, before: datetime) -> set[str]:
    """Nodes on which nobody has taken what was published before that moment."""
    return set((await tx.execute(_SILENT_NODES, {"before": before})).scalars())


async def node_silent(tx: AsyncConnection, node: str, now: datetime) -> None:
    """Nobody on this node takes attempts: pause it at once, longer each time."""
    values = {"name": node, "now": now, "threshold": BREAKER_THRESHOLD}
    await tx.execute(_SILENT, values | {"first": FIRST_PAUSE_S, "longest": LONGEST_PAUSE_S})


async def open_trunks(tx: AsyncConnection, nodes: Sequence[str], now: datetime) -> list[OpenTrunk]:
    """Those of `nodes` that may be given calls now: not drained, not paused, not just being tried."""
    rows = await tx.execute(_STANDING, {"names": list(nodes), "now": now})
    return [
        OpenTrunk(row.name, broken, row.calls)
        for row in rows
        for broken in [row.failures >= BREAKER_THRESHOLD]
        if not row.drained and not row.paused and not (broken and row.calls)
    ]


async def standings(tx: AsyncConnection, nodes: Sequence[str], now: datetime) -> list[NodeStanding]:
    """`nodes`, then those that the ledger knows besides."""
    seen = (await tx.execute(_SEEN)).scalars()
    names = list(dict.fromkeys([*nodes, *seen]))
    rows = await tx.execute(_STANDING, {"names": names, "now": now})
    return [
        NodeStanding(row.name, row.calls, row.failures, row.paused_until if row.paused else None, row.drained)
        for row in rows
    ]


async def set_drained(tx: AsyncConnection, node: str, *, drained: bool) -> None:
    """Take a node out of service, or back into it (its breaker starts anew)."""
    await tx.execute(_DRAIN, {"name": node, "drained": drained})


async def move_attempts(tx: AsyncConnection, to: Mapping[str, str]) -> set[str]:
    """Give attempts that nobody has claimed to other nodes (`to`: attempt id to node); the ids of those moved."""
    moved = await tx.execute(_MOVE, {"ids": list(to), "nodes": list(to.values())})
    return set(moved.scalars())
