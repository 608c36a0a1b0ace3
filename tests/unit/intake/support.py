"""Files for intake tests: text to bytes to rows."""

from __future__ import annotations

import io
from pathlib import Path

from dialer.domain.order import Order
from dialer.intake import OrdersFile, ParsedRow, Rejected

DATA = Path(__file__).parents[2] / "data" / "csv"
HEADER = "Номер заказа;Телефон;Сумма;Имя;Дата доставки;Интервал;Адрес;Комментарий"


def good_line(number: int, name: str = "Анна Ёлкина") -> str:
    """A valid line whose quoted cells hold delimiters and quotes."""
    address = f'"Казань; улица ""Мира"", {number}"' if number % 3 == 0 else f"Омск, дом {number}"
    return f"{number};+7 916 {number % 1000:03d}-45-67;3 200,00;{name};25.11.2026;10:00-14:00;{address};звонить"


def file_of(*lines: str, header: str = HEADER, encoding: str = "utf-8", newline: str = "\r\n") -> bytes:
    return "".join(line + newline for line in (header, *lines)).encode(encoding)


def rows_of(data: bytes) -> list[ParsedRow]:
    return list(OrdersFile(io.BytesIO(data)))


def orders_of(data: bytes) -> list[Order]:
    return [row for row in rows_of(data) if isinstance(row, Order)]


def rejects_of(data: bytes) -> list[Rejected]:
    return [row for row in rows_of(data) if isinstance(row, Rejected)]


def problems_of(data: bytes) -> list[tuple[int, list[str]]]:
    """(line, fields) of each reject."""
    return [(reject.line_number, [field for field, _ in reject.problems]) for reject in rejects_of(data)]
