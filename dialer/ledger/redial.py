"""Orders that were finished, copied into another campaign. The old ones stay as they are: so do all their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.domain.order import FINAL_STATES, OrderState
from dialer.domain.outcome import Decision
from dialer.domain.privacy import ERASED_PREFIX

_COLUMNS = "order_id, phone, amount, customer_name, delivery_date, delivery_window, address, timezone, attributes"
_COPY = text(
    f"""
    WITH wanted AS (
        SELECT {_COLUMNS} FROM orders
        WHERE campaign_id = :source AND state = ANY(:final) AND phone NOT LIKE :erased
            AND (state = ANY(:states) OR decision = ANY(:decisions))
            AND (CAST(:order_ids AS text[]) IS NULL OR order_id = ANY(:order_ids))
    ), taken AS (
        INSERT INTO orders ({_COLUMNS}, campaign_id, batch_id, state, due_at, created_at)
        SELECT {_COLUMNS}, CAST(:target AS integer), CAST(:batch AS bigint), 'new', CAST(:now AS timestamptz), :now
        FROM wanted ORDER BY order_id
        ON CONFLICT (campaign_id, order_id) DO NOTHING
        RETURNING 1
    ), counted AS (
        SELECT (SELECT count(*) FROM wanted) AS found, (SELECT count(*) FROM taken) AS accepted
    ), noted AS (
        UPDATE batches SET accepted = counted.accepted, duplicates = counted.found - counted.accepted
        FROM counted WHERE id = CAST(:batch AS bigint)
    )
    SELECT found, accepted FROM counted
    """  # noqa: S608 - made of the constant above
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Finished orders in one of `states` or with one of `decisions`; of these only `order_ids`, if any are named."""

    states: tuple[OrderState, ...] = ()
    decisions: tuple[Decision, ...] = ()
    order_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Copied:
    """How many orders were meant, and how many of them the other campaign did not have yet."""

    found: int
    accepted: int


async def copy_orders(
    tx: AsyncConnection, *, source: int, target: int, batch: int, selection: Selection, now: datetime
) -> Copied:
    """Copy the selected orders of campaign `source` into `target`, due now. Erased customers stay behind."""
    values = {
        "source": source,
        "target": target,
        "batch": batch,
        "now": now,
        "final": sorted(str(state) for state in FINAL_STATES),
        "erased": f"{ERASED_PREFIX}%",
        "states": [str(state) for state in selection.states],
        "decisions": [str(decision) for decision in selection.decisions],
        "order_ids": list(selection.order_ids) or None,
    }
    row = (await tx.execute(_COPY, values)).one()
    return Copied(row.found, row.accepted)
