"""Decisions reach the shop: the outbox's due messages are sent until they are acknowledged.

At least once: a crash between the shop's answer and its note here sends the message again, with the same
Idempotency-Key. A message that is refused for good, or too often, becomes a dead letter that ops see.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.errors import OrdersApiError
from dialer.ledger import outbox
from dialer.ledger.outbox import Delivery
from dialer.ledger.store import Ledger, database_now
from dialer.settings import OrdersApiSettings

_log = structlog.get_logger()

SENT_AT_ONCE = 16
#: A sender that vanishes holds its messages this much longer than its slowest sending could take.
_LEASE_MARGIN_S = 30.0
_End = Literal["delivered", "postponed", "buried"]


class OrdersApi(Protocol):
    """The shop's orders API."""

    async def update_order(
        self, order_id: str, status: str, confirmation_data: Mapping[str, Any], idempotency_key: str
    ) -> None:
        """Tell the shop what became of an order. Raises OrdersApiError."""
        ...

    async def get_order(self, order_id: str) -> dict[str, Any] | None:
        """The order as the shop knows it; None if it does not. Raises OrdersApiError."""
        ...


def pause_s(settings: OrdersApiSettings, tries: int, jitter: float) -> float:
    """Pause after the `tries`-th failed try: doubled each time, less up to half by `jitter` (0..1)."""
    full = min(settings.retry_max_s, settings.retry_base_s * 2.0 ** min(tries - 1, 30))
    return full * (1 - jitter / 2)


@dataclass(frozen=True, slots=True)
class DeliveryCounts:
    """What became of the messages that were due."""

    delivered: int
    postponed: int
    buried: int

    @property
    def total(self) -> int:
        """How many were due: as many as `limit` means that more may be."""
        return self.delivered + self.postponed + self.buried


async def deliver_due(
    ledger: Ledger,
    orders_api: OrdersApi,
    now: datetime | None = None,
    limit: int = 100,
    *,
    settings: OrdersApiSettings,
    jitter: Callable[[], float] = random.random,
) -> DeliveryCounts:
    """Send up to `limit` due messages, some at once. Raises LedgerError; the shop's failures are only counted.

    Without `now` PostgreSQL's clock is asked.
    """
    lease_s = settings.timeout_s * limit / SENT_AT_ONCE + _LEASE_MARGIN_S
    async with ledger.begin() as tx:
        due = await outbox.claim_deliveries(tx, now or await database_now(tx), limit, lease_s)
    places = asyncio.Semaphore(SENT_AT_ONCE)

    async def one(delivery: Delivery) -> _End:
        async with places:
            failure = await _send(orders_api, delivery)
        async with ledger.begin() as tx:
            moment = now or await database_now(tx)
            return await _note(tx, delivery, failure, moment, settings=settings, jitter=jitter())

    ends = Counter(await asyncio.gather(*(one(delivery) for delivery in due)))
    return DeliveryCounts(ends["delivered"], ends["postponed"], ends["buried"])


async def _send(orders_api: OrdersApi, delivery: Delivery) -> OrdersApiError | None:
    """One try; None if the shop has it."""
    try:
        await orders_api.update_order(
            delivery.order_id, delivery.status, delivery.data, idempotency_key=delivery.idempotency_key
        )
    except OrdersApiError as error:
        return error
    return None


async def _note(
    tx: AsyncConnection,
    delivery: Delivery,
    failure: OrdersApiError | None,
    now: datetime,
    *,
    settings: OrdersApiSettings,
    jitter: float,
) -> _End:
    """Write down what became of one try."""
    if failure is None:
        await outbox.acknowledge(tx, delivery.id, now)
        return "delivered"
    if failure.permanent or delivery.tries >= settings.max_tries:
        await outbox.bury(tx, delivery.id, str(failure), now)
        _log.error("delivery_buried", delivery_id=delivery.id, tries=delivery.tries, status=failure.status)
        return "buried"
    wait_s = max(pause_s(settings, delivery.tries, jitter), failure.retry_after_s or 0.0)
    await outbox.postpone(tx, delivery.id, str(failure), now + timedelta(seconds=wait_s))
    _log.info("delivery_postponed", delivery_id=delivery.id, tries=delivery.tries, wait_s=round(wait_s, 1))
    return "postponed"
