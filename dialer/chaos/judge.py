"""The verdict, by the far sides: the PBX's call records, the customers' diary and the shop's log; never our ledger.

- doubled dial: one channel id dialed twice; two calls of one number at a time; a number rung more often than its
  orders have attempts (refusals by the trunk are not the dialer's); a number rung again after all its orders were
  acknowledged.
- lost: a customer decided and heard the bot acknowledge it, and the shop never got a decision; or the campaign is
  over, and the shop never heard of an order (unless its number has had all its calls of a day).
- doubled: the shop carried out two different changes for one order.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dialer.chaos.books import PbxBook
from dialer.domain.order import Order
from dialer.domain.outcome import STATUS_UNREACHABLE
from dialer.ledger.release import DAILY_CAP
from dialer.simulator.diary import DiaryCall, read_diary

#: Longer than any of the script's questions, shorter than its closing words (seconds of speech).
ACKNOWLEDGEMENT_S = 1.6
#: Ends are written a moment after they happen.
_OVERLAP_TOLERANCE_S = 0.5


@dataclass(slots=True)
class Verdict:
    """What the far sides saw. Every list names orders or channels, one string each."""

    calls_seen: int = 0
    decisions_made: int = 0
    patches_acknowledged: int = 0
    doubled_dials: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    #: Decisions that the shop has otherwise than the customer said: the recogniser's matter, not the ledger's.
    misheard: int = 0

    @property
    def clean(self) -> bool:
        """Nothing lost, nobody called twice."""
        return not (self.doubled_dials or self.lost or self.doubled)


def judge(
    orders: Sequence[Order], *, attempts_allowed: int, diary: Path, shop_log: Path, pbx: PbxBook, over: bool = True
) -> Verdict:
    """Read all books. `over`: the campaign has ended."""
    verdict = Verdict()
    by_number = _grouped(read_diary(diary) if diary.is_file() else [])
    shop = [json.loads(line) for line in shop_log.read_text("utf-8").splitlines()]
    orders_of: dict[str, list[Order]] = defaultdict(list)
    for order in orders:
        orders_of[order.phone.lstrip("+")].append(order)
    effects = _effects(shop, verdict)
    verdict.doubled_dials += [f"channel {channel}: dialed {n} times" for channel, n in pbx.dials.items() if n > 1]
    for number, own in orders_of.items():
        book = _Book(own, by_number.get(number, []), effects)
        book.judge(attempts_allowed, pbx.calls[number], pbx.refused[number], verdict)
        if over and pbx.calls[number] < DAILY_CAP:
            verdict.lost += [f"order {order.order_id}: the shop never heard of it" for order in book.untold()]
    return verdict


def _grouped(calls: Iterable[DiaryCall]) -> dict[str, list[DiaryCall]]:
    found: dict[str, list[DiaryCall]] = defaultdict(list)
    for call in calls:
        found[call.number.lstrip("+")].append(call)
    return found


def _effects(shop: list[dict[str, Any]], verdict: Verdict) -> dict[str, list[str]]:
    """Statuses that took effect, by order id; two for one order are a doubled decision."""
    effects: dict[str, list[str]] = defaultdict(list)
    acknowledged: set[str] = set()
    for entry in shop:
        if entry["kind"] == "effect":
            effects[entry["order_id"]].append(entry["status"])
        elif entry["method"] == "PATCH" and entry["http_status"] == 200:
            acknowledged.add(entry["order_id"])
    verdict.patches_acknowledged = len(acknowledged)
    verdict.doubled = [f"order {order}: {', '.join(found)}" for order, found in effects.items() if len(found) > 1]
    return effects


@dataclass(slots=True)
class _Book:
    """All that is known of one number."""

    orders: list[Order]
    calls: list[DiaryCall]
    effects: dict[str, list[str]]

    def judge(self, attempts_allowed: int, dialed: int, refused: int, verdict: Verdict) -> None:
        """`dialed`: the number's calls in the PBX's own book, `refused`: those of them that its trunk refused."""
        who = f"order {self.orders[0].order_id}"
        rung = max(dialed, len(self.calls))
        verdict.calls_seen += rung
        agreed = [call for call in self.calls if _acknowledged(call)]
        verdict.decisions_made += len(agreed)
        told = [status for order in self.orders for status in self.effects.get(order.order_id, [])]
        decided = [status for status in told if status != STATUS_UNREACHABLE]
        missing = min(len(agreed), len(self.orders)) - len(decided)
        if missing > 0:
            verdict.lost.append(f"{who}: acknowledged {len(agreed)}, the shop has {told}")
        verdict.misheard += sum(1 for call in agreed if _status_meant(call) not in told)
        allowed = attempts_allowed * len(self.orders) + max(refused, self._congested())
        if rung > allowed:
            verdict.doubled_dials.append(f"{who}: rung {rung} times, {allowed} allowed")
        if len(agreed) > len(self.orders):
            verdict.doubled_dials.append(f"{who}: called again after its decision")
        verdict.doubled_dials += self._overlaps(who)

    def untold(self) -> list[Order]:
        """Orders that the shop has heard nothing of."""
        return [order for order in self.orders if not self.effects.get(order.order_id)]

    def _congested(self) -> int:
        """Refusals by the trunk that the diary saw."""
        return sum(1 for call in self.calls if call.persona == "congested" and not call.answered)

    def _overlaps(self, who: str) -> list[str]:
        pairs = zip(self.calls, self.calls[1:], strict=False)
        return [
            f"{who}: two calls at a time"
            for first, second in pairs
            if (first.ended_at or float("inf")) > second.began_at + _OVERLAP_TOLERANCE_S
        ]


def _acknowledged(call: DiaryCall) -> bool:
    return bool(call.said) and call.heard_after_s >= ACKNOWLEDGEMENT_S


def _status_meant(call: DiaryCall) -> str:
    return "cancelled" if call.persona == "cancels" else "confirmed"
