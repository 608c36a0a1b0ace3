"""Orders: what the shop hands over, and the states an order goes through."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum


class OrderState(StrEnum):
    """Where an order stands. Imported orders are always in exactly one of these."""

    #: Imported; no attempt has been released yet.
    NEW = "new"
    #: An attempt is written and published; no worker has claimed it yet.
    QUEUED = "queued"
    #: A worker has claimed the attempt and is dialing.
    DIALING = "dialing"
    #: The customer answered; the conversation runs.
    TALKING = "talking"
    #: The last attempt failed; the next is due at `due_at`.
    WAITING = "waiting"
    #: The customer's decision is known (final).
    DECIDED = "decided"
    #: All attempts were used up, or the number is invalid (final).
    UNREACHABLE = "unreachable"
    #: Not called: settled meanwhile in the shop, on the do-not-call list, or the campaign was stopped (final).
    SKIPPED = "skipped"


#: States in which an order occupies a line (and its phone number must not be dialed by anyone else).
LIVE_STATES = frozenset({OrderState.QUEUED, OrderState.DIALING, OrderState.TALKING})
#: States that an order never leaves.
FINAL_STATES = frozenset({OrderState.DECIDED, OrderState.UNREACHABLE, OrderState.SKIPPED})


@dataclass(frozen=True, slots=True)
class Order:
    """One order as the shop described it.

    `phone` is E.164 with the plus sign. `amount` is in roubles. `delivery_window` is text as the shop wrote
    it ("10:00-14:00"). `attributes` holds the CSV's extra columns for the script.
    """

    order_id: str
    phone: str
    amount: Decimal
    customer_name: str | None = None
    delivery_date: date | None = None
    delivery_window: str | None = None
    address: str | None = None
    timezone: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)
