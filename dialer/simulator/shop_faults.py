"""Faults of the simulated shop: seeded rates, or a script of exact faults for the next requests."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

_KINDS: Final = ("status", "hang", "drop", "drop_after", "late")
#: Those that hit the answer of a change that was carried out.
_AFTER: Final = ("drop_after", "late")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. Kinds: `status` (an error answer), `hang` (no answer for `hang_s`), `drop` (connection aborted
    before anything is done), `drop_after` (the change is carried out, but the answer is lost), `late` (it is carried
    out, and answered after `hang_s`)."""

    kind: str
    status: int = 500
    retry_after_s: float | None = None
    hang_s: float = 60.0

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise ValueError(f"fault kind {self.kind!r} is none of {', '.join(_KINDS)}")


@dataclass(slots=True)
class FaultPlan:
    """Which requests fail. `next` is used up first; then the rates (0..1, their sum at most 1) decide by `seed`.

    `only_order` narrows the rates to one order: its deliveries fail for ever while the others pass.
    """

    seed: int = 0
    error_rate: float = 0.0
    busy_rate: float = 0.0
    hang_rate: float = 0.0
    drop_rate: float = 0.0
    drop_after_rate: float = 0.0
    late_rate: float = 0.0
    retry_after_s: float = 1.0
    hang_s: float = 60.0
    only_order: str | None = None
    next: deque[Fault] = field(default_factory=deque)
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        before = (self.error_rate, self.busy_rate, self.hang_rate, self.drop_rate)
        rates = (*before, self.drop_after_rate, self.late_rate)
        if min(rates) < 0 or sum(rates) > 1:
            raise ValueError("fault rates must be between 0 and 1, their sum at most 1")

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> FaultPlan:
        """From the control endpoint: the fields by name, `next` as a list of Fault objects.

        Raises TypeError or ValueError.
        """
        fields = dict(body)
        faults = deque(Fault(**fault) for fault in fields.pop("next", []))
        return cls(**fields, next=faults)

    def before_effect(self, order_id: str) -> Fault | None:
        """The fault that hits a request before anything is done."""
        if self.next:
            return None if self.next[0].kind in _AFTER else self.next.popleft()
        if self.only_order is not None and order_id != self.only_order:
            return None
        draw = self._random.random()
        for rate, fault in (
            (self.error_rate, Fault("status", 500)),
            (self.busy_rate, Fault("status", 429, retry_after_s=self.retry_after_s)),
            (self.hang_rate, Fault("hang", hang_s=self.hang_s)),
            (self.drop_rate, Fault("drop")),
        ):
            if draw < rate:
                return fault
            draw -= rate
        return None

    def after_effect(self) -> Fault | None:
        """The fault that hits the answer of a change that was carried out."""
        if self.next and self.next[0].kind in _AFTER:
            return self.next.popleft()
        draw = self._random.random()
        if draw < self.drop_after_rate:
            return Fault("drop_after")
        return Fault("late", hang_s=self.hang_s) if draw < self.drop_after_rate + self.late_rate else None
