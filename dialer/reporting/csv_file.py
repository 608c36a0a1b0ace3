"""Tables for Excel: UTF-8 with BOM, semicolons, no cell that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from dialer.errors import InputError
from dialer.intake import harmless_cell
from dialer.reporting.model import OrderLine

ORDER_COLUMNS: Final = (
    "order_id",
    "phone",
    "amount",
    "state",
    "decision",
    "new_address",
    "new_delivery_date",
    "last_disposition",
    "skip_reason",
    "attempts",
    "talk_s",
    "next_attempt_at",
    "ended_at",
    "delivery",
    "recording",
    "transcript",
)
#: Excel takes a file for UTF-8 only with it.
BOM: Final = "\ufeff"


def csv_lines(rows: Iterable[Sequence[str]]) -> str:
    """Some lines of a table."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=";").writerows([harmless_cell(cell) for cell in row] for row in rows)
    return out.getvalue()


async def write_csv(path: Path, columns: Sequence[str], pages: AsyncIterator[list[list[str]]]) -> int:
    """Write a table; returns how many rows it has. Raises InputError if it cannot be written."""
    count = 0
    try:
        with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
            file.write(BOM + csv_lines([columns]))
            async for page in pages:
                file.write(csv_lines(page))
                count += len(page)
    except OSError as error:
        raise InputError("csv", f"{path}: cannot be written: {error.strerror or error}") from error
    return count


def order_cells(line: OrderLine, zone: ZoneInfo) -> list[str]:
    """An order in the order of ORDER_COLUMNS; times are local to `zone`."""
    recorded = [attempt for attempt in line.attempts if attempt.recording or attempt.transcript]
    return [
        line.order_id,
        line.phone,
        line.amount.replace(".", ","),
        line.state,
        line.decision or "",
        str(line.data.get("address") or ""),
        str(line.data.get("delivery_date") or ""),
        line.disposition or "",
        line.skip_reason or "",
        str(line.attempt_count),
        f"{sum(attempt.talk_s for attempt in line.attempts):.1f}".replace(".", ","),
        _local(line.due_at, zone),
        _local(line.ended_at, zone),
        line.delivery or "",
        (recorded[-1].recording or "") if recorded else "",
        (recorded[-1].transcript or "") if recorded else "",
    ]


def _local(moment: datetime | None, zone: ZoneInfo) -> str:
    return "" if moment is None else f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}"
