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

from dialer.errors import OrdersApiError
from dialer.ledger import outbox
from dialer.ledger.outbox import Delivery
from dialer.ledger.store import Ledger, database_now

_log = structlog.get_logger()

SENT_AT_ONCE = 16
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


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """How often and how long to try. `jitter` gives 0..1."""

    retry_base_s: float = 2.0
    retry_max_s: float = 900.0
    max_tries: int = 40
    #: A sender that vanishes holds its messages for this long; must exceed the API's time-out.
    lease_s: float = outbox.SENDING_LEASE_S
    jitter: Callable[[], float] = random.random

    def pause_s(self, tries: int) -> float:
        """Pause after the `tries`-th failed try: doubled each time, less up to half by jitter."""
        full = min(self.retry_max_s, self.retry_base_s * 2.0 ** min(tries - 1, 30))
        return full * (1 - self.jitter() / 2)


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
    policy: DeliveryPolicy | None = None,
) -> DeliveryCounts:
    """Send up to `limit` due messages, some at once. Raises LedgerError; the shop's failures are only counted."""
    policy = policy or DeliveryPolicy()
    async with ledger.begin() as tx:
        moment = now or await database_now(tx)
        due = await outbox.claim_deliveries(tx, moment, limit, policy.lease_s)
    places = asyncio.Semaphore(SENT_AT_ONCE)

    async def one(delivery: Delivery) -> _End:
        async with places:
            return await _deliver(ledger, orders_api, delivery, now, policy)

    ends = Counter(await asyncio.gather(*(one(delivery) for delivery in due)))
    return DeliveryCounts(ends["delivered"], ends["postponed"], ends["buried"])


async def _deliver(
    ledger: Ledger, orders_api: OrdersApi, delivery: Delivery, now: datetime | None, policy: DeliveryPolicy
) -> _End:
    """Send one message and note what became of it."""
    failure: OrdersApiError | None = None
    try:
        await orders_api.update_order(
            delivery.order_id, delivery.status, delivery.data, idempotency_key=delivery.idempotency_key
        )
    except OrdersApiError as error:
        failure = error
    async with ledger.begin() as tx:
        moment = now or await database_now(tx)
        if failure is None:
            await outbox.acknowledge(tx, delivery.id, moment)
            return "delivered"
        if failure.permanent or delivery.tries >= policy.max_tries:
            await outbox.bury(tx, delivery.id, str(failure), moment)
            _log.error("delivery_buried", delivery_id=delivery.id, tries=delivery.tries, status=failure.status)
            return "buried"
        pause_s = policy.pause_s(delivery.tries)
        await outbox.postpone(tx, delivery.id, str(failure), moment + timedelta(seconds=pause_s))
        _log.info("delivery_postponed", delivery_id=delivery.id, tries=delivery.tries, pause_s=round(pause_s, 1))
        return "postponed"
