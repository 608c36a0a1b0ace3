"""A batch by API: all of it in one transaction, with one result per row, and once per idempotency key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.campaigns.arrivals import campaign_for_orders, reopen_finished
from dialer.domain.order import Order
from dialer.errors import ConflictError
from dialer.intake import ParsedRow, Rejected
from dialer.ledger import orders
from dialer.ledger.received import find_keyed_batch, keep_answer, open_keyed_batch
from dialer.ledger.store import Ledger, database_now


class RowStatus(StrEnum):
    """What became of one row."""

    #: It will be called.
    ACCEPTED = "accepted"
    #: The campaign (or an earlier row) has this order already; that one stays as it is.
    DUPLICATE = "duplicate"
    #: It is no order: `problems` say why.
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class ReceivedBatch:
    """The answer to a batch. `answer` keys: batch_id, accepted, duplicates, rejected, rows (see `_row_results`)."""

    answer: dict[str, Any]
    #: The key was used before, by this same request: nothing was added now.
    repeated: bool = False


async def receive_batch(
    ledger: Ledger,
    campaign_name: str,
    rows: Sequence[ParsedRow],
    *,
    source: str = "api",
    key: str | None = None,
    digest: str = "",
    now: datetime | None = None,
) -> ReceivedBatch:
    """Take in the good rows, explain the others. `digest` identifies the request's content.

    Raises NotFoundError, ConflictError (the campaign is stopped; the key belongs to another request), InputError.
    """
    async with ledger.begin() as tx:
        moment = now or await database_now(tx)
        campaign = await campaign_for_orders(tx, campaign_name, moment)
        if key is None:
            batch_id: int | None = await orders.open_batch(tx, campaign.id, source, moment)
        else:
            batch_id = await open_keyed_batch(tx, campaign.id, source=source, key=key, digest=digest, now=moment)
        if batch_id is None:
            return await _repeat(tx, campaign.id, str(key), digest)
        answer = {"batch_id": batch_id, **await _take_in(tx, campaign.id, batch_id, rows, moment)}
        if answer["accepted"]:
            await reopen_finished(tx, campaign, moment)
        if key is not None:
            await keep_answer(tx, batch_id, answer)
        return ReceivedBatch(answer)


async def _repeat(tx: AsyncConnection, campaign_id: int, key: str, digest: str) -> ReceivedBatch:
    earlier = await find_keyed_batch(tx, campaign_id, key)
    if earlier.digest != digest:
        raise ConflictError("this Idempotency-Key was used for another request")
    return ReceivedBatch(earlier.answer, repeated=True)


async def _take_in(
    tx: AsyncConnection, campaign_id: int, batch_id: int, rows: Sequence[ParsedRow], now: datetime
) -> dict[str, Any]:
    first: dict[str, Order] = {}
    for row in rows:
        if isinstance(row, Order):
            first.setdefault(row.order_id, row)
    done = await orders.insert_orders(tx, campaign_id, batch_id, list(first.values()), now)
    results = _row_results(rows, known=set(done.duplicates))
    counts = {status: sum(result["status"] == status for result in results) for status in RowStatus}
    return {
        "accepted": counts[RowStatus.ACCEPTED],
        "duplicates": counts[RowStatus.DUPLICATE],
        "rejected": counts[RowStatus.REJECTED],
        "rows": results,
    }


def _row_results(rows: Sequence[ParsedRow], known: set[str]) -> list[dict[str, Any]]:
    """Per row: `row` (counted from 1), `line` of the file, `order_id`, `status`, `problems` (`field`, `reason`)."""
    seen = set(known)
    results: list[dict[str, Any]] = []
    for number, row in enumerate(rows, start=1):
        if isinstance(row, Rejected):
            problems = [{"field": _plain(name), "reason": _plain(reason)} for name, reason in row.problems]
            line = row.line_number or None
            results.append(
                {"row": number, "line": line, "order_id": None, "status": RowStatus.REJECTED, "problems": problems}
            )
            continue
        status = RowStatus.DUPLICATE if row.order_id in seen else RowStatus.ACCEPTED
        seen.add(row.order_id)
        results.append({"row": number, "line": None, "order_id": row.order_id, "status": status, "problems": []})
    return results


def _plain(text: str) -> str:
    """What can be stored and shown: names of fields are the caller's, and JSON allows any character in them."""
    return "".join(mark if mark.isprintable() else "?" for mark in text)
