"""Pages of orders and attempts for people who look: filters, and a keyset that stays cheap on any page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, and_, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.domain.order import Order, OrderState
from dialer.ledger.orders import AttemptRow, OrderRow, order_from_row
from dialer.ledger.tables import attempts, campaigns, orders, outbox


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders; None: any."""

    campaign_id: int | None = None
    state: OrderState | None = None
    decision: str | None = None
    disposition: str | None = None
    #: The shop's number of the order, exactly.
    order_id: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class AttemptFilter:
    """Which attempts; `live` True: those that have not ended, False: those that have."""

    campaign_id: int | None = None
    order_pk: int | None = None
    disposition: str | None = None
    decision: str | None = None
    live: bool | None = None


@dataclass(frozen=True, slots=True)
class AttemptPlace:
    """A place in the list of attempts: the last one seen. `ended_at` is None for one that had not ended."""

    ended_at: datetime | None
    attempt_id: str


@dataclass(frozen=True, slots=True)
class ListedOrder:
    """An order with its campaign's name and what is known of the message to the shop."""

    row: OrderRow
    campaign: str
    #: acknowledged | pending | dead; None while there is nothing to tell.
    delivery: str | None
    #: What the customer changed (`confirmation_data`).
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ListedAttempt:
    """An attempt with the order it belongs to."""

    row: AttemptRow
    campaign_id: int
    campaign: str
    order: Order
    order_state: OrderState


_ORDERS = (
    select(
        orders,
        campaigns.c.name.label("campaign"),
        outbox.c.id.label("outbox_id"),
        outbox.c.delivered_at,
        outbox.c.dead_at,
        outbox.c.data.label("told"),
    )
    .join(campaigns, campaigns.c.id == orders.c.campaign_id)
    .outerjoin(outbox, outbox.c.order_pk == orders.c.id)
)
_ORDER_COLUMNS = [orders.c[name] for name in ("order_id", "phone", "amount", "customer_name", "delivery_date")]
_ORDER_COLUMNS += [orders.c[name] for name in ("delivery_window", "address", "timezone", "attributes")]
_ATTEMPTS = (
    select(attempts, *_ORDER_COLUMNS, orders.c.state.label("order_state"), campaigns.c.name.label("campaign"))
    .join(orders, orders.c.id == attempts.c.order_pk)
    .join(campaigns, campaigns.c.id == attempts.c.campaign_id)
)


async def list_orders(
    tx: AsyncConnection, wanted: OrderFilter, *, after_pk: int = 0, limit: int = 100
) -> list[ListedOrder]:
    """Orders as they arrived; the next page starts `after_pk` the last row's `pk`."""
    statement = _only(_ORDERS.where(orders.c.id > after_pk), _named(wanted))
    if wanted.order_id is not None and wanted.campaign_id is None:
        # The index of numbers begins with the campaign: it is looked into once for each.
        statement = statement.where(orders.c.campaign_id.in_(select(campaigns.c.id)))
    statement = statement.order_by(orders.c.id).limit(limit)
    return [_listed_order(row) for row in (await tx.execute(statement)).mappings()]


async def count_listed(tx: AsyncConnection, wanted: OrderFilter, most: int) -> int:
    """How many orders the filter finds, counted up to `most`."""
    found = _only(select(orders.c.id), _named(wanted)).limit(most).subquery()
    counted: int = (await tx.execute(select(func.count()).select_from(found))).scalar_one()
    return counted


def _named(wanted: OrderFilter) -> dict[Any, Any]:
    return {
        orders.c.campaign_id: wanted.campaign_id,
        orders.c.state: wanted.state,
        orders.c.decision: wanted.decision,
        orders.c.disposition: wanted.disposition,
        orders.c.order_id: wanted.order_id,
        orders.c.phone: wanted.phone,
    }


async def find_order(tx: AsyncConnection, order_pk: int) -> ListedOrder | None:
    """One order by the ledger's key."""
    row = (await tx.execute(_ORDERS.where(orders.c.id == order_pk))).mappings().first()
    return _listed_order(row) if row else None


async def list_attempts(
    tx: AsyncConnection, wanted: AttemptFilter, *, after: AttemptPlace | None = None, limit: int = 100
) -> list[ListedAttempt]:
    """Attempts, live ones first, then the last ended first; the next page starts `after` the last one."""
    named = {
        attempts.c.campaign_id: wanted.campaign_id,
        attempts.c.order_pk: wanted.order_pk,
        attempts.c.disposition: wanted.disposition,
        attempts.c.decision: wanted.decision,
    }
    statement = _only(_ATTEMPTS, named)
    if wanted.live is not None:
        ended = attempts.c.ended_at
        statement = statement.where(ended.is_(None) if wanted.live else ended.is_not(None))
    if after is not None:
        statement = statement.where(_behind(after))
    # Descending order has nulls first in PostgreSQL, which an index on (campaign_id, ended_at) serves backwards.
    statement = statement.order_by(attempts.c.ended_at.desc(), attempts.c.id.desc()).limit(limit)
    return [_listed_attempt(row) for row in (await tx.execute(statement)).mappings()]


async def find_attempt(tx: AsyncConnection, attempt_id: str) -> ListedAttempt | None:
    """One attempt."""
    row = (await tx.execute(_ATTEMPTS.where(attempts.c.id == attempt_id))).mappings().first()
    return _listed_attempt(row) if row else None


def _only(statement: Select[Any], named: dict[Any, Any]) -> Select[Any]:
    for column, value in named.items():
        if value is not None:
            statement = statement.where(column == value)
    return statement


def _behind(place: AttemptPlace) -> ColumnElement[bool]:
    if place.ended_at is None:
        return or_(
            attempts.c.ended_at.is_not(None), and_(attempts.c.ended_at.is_(None), attempts.c.id < place.attempt_id)
        )
    return tuple_(attempts.c.ended_at, attempts.c.id) < (place.ended_at, place.attempt_id)


def _listed_order(row: RowMapping) -> ListedOrder:
    keys = ("campaign_id", "due_at", "attempts", "decision", "disposition", "skip_reason", "created_at", "ended_at")
    order = OrderRow(
        pk=row["id"], order=order_from_row(row), state=OrderState(row["state"]), **{key: row[key] for key in keys}
    )
    delivery = None
    if row["outbox_id"] is not None:
        delivery = "acknowledged" if row["delivered_at"] else "dead" if row["dead_at"] else "pending"
    return ListedOrder(order, row["campaign"], delivery, row["told"] or {})


def _listed_attempt(row: RowMapping) -> ListedAttempt:
    keys = [key for key in AttemptRow.__slots__ if key != "attempt_id"]
    return ListedAttempt(
        row=AttemptRow(attempt_id=row["id"], **{key: row[key] for key in keys}),
        campaign_id=row["campaign_id"],
        campaign=row["campaign"],
        order=order_from_row(row),
        order_state=OrderState(row["order_state"]),
    )
