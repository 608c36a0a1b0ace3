"""The list of orders behind a report, a page at a time: a campaign may have a million."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.domain.order import OrderState
from dialer.reporting.model import AttemptLine, OrderLine, masked_phone

PAGE_SIZE: Final = 1000

_ORDERS = text(
    """
    SELECT o.id, o.order_id, o.phone, o.amount, o.state, o.decision, o.disposition, o.skip_reason, o.attempts,
        o.due_at, o.ended_at, outbox.data,
        CASE WHEN outbox.id IS NULL THEN NULL WHEN outbox.delivered_at IS NOT NULL THEN 'acknowledged'
            WHEN outbox.dead_at IS NOT NULL THEN 'dead' ELSE 'pending' END AS delivery
    FROM orders o JOIN campaigns c ON c.id = o.campaign_id LEFT JOIN outbox ON outbox.order_pk = o.id
    WHERE c.name = :campaign AND o.id > :after ORDER BY o.id LIMIT :count
    """
)
_ATTEMPTS = text(
    """
    SELECT order_pk, number, coalesce(claimed_at, published_at) AS at, disposition, talk_s,
        artifacts ->> 'recording' AS recording, artifacts ->> 'transcript' AS transcript
    FROM attempts WHERE order_pk = ANY(:orders) AND disposition IS DISTINCT FROM 'not_dialed'
    ORDER BY order_pk, published_at
    """
)


async def order_pages(
    tx: AsyncConnection, campaign_name: str, page_size: int = PAGE_SIZE
) -> AsyncIterator[list[OrderLine]]:
    """All orders of a campaign as they were imported, with their attempts."""
    after = 0
    while page := await order_page(tx, campaign_name, after, page_size):
        yield page
        after = page[-1].pk


async def order_page(tx: AsyncConnection, campaign_name: str, after: int, count: int) -> list[OrderLine]:
    """Up to `count` orders behind the ledger's key `after`."""
    values = {"campaign": campaign_name, "after": after, "count": count}
    rows = list((await tx.execute(_ORDERS, values)).mappings())
    attempts: dict[int, list[AttemptLine]] = {}
    for row in (await tx.execute(_ATTEMPTS, {"orders": [row["id"] for row in rows]})).mappings():
        attempts.setdefault(row["order_pk"], []).append(_attempt_line(row))
    return [_order_line(row, attempts.get(row["id"], [])) for row in rows]


def _attempt_line(row: RowMapping) -> AttemptLine:
    return AttemptLine(
        number=row["number"],
        at=row["at"],
        disposition=row["disposition"],
        talk_s=row["talk_s"],
        recording=row["recording"],
        transcript=row["transcript"],
    )


def _order_line(row: RowMapping, attempts: list[AttemptLine]) -> OrderLine:
    data: dict[str, Any] = row["data"] or {}
    return OrderLine(
        pk=row["id"],
        order_id=row["order_id"],
        phone=masked_phone(row["phone"]),
        amount=f"{row['amount']:.2f}",
        state=row["state"],
        decision=row["decision"],
        disposition=row["disposition"],
        skip_reason=row["skip_reason"],
        attempt_count=row["attempts"],
        due_at=row["due_at"] if row["state"] == OrderState.WAITING else None,
        ended_at=row["ended_at"],
        delivery=row["delivery"],
        data=data,
        attempts=attempts,
    )
