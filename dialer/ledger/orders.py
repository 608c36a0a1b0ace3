"""Orders in the ledger: taking them in, and looking at them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg
from sqlalchemy import RowMapping, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.domain.order import Order, OrderState
from dialer.errors import InputError
from dialer.ledger.tables import attempts, batches, orders

#: Made once: `json.dumps` with options makes an encoder for every row.
_as_json = json.JSONEncoder(ensure_ascii=False).encode
_COLUMNS = "order_id, phone, amount, customer_name, delivery_date, delivery_window, address, timezone, attributes"
_MAKE_INCOMING = text(
    f"CREATE TEMPORARY TABLE IF NOT EXISTS incoming ON COMMIT DELETE ROWS AS SELECT {_COLUMNS} FROM orders LIMIT 0"  # noqa: S608
)
_EMPTY_INCOMING = text("TRUNCATE incoming")
_TAKE_IN = text(
    f"""
    WITH taken AS (
        INSERT INTO orders ({_COLUMNS}, campaign_id, batch_id, state, due_at, created_at)
        SELECT {_COLUMNS}, CAST(:campaign AS integer), CAST(:batch AS bigint), 'new', CAST(:now AS timestamptz), :now
        FROM incoming
        ON CONFLICT (campaign_id, order_id) DO NOTHING
        RETURNING order_id
    )
    SELECT order_id FROM incoming WHERE order_id NOT IN (SELECT order_id FROM taken)
    """  # noqa: S608
)


@dataclass(frozen=True, slots=True)
class InsertedOrders:
    """What became of a batch: `duplicates` names the orders that the campaign had already (or twice in the batch)."""

    accepted: int
    duplicates: list[str]


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order as it stands. `pk` is the ledger's own key; `order.order_id` is the shop's."""

    pk: int
    campaign_id: int
    order: Order
    state: OrderState
    due_at: datetime
    attempts: int
    decision: str | None
    disposition: str | None
    skip_reason: str | None
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One dial of an order, as the ledger knows it. Open while `ended_at` is None."""

    attempt_id: str
    order_pk: int
    number: int
    node: str
    counted: bool
    worker: str | None
    published_at: datetime
    claimed_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    lease_until: datetime | None
    disposition: str | None
    decision: str | None
    cause: int | None
    talk_s: float
    data: dict[str, Any]
    artifacts: dict[str, Any]


def order_from_row(row: RowMapping) -> Order:
    """The shop's order out of a row that has its columns."""
    return Order(
        order_id=row["order_id"],
        phone=row["phone"],
        amount=row["amount"],
        customer_name=row["customer_name"],
        delivery_date=row["delivery_date"],
        delivery_window=row["delivery_window"],
        address=row["address"],
        timezone=row["timezone"] or None,
        attributes=row["attributes"],
    )


def _order_row(row: RowMapping) -> OrderRow:
    return OrderRow(
        pk=row["id"],
        campaign_id=row["campaign_id"],
        order=order_from_row(row),
        state=OrderState(row["state"]),
        due_at=row["due_at"],
        attempts=row["attempts"],
        decision=row["decision"],
        disposition=row["disposition"],
        skip_reason=row["skip_reason"],
        created_at=row["created_at"],
        ended_at=row["ended_at"],
    )


@lru_cache(maxsize=1024)
def _check_timezone(name: str) -> None:
    """An unknown zone must not enter: it would stop every release after it."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InputError("timezone", f"no such time zone: {name!r}") from error


def _incoming(order: Order) -> tuple[Any, ...]:
    if order.timezone:
        _check_timezone(order.timezone)
    return (
        order.order_id,
        order.phone,
        order.amount,
        order.customer_name,
        order.delivery_date,
        order.delivery_window,
        order.address,
        order.timezone or "",
        _as_json(order.attributes),
    )


async def open_batch(tx: AsyncConnection, campaign_id: int, source: str, now: datetime) -> int:
    """A new batch; `source` is a file's name or "api"."""
    statement = insert(batches).values(campaign_id=campaign_id, source=source, created_at=now)
    batch_id: int = (await tx.execute(statement.returning(batches.c.id))).scalar_one()
    return batch_id


async def insert_orders(
    tx: AsyncConnection, campaign_id: int, batch_id: int, batch: Sequence[Order], now: datetime
) -> InsertedOrders:
    """Take in a few thousand orders at once; those that the campaign has already are left as they are.

    They travel by COPY into a temporary table. Raises InputError for an unknown time zone.
    """
    unique: dict[str, Order] = {}
    repeated: list[str] = []
    for order in batch:
        if order.order_id in unique:
            repeated.append(order.order_id)
        else:
            unique[order.order_id] = order
    rows = [_incoming(order) for order in unique.values()]
    await tx.execute(_MAKE_INCOMING)
    await tx.execute(_EMPTY_INCOMING)
    connection: psycopg.AsyncConnection[Any] = (await tx.get_raw_connection()).driver_connection  # type: ignore[assignment]
    async with connection.cursor().copy(f"COPY incoming ({_COLUMNS}) FROM STDIN") as copy:
        for row in rows:
            await copy.write_row(row)
    known = (await tx.execute(_TAKE_IN, {"campaign": campaign_id, "batch": batch_id, "now": now})).scalars().all()
    accepted = len(rows) - len(known)
    duplicates = [*known, *repeated]
    counts = {"accepted": batches.c.accepted + accepted, "duplicates": batches.c.duplicates + len(duplicates)}
    await tx.execute(update(batches).where(batches.c.id == batch_id).values(counts))
    return InsertedOrders(accepted, duplicates)


async def get_order(tx: AsyncConnection, campaign_id: int, order_id: str) -> OrderRow | None:
    """An order by the shop's number."""
    statement = select(orders).where(orders.c.campaign_id == campaign_id, orders.c.order_id == order_id)
    row = (await tx.execute(statement)).mappings().first()
    return _order_row(row) if row else None


async def list_orders(
    tx: AsyncConnection,
    campaign_id: int | None = None,
    *,
    state: OrderState | None = None,
    phone: str | None = None,
    after_pk: int = 0,
    limit: int = 100,
) -> list[OrderRow]:
    """Orders in the order of their arrival; the next page starts `after_pk` the last row's `pk`."""
    statement = select(orders).where(orders.c.id > after_pk).order_by(orders.c.id).limit(limit)
    if campaign_id is not None:
        statement = statement.where(orders.c.campaign_id == campaign_id)
    if state is not None:
        statement = statement.where(orders.c.state == state)
    if phone is not None:
        statement = statement.where(orders.c.phone == phone)
    return [_order_row(row) for row in (await tx.execute(statement)).mappings()]


async def count_orders(tx: AsyncConnection, campaign_id: int) -> dict[OrderState, int]:
    """How many orders of the campaign stand in each state; absent states are zero."""
    statement = (
        select(orders.c.state, func.count().label("n"))
        .where(orders.c.campaign_id == campaign_id)
        .group_by(orders.c.state)
    )
    found = {OrderState(row.state): row.n for row in await tx.execute(statement)}
    return {state: found.get(state, 0) for state in OrderState}


async def attempts_of(tx: AsyncConnection, order_pk: int) -> list[AttemptRow]:
    """An order's attempts, first to last."""
    statement = select(attempts).where(attempts.c.order_pk == order_pk).order_by(attempts.c.published_at)
    return [
        AttemptRow(attempt_id=row["id"], **{key: row[key] for key in AttemptRow.__slots__ if key != "attempt_id"})
        for row in (await tx.execute(statement)).mappings()
    ]
