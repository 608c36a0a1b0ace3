"""What a call worker's process shares among its calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

from dialer.calls.gathering import Gathering
from dialer.conversation.comprehension import SessionPorts
from dialer.conversation.script import Script
from dialer.domain.outcome import Decision
from dialer.ledger.store import Ledger
from dialer.settings import Settings
from dialer.telephony.ports import Switch

T = TypeVar("T")
R = TypeVar("R")


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
    #: Until when each of them is surely ours, by `clock`: PostgreSQL gives a lease after we have asked for it.
    held_until: dict[str, float] = field(default_factory=dict)
    #: Decisions that the ledger could not be told of, by attempt.
    unnoted: dict[str, Slip] = field(default_factory=dict)
    #: Set when the process is told to end: live calls go on to their ends, nothing more is dialed.
    draining: bool = False
    clock: Callable[[], float] = time.monotonic
    _gatherings: dict[Any, Gathering[Any, Any]] = field(default_factory=dict)

    def hold(self, attempt_id: str, asked_at: float) -> None:
        """The ledger has given or renewed a lease that was asked for at `asked_at` (by `clock`)."""
        self.held_until[attempt_id] = asked_at + self.settings.calls.lease_s

    def may_ring(self, attempt_id: str) -> bool:
        """Whether the attempt's phone may be rung now: its lease cannot have run out, and nobody has told us to end.

        A process that was stopped or starved beyond its lease wakes up in the middle of a step: somebody else may be
        calling the customer by then.
        """
        return not self.draining and self.clock() < self.held_until.get(attempt_id, 0.0)

    async def together(self, work: Callable[[CallPorts, Sequence[T]], Awaitable[Sequence[R]]], item: T) -> R:
        """`work` on this item, and on those of other calls that come meanwhile: see `Gathering`."""
        gathering = self._gatherings.get(work)
        if gathering is None:
            gathering = self._gatherings[work] = Gathering(partial(work, self))
        result: R = await gathering.add(item)
        return result
