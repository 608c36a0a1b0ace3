"""One run over a file: good orders in batches for whoever takes them, bad rows into the rejects file, all counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from dialer.domain.order import Order
from dialer.intake.reader import OrdersFile
from dialer.intake.rejects import RejectsFile
from dialer.intake.rows import Rejected

#: Few enough that reading them keeps an event loop waiting for a few milliseconds only.
BATCH_SIZE: Final = 200
#: How many bad rows the summary shows.
FIRST_REJECTS: Final = 8


@dataclass(slots=True)
class ImportTally:
    """What became of a file's rows. `reasons` counts problems by field: a row may have several.

    `past_dates`: good rows whose delivery date is over, and would be read out all the same.
    """

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    past_dates: int = 0
    rejects_file: str | None = None
    reasons: Counter[str] = field(default_factory=Counter)
    first_rejects: list[Rejected] = field(default_factory=list)

    @property
    def nothing_good(self) -> bool:
        """Whether every row was bad."""
        return self.rejected > 0 and self.accepted + self.duplicates == 0

    def as_json(self) -> dict[str, Any]:
        """The counts and where the rejects went; no row's content."""
        return {
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "rejected": self.rejected,
            "past_dates": self.past_dates,
            "rejects_file": self.rejects_file,
            "reasons": dict(self.reasons),
        }

    def note_reject(self, reject: Rejected, rejects: RejectsFile) -> None:
        """Count a bad row and write it out."""
        rejects.write(reject)
        self.rejected += 1
        self.rejects_file = str(rejects.path)
        self.reasons.update({name for name, _ in reject.problems})
        if len(self.first_rejects) < FIRST_REJECTS:
            self.first_rejects.append(reject)


def order_batches(
    file: OrdersFile, rejects: RejectsFile, tally: ImportTally, batch_size: int = BATCH_SIZE
) -> Iterator[list[Order]]:
    """The file's good orders, some at a time; bad rows are noted in passing."""
    batch: list[Order] = []
    for row in file:
        if isinstance(row, Rejected):
            tally.note_reject(row, rejects)
            continue
        batch.append(row)
        if len(batch) >= batch_size:
            yield batch
            batch = []
    if batch:
        yield batch
