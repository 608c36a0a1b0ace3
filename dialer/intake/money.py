"""Amount cells to roubles."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from dialer.errors import InputError
from dialer.intake.cells import tidy

FIELD: Final = "amount"
MAX_AMOUNT: Final = Decimal(10_000_000)
MAX_CELL_CHARS: Final = 40
_KOPECK: Final = Decimal("0.01")

_CURRENCY: Final = re.compile(r"\s*(?:₽|руб(?:\.|лей|ля|ль)?|р\.?|rub\.?|rur\.?)$", re.IGNORECASE)
_SHAPE: Final = re.compile(r"-?[0-9][0-9 .,']*")
#: Groups of three after the first: 3 200, 1,234,567
_GROUPED: Final = re.compile(r"[0-9]{1,3}(?:([ .,'])[0-9]{3})(?:\1[0-9]{3})*")
#: More decimals than kopecks have, but no information in them: 3200.0000
_ZEROS_TAIL: Final = re.compile(r"(?:(?<=[0-9]{4}[.,][0-9]{2})0|(?<=[.,][0-9]{2})00+)$")


#: Nearly every cell: needs no further thought, and is below the largest amount.
_ORDINARY: Final = re.compile(r"[1-9][0-9]{0,6}(?:[.,][0-9]{2})?")


def parse_amount(cell: str) -> Decimal:
    """`3 200,00`, `3200.00`, `3 200 ₽`, `1,234.56` to Decimal with two decimals at most.

    Raises InputError for what is not an amount, is negative, zero or above ten million, or can be read in two ways
    (`3,200`: the bot would name a sum a thousand times too large or too small).
    """
    if _ORDINARY.fullmatch(cell):
        return Decimal(cell.replace(",", ".")).quantize(_KOPECK)
    text = tidy(cell[: MAX_CELL_CHARS * 4])
    if not text:
        raise InputError(FIELD, "сумма не указана")
    bare = _CURRENCY.sub("", text.replace("\u2212", "-")).strip()
    if len(bare) > MAX_CELL_CHARS or not _SHAPE.fullmatch(bare):
        raise InputError(FIELD, "это не сумма: нужно число вида 3200,00 или 3 200 ₽")
    if bare.startswith("-"):
        raise InputError(FIELD, "сумма не может быть отрицательной")
    return _within_limits(Decimal(_plain(bare)))


def _plain(text: str) -> str:
    """The number with its thousands separators removed and a dot before the kopecks."""
    whole, point, fraction = _split(_ZEROS_TAIL.sub("", text))
    if len(fraction) > 2 or not fraction.isascii() or (point and not fraction.isdigit()):
        raise InputError(FIELD, "копеек должно быть не больше двух знаков")
    if not whole.isdigit() and not _GROUPED.fullmatch(whole):
        raise InputError(FIELD, "это не сумма: разряды отделены неправильно")
    return f"{re.sub(r'[^0-9]', '', whole)}.{fraction or '0'}"


def _split(text: str) -> tuple[str, str, str]:
    """Whole part, decimal point, fraction; raises where the point could as well separate thousands."""
    last = max(text.rfind(","), text.rfind("."))
    if last < 0:
        return text, "", ""
    whole, point, fraction = text[:last], text[last], text[last + 1 :]
    if point in whole:
        return text, "", ""
    grouped_otherwise = any(mark in whole for mark in " ,.'")
    if len(fraction) == 3 and len(whole) <= 3 and not grouped_otherwise:
        raise InputError(
            FIELD, f"непонятно, тысячи это или доли рубля: напишите {whole}{fraction} или {whole}{point}00"
        )
    return whole, point, fraction


def _within_limits(amount: Decimal) -> Decimal:
    if amount == 0:
        raise InputError(FIELD, "сумма равна нулю")
    if amount > MAX_AMOUNT:
        raise InputError(FIELD, f"сумма больше допустимых {MAX_AMOUNT:,} ₽".replace(",", " "))
    return amount.quantize(_KOPECK)
