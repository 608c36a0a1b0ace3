"""The rejects CSV: each bad row as it came, with its line, field and reason, ready to be mended in Excel."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from dialer.errors import InputError
from dialer.intake.cells import harmless_cell
from dialer.intake.headers import REJECT_COLUMNS
from dialer.intake.rows import Rejected


class RejectsFile:
    """Writes rejects as they come; the file is created with the first one. UTF-8 with BOM, for Excel.

    Once mended, the file can be imported as it is: its three added columns are then left out.
    """

    def __init__(self, path: Path, header: Sequence[str], delimiter: str) -> None:
        self.path = path
        self.count = 0
        base = tuple(header[:-3]) if tuple(header[-3:]) == REJECT_COLUMNS else tuple(header)
        self._header = base
        self._delimiter = delimiter
        self._file: IO[str] | None = None
        self._writer: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, reject: Rejected) -> None:
        """Append one row. Raises InputError if the file cannot be written."""
        try:
            self._open()
            self._writer.writerow([harmless_cell(cell) for cell in self._row(reject)])
        except OSError as error:
            raise InputError("rejects", f"{self.path}: файл не записывается: {error.strerror or error}") from error
        self.count += 1

    def _open(self) -> None:
        if self._file is not None:
            return
        self._file = self.path.open("w", encoding="utf-8-sig", errors="replace", newline="")
        self._writer = csv.writer(self._file, delimiter=self._delimiter)
        self._writer.writerow([harmless_cell(cell) for cell in (*self._header, *REJECT_COLUMNS)])

    def _row(self, reject: Rejected) -> list[str]:
        fields = ", ".join(dict.fromkeys(field for field, _ in reject.problems))
        reasons = "; ".join(f"{field}: {reason}" for field, reason in reject.problems)
        if len(reject.problems) == 1:
            reasons = reject.problems[0][1]
        return [*self._fitted(reject.cells), str(reject.line_number), fields, reasons]

    def _fitted(self, cells: Sequence[str]) -> list[str]:
        """The cells in as many columns as the header has: what is over is kept in the last one."""
        width = len(self._header)
        if len(cells) <= width:
            return [*cells, *[""] * (width - len(cells))]
        return [*cells[: width - 1], self._delimiter.join(cells[width - 1 :])]
