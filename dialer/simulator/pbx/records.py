"""The far side's own record of calls: the judge of whether anybody was called twice."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

#: Columns of the CSV file. `event` is `dial` or `end`; times are ISO 8601 in UTC, empty when they did not happen.
COLUMNS = ("event", "channel_id", "number", "dialed_at", "answered_at", "ended_at", "cause")


@dataclass(slots=True)
class CallRecord:
    """One call that reached the far side. `number` is digits without the plus sign, `cause` is Q.850."""

    channel_id: str
    number: str
    dialed_at: datetime
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    cause: int | None = None


class CallLog:
    """All calls since the start, in dialing order; each dial and each end is also appended to the file."""

    def __init__(self, path: Path | None = None) -> None:
        self.calls: list[CallRecord] = []
        self._file: TextIO | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = not path.exists() or path.stat().st_size == 0
            self._file = path.open("a", encoding="utf-8", newline="")
            if fresh:
                self._write(COLUMNS)

    def dialed(self, record: CallRecord) -> None:
        """Note a dial."""
        self.calls.append(record)
        self._append("dial", record)

    def ended(self, record: CallRecord) -> None:
        """Note a call's end (its fields are set by then)."""
        self._append("end", record)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _append(self, event: str, record: CallRecord) -> None:
        moments = (record.dialed_at, record.answered_at, record.ended_at)
        times = [moment.isoformat(timespec="milliseconds") if moment else "" for moment in moments]
        cause = "" if record.cause is None else str(record.cause)
        self._write((event, record.channel_id, record.number, *times, cause))

    def _write(self, row: tuple[str, ...]) -> None:
        if self._file is None:
            return
        line = io.StringIO()
        csv.writer(line).writerow(row)
        self._file.write(line.getvalue())
        self._file.flush()


def read_calls(path: Path) -> list[CallRecord]:
    """The calls that a CallLog wrote to `path`; calls that have not ended come with their dial only."""
    calls: dict[str, list[CallRecord]] = {}
    order: list[CallRecord] = []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            record = CallRecord(
                channel_id=row["channel_id"],
                number=row["number"],
                dialed_at=datetime.fromisoformat(row["dialed_at"]),
                answered_at=_moment(row["answered_at"]),
                ended_at=_moment(row["ended_at"]),
                cause=int(row["cause"]) if row["cause"] else None,
            )
            if row["event"] == "dial":
                order.append(record)
                calls.setdefault(record.channel_id, []).append(record)
                continue
            dialed = calls[record.channel_id][-1]
            dialed.answered_at, dialed.ended_at, dialed.cause = record.answered_at, record.ended_at, record.cause
    return order


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
