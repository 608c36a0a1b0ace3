"""A CSV file of orders: finds its encoding, delimiter and header, then yields orders and explained rejects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, Final

from dialer.errors import InputError
from dialer.intake.cells import safe_attribute, tidy
from dialer.intake.headers import REQUIRED, Columns, match_columns
from dialer.intake.lines import Line, open_lines
from dialer.intake.phones import DEFAULT_PREFIXES
from dialer.intake.records import Record, RecordReader, split_cells
from dialer.intake.rows import ParsedRow, RowParser, rejected

DELIMITERS: Final = (";", ",", "\t", "|")
#: A header may follow a title; it is looked for in this many lines.
HEADER_SEARCH_LINES: Final = 30
#: A header cell may contain line breaks; a header spans at most this many lines.
MAX_HEADER_LINES: Final = 6
_MAX_COLUMNS: Final = 500
_SEP_LINE: Final = re.compile(r"sep=(.)", re.IGNORECASE)
_NEEDED: Final = "номер заказа (order_id), телефон (phone), сумма (amount)"


@dataclass(frozen=True, slots=True)
class Header:
    """Where the header was found and what it says; `line_count` lines of the file are used up by it."""

    cells: tuple[str, ...]
    delimiter: str
    columns: Columns
    line_count: int


class OrdersFile:
    """An opened CSV of orders. Iterate once; rows stream, memory stays flat.

    `stream` is binary and is not closed. Raises InputError at once if the file is empty, is not text, or lacks a
    required column; iterating raises it only if the stream itself cannot be read.
    """

    def __init__(self, stream: BinaryIO, *, allowed_prefixes: tuple[str, ...] = DEFAULT_PREFIXES) -> None:
        self.encoding, lines = open_lines(stream)
        first = list(islice(lines, HEADER_SEARCH_LINES + MAX_HEADER_LINES))
        header = find_header(first)
        self.header = header.cells
        self.delimiter = header.delimiter
        self._rows = RowParser(header.columns, allowed_prefixes)
        self._records = RecordReader(chain(first[header.line_count :], lines), header.delimiter, self._rows.is_good_row)

    def __iter__(self) -> Iterator[ParsedRow]:
        for record in self._records:
            if record.problem is not None:
                yield rejected(record.line_number, record.cells, [("row", record.problem)])
            elif not _is_blank(record):
                yield self._rows.parse(record.line_number, record.cells)


def read_orders(
    source: Path | BinaryIO, *, allowed_prefixes: tuple[str, ...] = DEFAULT_PREFIXES
) -> Iterator[ParsedRow]:
    """Orders and rejects of a CSV file or binary stream, in the file's order. Raises InputError as OrdersFile does."""
    if not isinstance(source, Path):
        yield from OrdersFile(source, allowed_prefixes=allowed_prefixes)
        return
    with open_file(source) as stream:
        yield from OrdersFile(stream, allowed_prefixes=allowed_prefixes)


def open_file(path: Path) -> BinaryIO:
    """The file for reading. Raises InputError if it cannot be opened."""
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError("file", f"{path}: файл не открывается: {error.strerror or error}") from error


def find_header(lines: Sequence[Line]) -> Header:
    """The first line that names all required columns, and the delimiter with which it names the most columns.

    Raises InputError saying which columns were found and which are needed.
    """
    preferred = _SEP_LINE.fullmatch(tidy(lines[0].text)) if lines else None
    delimiters = (preferred[1],) if preferred else DELIMITERS
    best: Header | None = None
    for index in range(min(len(lines), HEADER_SEARCH_LINES)):
        found = max((_header_at(lines, index, mark) for mark in delimiters), key=_worth)
        if not found.columns.missing:
            return found
        if best is None or _worth(found) > _worth(best):
            best = found
    raise _no_header(best)


def _header_at(lines: Sequence[Line], index: int, delimiter: str) -> Header:
    """The record that starts at a line, read as a header."""
    end = index + 1
    text = lines[index].text
    split = split_cells(text, delimiter)
    while split.is_open and end < len(lines) and end - index < MAX_HEADER_LINES:
        text = f"{text}\n{lines[end].text}"
        end += 1
        split = split_cells(text, delimiter)
    if split.is_open:
        end, split = index + 1, split_cells(lines[index].text, delimiter)
    cells = tuple(_without_trailing_blanks([tidy(cell) for cell in split.cells[:_MAX_COLUMNS]]))
    return Header(cells, delimiter, match_columns(cells), end)


def _worth(header: Header) -> tuple[int, int, int]:
    """More required columns, then more known columns, then more columns at all."""
    known = header.columns.fields
    return len(REQUIRED) - len(header.columns.missing), len(known), len(header.cells)


def _without_trailing_blanks(cells: list[str]) -> list[str]:
    while len(cells) > 1 and not cells[-1]:
        cells.pop()
    return cells


def _no_header(best: Header | None) -> InputError:
    if best is None or not any(best.cells):
        return InputError("header", f"нет строки заголовка; нужны столбцы: {_NEEDED}")
    found = ", ".join(f"«{safe_attribute(cell, 40)}»" for cell in best.cells[:30] if cell)
    absent = ", ".join(best.columns.missing)
    return InputError("header", f"не найдены столбцы: {absent}; в файле есть: {found}; нужны: {_NEEDED}")


def _is_blank(record: Record) -> bool:
    return not any(tidy(cell) for cell in record.cells)
