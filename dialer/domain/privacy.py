"""Phone numbers as they may be shown, and what stands in their place once a customer has asked to be forgotten."""

from __future__ import annotations

from typing import Final

#: +999 is reserved by the ITU and assigned to nobody (E.164 annex D): no trunk can dial it.
ERASED_PREFIX: Final = "+999"


def tombstone(order_pk: int) -> str:
    """The number of an erased order: valid in form, of that order alone, and never dialed."""
    return f"{ERASED_PREFIX}{order_pk:012d}"


def is_erased(phone: str) -> bool:
    """Whether the number is a tombstone."""
    return phone.startswith(ERASED_PREFIX)


def mask_phone(phone: str) -> str:
    """`+79161234567` to `+7 916 ***-**-67`: enough to recognise, too little to call."""
    if is_erased(phone):
        return "***"
    return f"{phone[:2]} {phone[2:5]} ***-**-{phone[-2:]}" if len(phone) >= 10 else "***"
