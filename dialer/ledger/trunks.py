"""The breaker of each node's trunk: a broken trunk is left alone for a while and then tried with one call.

`failures` counts trunk failures in a row; any call that reached the far side sets it back (see `settlement`).
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """
)
_STANDING = text(
    """
    SELECT wanted.name, coalesce(t.failures, 0) AS failures,
        coalesce(t.paused_until > :now, false) AS paused,
        coalesce(t.failures, 0) >= :threshold AND EXISTS (
            SELECT 1 FROM attempts a WHERE a.ended_at IS NULL AND a.node = wanted.name) AS being_tried
    FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS wanted (name, place)
    LEFT JOIN trunks t ON t.name = wanted.name
    ORDER BY wanted.place
    """
)


@dataclass(frozen=True, slots=True)
class OpenTrunk:
    """A node that takes calls; `trial`: only one, to see whether its trunk works again."""

    node: str
    trial: bool


async def trunk_failed(tx: AsyncConnection, node: str, now: datetime) -> None:
    """Count a failure; from the threshold on, pause the trunk."""
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


async def open_trunks(tx: AsyncConnection, nodes: Sequence[str], now: datetime) -> list[OpenTrunk]:
    """Those of `nodes` that may be given calls now."""
    rows = await tx.execute(_STANDING, {"names": list(nodes), "now": now, "threshold": BREAKER_THRESHOLD})
    return [
        OpenTrunk(row.name, row.failures >= BREAKER_THRESHOLD) for row in rows if not row.paused and not row.being_tried
    ]
