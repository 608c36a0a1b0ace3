"""Measures understanding against labelled utterances: accuracy, per-action figures, dangerous errors, latency."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from dialer.domain.intent import Action, Reading
from dialer.understanding.ports import Question

#: Reading one of these where it was not said costs an order.
DANGEROUS = frozenset({Action.CONFIRM, Action.CANCEL})


@dataclass(frozen=True, slots=True)
class Labelled:
    """One utterance with what it means. `date` is ISO and only compared when given."""

    text: str
    question: Question
    action: Action
    date: str | None = None


@dataclass(frozen=True, slots=True)
class Miss:
    """An utterance that was read differently."""

    labelled: Labelled
    reading: Reading


@dataclass(slots=True)
class Evaluation:
    """The figures. Latencies are milliseconds per utterance, sorted."""

    total: int = 0
    right: int = 0
    dates: int = 0
    dates_right: int = 0
    confusion: Counter[tuple[Action, Action]] = field(default_factory=Counter)
    misses: list[Miss] = field(default_factory=list)
    dangerous: list[Miss] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def accuracy(self) -> float:
        """Share of actions read as labelled."""
        return self.right / self.total if self.total else 0.0

    def precision(self, action: Action) -> float | None:
        """Of the utterances read as `action`, the share that is; None if there are none."""
        read = sum(count for (_, got), count in self.confusion.items() if got is action)
        return self.confusion[action, action] / read if read else None

    def recall(self, action: Action) -> float | None:
        """Of the utterances labelled `action`, the share that was read so; None if there are none."""
        labelled = sum(count for (want, _), count in self.confusion.items() if want is action)
        return self.confusion[action, action] / labelled if labelled else None

    def percentile_ms(self, share: float) -> float:
        """The latency that `share` of the utterances do not exceed."""
        if not self.latencies_ms:
            return 0.0
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Understands(Protocol):
    """What is measured."""

    async def understand(self, text: str, question: Question) -> Reading: ...


async def evaluate(utterances: Iterable[Labelled], understanding: Understands) -> Evaluation:
    """Read every utterance, one after the other, and compare."""
    result = Evaluation()
    for labelled in utterances:
        began = time.perf_counter()
        reading = await understanding.understand(labelled.text, labelled.question)
        result.latencies_ms.append((time.perf_counter() - began) * 1000)
        _count(result, labelled, reading)
    return result


def _count(result: Evaluation, labelled: Labelled, reading: Reading) -> None:
    result.total += 1
    result.confusion[labelled.action, reading.action] += 1
    right_date = True
    if labelled.date is not None:
        right_date = reading.entities.get("date") == labelled.date
        result.dates += 1
        result.dates_right += right_date
    if reading.action is labelled.action:
        result.right += 1
    elif reading.action in DANGEROUS:
        result.dangerous.append(Miss(labelled, reading))
    if reading.action is not labelled.action or not right_date:
        result.misses.append(Miss(labelled, reading))
