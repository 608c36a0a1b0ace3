"""Rows to orders: every field checked, every problem named. Shared by the CSV reader and by JSON callers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, Final, TypeVar

from dialer.domain.order import Order
from dialer.errors import InputError
from dialer.intake.cells import clean_text, is_empty, safe_attribute, tidy, without_guard
from dialer.intake.dates import parse_date, parse_timezone, parse_window
from dialer.intake.headers import Columns, match_columns
from dialer.intake.money import parse_amount
from dialer.intake.phones import DEFAULT_PREFIXES, parse_phone
from dialer.intake.zones import zone_of_number

MAX_ORDER_ID_CHARS: Final = 64
MAX_NAME_CHARS: Final = 100
MAX_ADDRESS_CHARS: Final = 300
MAX_SHORT_CHARS: Final = 60
#: Extra columns beyond this many are dropped; longer headers and values are cut.
MAX_ATTRIBUTES: Final = 40
MAX_ATTRIBUTE_NAME_CHARS: Final = 64
MAX_ATTRIBUTE_CHARS: Final = 500
#: How much of a bad row's cell is repeated to whoever has to mend it.
MAX_KEPT_CHARS: Final = 1000

#: (field, reason): the field's English name, the reason in Russian.
Problem = tuple[str, str]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that is no order. `line_number` is the physical line in the file (0 for JSON)."""

    line_number: int
    cells: tuple[str, ...] = field(repr=False)
    problems: tuple[Problem, ...]


ParsedRow = Order | Rejected


class RowParser:
    """Rows of one file: knows which column is which. `allowed_prefixes` are country codes that may be dialed."""

    def __init__(self, columns: Columns, allowed_prefixes: tuple[str, ...] = DEFAULT_PREFIXES) -> None:
        self._columns = columns
        self._allowed_prefixes = allowed_prefixes
        self._readers = [
            (name, columns.fields[name], read) for name, read in _READERS.items() if name in columns.fields
        ]
        named = ((index, safe_attribute(name, MAX_ATTRIBUTE_NAME_CHARS)) for index, name in columns.extra)
        self._extra = [(index, name) for index, name in named if name]

    def parse(self, line_number: int, cells: Sequence[str]) -> ParsedRow:
        """The order, or everything that is wrong with the row."""
        misshapen = self._misshapen(cells)
        if misshapen:
            return rejected(line_number, cells, [misshapen])
        problems: list[Problem] = []
        order = self._order([without_guard(cell) if cell[:1] == "'" else cell for cell in cells], problems)
        return rejected(line_number, cells, problems) if order is None else order

    def is_good_row(self, cells: Sequence[str]) -> bool:
        """Whether the cells are a complete, valid row."""
        return isinstance(self.parse(0, cells), Order)

    def _misshapen(self, cells: Sequence[str]) -> Problem | None:
        width = self._columns.width
        if len(cells) < width:
            return "row", f"ячеек {len(cells)}, а столбцов {width}: строка обрезана или пропущен разделитель"
        if any(tidy(cell) for cell in cells[width:]):
            return "row", f"ячеек {len(cells)}, а столбцов {width}: лишний разделитель, возьмите текст в кавычки"
        return None

    def _order(self, cells: Sequence[str], problems: list[Problem]) -> Order | None:
        """The order; None when there were problems, which are noted."""
        values: dict[str, Any] = {}
        try:
            values["phone"] = self._phone(cells)
        except InputError as error:
            problems.append((error.field, error.reason))
        for name, index, read in self._readers:
            try:
                values[name] = read(cells[index])
            except InputError as error:
                problems.append((error.field, error.reason))
        if problems:
            return None
        if not values.get("timezone"):
            values["timezone"] = zone_of_number(values["phone"])
        return Order(**values, attributes=_attributes((name, cells[index]) for index, name in self._extra))

    def _phone(self, cells: Sequence[str]) -> str:
        """The first phone column that is filled in."""
        for index in self._columns.phones:
            if tidy(cells[index]):
                return parse_phone(cells[index], self._allowed_prefixes)
        return parse_phone("", self._allowed_prefixes)


def rejected(line_number: int, cells: Sequence[str], problems: Sequence[Problem]) -> Rejected:
    """A reject with its cells cut to a size that can be shown."""
    return Rejected(line_number, tuple(cell[:MAX_KEPT_CHARS] for cell in cells), tuple(problems))


def order_from_mapping(
    mapping: Mapping[str, Any], *, line_number: int = 0, allowed_prefixes: tuple[str, ...] = DEFAULT_PREFIXES
) -> ParsedRow:
    """One order from JSON: the same field names, aliases and checks as in a CSV.

    Values are strings, numbers or null; unknown keys and the object `attributes` become the order's attributes.
    """
    row = {str(key): value for key, value in mapping.items() if key != "attributes"}
    extra = mapping.get("attributes")
    if isinstance(extra, Mapping):
        row.update({str(key): value for key, value in extra.items() if str(key) not in row})
    columns = match_columns(list(row))
    nested = [
        (name, "нужна строка или число")
        for index, (name, value) in enumerate(row.items())
        if not _is_scalar(value) or (isinstance(value, bool) and index in columns.fields.values())
    ]
    if extra is not None and not isinstance(extra, Mapping):
        nested.append(("attributes", "нужен объект"))
    missing = [(name, "обязательное поле не указано") for name in columns.missing]
    cells = [_cell_of(value) for value in row.values()]
    if nested or missing:
        return rejected(line_number, cells, [*missing, *nested])
    return RowParser(columns, allowed_prefixes).parse(line_number, cells)


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | bool | Decimal | date)


def _cell_of(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _order_id(cell: str) -> str:
    text = clean_text("order_id", cell, MAX_ORDER_ID_CHARS)
    if is_empty(text):
        raise InputError("order_id", "номер заказа не указан")
    if text in {".", ".."}:
        raise InputError("order_id", "это не номер заказа")
    return text


def _text(name: str, max_chars: int, cell: str) -> str | None:
    text = clean_text(name, cell, max_chars)
    return None if is_empty(text) else text


def _optional(name: str, parse: Callable[[str], T], cell: str) -> T | None:
    text = clean_text(name, cell, MAX_SHORT_CHARS)
    return None if is_empty(text) else parse(text)


def _attributes(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The filled extra columns, bounded in number and size."""
    filled = {name: text for name, cell in pairs if cell and (text := safe_attribute(cell, MAX_ATTRIBUTE_CHARS))}
    return filled if len(filled) <= MAX_ATTRIBUTES else dict(list(filled.items())[:MAX_ATTRIBUTES])


def _few(name: str, parse: Callable[[str], T]) -> Callable[[str], T | None]:
    """A reader of cells of which a file has few different ones: each is understood once."""
    return lru_cache(maxsize=1024)(partial(_optional, name, parse))


#: What reads each field but the phone, in the order in which problems are named.
_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "timezone": _few("timezone", parse_timezone),
    "order_id": _order_id,
    "amount": parse_amount,
    "customer_name": partial(_text, "customer_name", MAX_NAME_CHARS),
    "delivery_date": _few("delivery_date", parse_date),
    "delivery_window": _few("delivery_window", parse_window),
    "address": partial(_text, "address", MAX_ADDRESS_CHARS),
}
