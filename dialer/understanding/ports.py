"""What a conversation needs of understanding."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from dialer.domain.intent import Expect, Reading


@dataclass(frozen=True, slots=True)
class Question:
    """What the customer is answering: the kind of question, its words, and the day on which it was asked.

    `order` is what a language model may know of the order (number, amount, delivery date, address): data, for
    context only. `pending_address` is the address being verified, so that a correction can be applied to it.
    """

    expect: Expect
    today: date
    asked: str = ""
    order: dict[str, str] | None = None
    pending_address: str | None = None


class Understanding(Protocol):
    """Text to action."""

    def by_rules(self, text: str, question: Question) -> Reading | None:
        """What the rules settle, in microseconds; None where they leave it open. Never raises."""
        ...

    async def understand(self, text: str, question: Question) -> Reading:
        """Rules, then the language model if one is configured.

        Never raises for a provider's failure: the reading is then UNKNOWN with source NONE.
        """
        ...
