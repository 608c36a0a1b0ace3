"""Physical lines to records (rows of cells), by RFC 4180 with the habits of real exports.

A quote that is never closed would swallow the rest of the file: a record is therefore taken over several lines only
if its quotes close within bounds and none of the swallowed lines is a good row by itself; else each line counts alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from dialer.intake.lines import Line

MAX_RECORD_LINES: Final = 40
MAX_RECORD_CHARS: Final = 1 << 16
_QUOTE: Final = '"'


class Record(NamedTuple):
    """One row: its first physical line, its cells, and what is wrong with its form (None if nothing)."""

    line_number: int
    cells: list[str]
    problem: str | None = None


class Split(NamedTuple):
    """Cells of a text; `is_open` when a quote is not closed, `is_odd` when text follows a closing quote."""

    cells: list[str]
    is_open: bool = False
    is_odd: bool = False


def split_cells(text: str, delimiter: str) -> Split:
    """Split one record. A quoted cell that goes on behind its closing quote (`"Ромашка" ООО`) is taken literally."""
    if _QUOTE not in text:
        return Split(text.split(delimiter))
    cells: list[str] = []
    is_odd = False
    start = 0
    while True:
        cell, end, state = _next_cell(text, start, delimiter)
        cells.append(cell)
        if state == "open":
            return Split(cells, is_open=True, is_odd=is_odd)
        is_odd = is_odd or state == "odd"
        if end >= len(text):
            return Split(cells, is_odd=is_odd)
        start = end + 1


def _next_cell(text: str, start: int, delimiter: str) -> tuple[str, int, str]:
    """The cell at `start`, the index of the delimiter behind it (or the text's length), and ok | odd | open."""
    first = start
    while text[first : first + 1] == " ":
        first += 1
    if text[first : first + 1] != _QUOTE:
        return _bare_cell(text, start, delimiter, "ok")
    end = _closing_quote(text, first + 1)
    if end < 0:
        return text[start:], len(text), "open"
    after = end + 1
    while text[after : after + 1] == " " and delimiter != " ":
        after += 1
    if after < len(text) and text[after] != delimiter:
        return _bare_cell(text, start, delimiter, "odd")
    return text[first + 1 : end].replace('""', _QUOTE), after, "ok"


def _bare_cell(text: str, start: int, delimiter: str, state: str) -> tuple[str, int, str]:
    end = text.find(delimiter, start)
    end = len(text) if end < 0 else end
    return text[start:end], end, state


def _closing_quote(text: str, start: int) -> int:
    """Index of the quote that closes a cell (doubled quotes are content), or -1."""
    while (found := text.find(_QUOTE, start)) >= 0:
        if text[found + 1 : found + 2] != _QUOTE:
            return found
        start = found + 2
    return -1


class RecordReader:
    """Iterates over records. `is_good_row` tells whether cells are a complete, valid row."""

    def __init__(self, lines: Iterator[Line], delimiter: str, is_good_row: Callable[[list[str]], bool]) -> None:
        self._lines = lines
        self._delimiter = delimiter
        self._is_good_row = is_good_row
        self._again: deque[Line] = deque()

    def __iter__(self) -> Iterator[Record]:
        while (line := self._next_line()) is not None:
            yield self._record(line)

    def _next_line(self) -> Line | None:
        return self._again.popleft() if self._again else next(self._lines, None)

    def _record(self, line: Line) -> Record:
        if line.too_long:
            return Record(line.number, [line.text], "строка слишком длинная, она пропущена")
        split = split_cells(line.text, self._delimiter)
        if not split.is_open:
            return Record(line.number, split.cells)
        return self._over_several_lines(line) or Record(
            line.number, line.text.split(self._delimiter), "кавычка открыта и не закрыта"
        )

    def _over_several_lines(self, first: Line) -> Record | None:
        """The record that starts at `first` if it closes properly; else None, and the lines are read again."""
        swallowed: list[Line] = []
        text = first.text
        while len(swallowed) < MAX_RECORD_LINES and len(text) < MAX_RECORD_CHARS:
            line = self._next_line()
            if line is None:
                break
            swallowed.append(line)
            if line.too_long:
                break
            text = f"{text}\n{line.text}"
            if _QUOTE not in line.text:
                continue
            split = split_cells(text, self._delimiter)
            if split.is_open:
                continue
            if split.is_odd or self._holds_good_row(swallowed):
                break
            return Record(first.number, split.cells)
        self._again.extendleft(reversed(swallowed))
        return None

    def _holds_good_row(self, lines: list[Line]) -> bool:
        return any(self._is_good_row(split_cells(line.text, self._delimiter).cells) for line in lines)
