"""What a call worker's process shares among its calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from dialer.conversation.comprehension import SessionPorts
from dialer.conversation.script import Script
from dialer.domain.outcome import Decision
from dialer.ledger.store import Ledger
from dialer.settings import Settings
from dialer.telephony.ports import Switch


class OrderLookup(Protocol):
    """The part of the orders API that a call needs."""

    async def get_order(self, order_id: str) -> dict[str, Any] | None:
        """The shop's own record of the order, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Slip:
    """A decision that the ledger has not got yet, and the worker to whom it was told."""

    decision: Decision | None
    data: dict[str, Any]
    worker: str


@dataclass(slots=True)
class CallPorts:
    """Everything a call worker's process shares among its calls."""

    ledger: Ledger
    switch: Switch
    session: SessionPorts
    script: Callable[[str], Script]
    orders: OrderLookup | None
    settings: Settings
    worker: str
    #: Running attempts, for the lease keeper.
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    #: Decisions that the ledger could not be told of, by attempt.
    unnoted: dict[str, Slip] = field(default_factory=dict)
    #: Set when the process is told to end: live calls go on to their ends, nothing more is dialed.
    draining: bool = False
