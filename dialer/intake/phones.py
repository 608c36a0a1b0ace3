"""Phone cells to E.164.

A cell may hold digits, spaces, `+ - ( )` and dots, and nothing else: whatever else it holds (`@`, `&`, `/`, letters)
could change the meaning of a dial string. Validity is judged by Google's numbering plan data (`phonenumbers`).
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

import phonenumbers
from phonenumbers import PhoneNumberType

from dialer.errors import InputError
from dialer.intake.cells import tidy

FIELD: Final = "phone"
#: A phone cell longer than this is not looked at any further.
MAX_CELL_CHARS: Final = 40
DEFAULT_PREFIXES: Final = ("7",)

#: Russian numbers as nearly everybody writes them: +7, 8, 7 or nothing, then ten digits, spaced at will.
_ORDINARY: Final = re.compile(r"(?:\+7|7|8)?(?:[ \-()]*[0-9]){10}")
_MARKS: Final = str.maketrans("", "", " -()")
_ALLOWED: Final = re.compile(r"[0-9 +\-().]+")
_UNICODE_DASHES: Final = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"))
_EXTENSION: Final = re.compile(r"доб|вн\b|внутр|ext|\bx\s*\d|#", re.IGNORECASE)
_SEVERAL: Final = re.compile(r"\d[\s()\-.\d]{8,}\d\s*(?:[,;/|]|или|и)\s*\+?\d", re.IGNORECASE)
_SCIENTIFIC: Final = re.compile(r"\d[.,]\d+\s*[eе]\+?\d+", re.IGNORECASE)
#: What spreadsheets and data frames make of a number column: 79161234567.0
_FLOAT_TAIL: Final = re.compile(r"(?<=\d{10})\.0+$")

_CALLABLE: Final = frozenset(
    {
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
    }
)
_TYPE_NAMES: Final = {
    PhoneNumberType.PREMIUM_RATE: "платный номер",
    PhoneNumberType.TOLL_FREE: "бесплатный номер 8-800",
    PhoneNumberType.SHARED_COST: "номер с разделённой оплатой",
    PhoneNumberType.UAN: "единый номер организации",
    PhoneNumberType.PERSONAL_NUMBER: "номер переадресации",
    PhoneNumberType.VOIP: "номер интернет-телефонии",
    PhoneNumberType.PAGER: "пейджер",
}


def parse_phone(cell: str, allowed_prefixes: tuple[str, ...] = DEFAULT_PREFIXES) -> str:
    """`8 (916) 123-45-67` and its relatives to `+79161234567`.

    `allowed_prefixes` are the country calling codes that may be dialed. Raises InputError saying what is wrong.
    """
    if len(cell) <= MAX_CELL_CHARS and _ORDINARY.fullmatch(cell) and "7" in allowed_prefixes:
        number = "+7" + cell.translate(_MARKS)[-10:]
        if _russian_mobile().fullmatch(number):
            return number  # nearly every row of an import: a third of its time
    text = tidy(cell[: MAX_CELL_CHARS * 4]).translate(_UNICODE_DASHES)
    if not text:
        raise InputError(FIELD, "номер телефона не указан")
    if len(text) > MAX_CELL_CHARS or not _ALLOWED.fullmatch(text):
        raise InputError(FIELD, _why_forbidden(text))
    return _validated(_international(_FLOAT_TAIL.sub("", text)), allowed_prefixes)


def _why_forbidden(text: str) -> str:
    """Words for a cell with anything but the allowed characters."""
    if _SCIENTIFIC.fullmatch(text):
        return "таблица превратила номер в число вида 7,9E+10: задайте столбцу текстовый формат"
    if _SEVERAL.search(text):
        return "в ячейке несколько номеров: оставьте один"
    if _EXTENSION.search(text):
        return "добавочный номер не поддерживается: укажите прямой номер"
    if not any(char.isdigit() for char in text):
        return "это не номер телефона"
    if len(text) > MAX_CELL_CHARS:
        return f"слишком длинно: номер занимает больше {MAX_CELL_CHARS} символов"
    return "допустимы только цифры, пробелы, точки и знаки + - ( )"


def _international(text: str) -> str:
    """Digits with the plus sign: Russian national forms (8..., 7..., ten digits) become +7..."""
    digits = re.sub(r"[^0-9]", "", text)
    if "+" in text.lstrip("( ")[1:] or len(digits) in (20, 21, 22):
        raise InputError(FIELD, "в ячейке несколько номеров: оставьте один")
    if text.lstrip("( ").startswith("+"):
        return f"+{digits}"
    if len(digits) == 11 and digits[0] in "78":
        return f"+7{digits[1:]}"
    if len(digits) == 10:
        return f"+7{digits}"
    if len(digits) < 10:
        raise InputError(FIELD, "слишком короткий номер: нужен полный, с кодом города или оператора")
    raise InputError(FIELD, "номер не российский: укажите его с плюсом и кодом страны")


def _validated(number: str, allowed_prefixes: tuple[str, ...]) -> str:
    """The number as E.164 if the numbering plan knows it as an ordinary subscriber's number."""
    parsed = _parsed(number)
    if str(parsed.country_code) not in allowed_prefixes:
        raise InputError(FIELD, f"звонки в страну с кодом +{parsed.country_code} не разрешены")
    kind = phonenumbers.number_type(parsed)
    if kind == PhoneNumberType.UNKNOWN:
        raise InputError(FIELD, "такого номера не бывает: проверьте код и число цифр")
    if kind not in _CALLABLE:
        raise InputError(FIELD, f"{_TYPE_NAMES.get(kind, 'служебный номер')}: на такие номера не звоним")
    e164: str = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    if e164 != number:
        raise InputError(FIELD, "такого номера не бывает: проверьте код и число цифр")
    return e164


@cache
def _russian_mobile() -> re.Pattern[str]:
    """E.164 mobile numbers of Russia, by the plan's own pattern."""
    plan: Any = phonenumbers.PhoneMetadata.metadata_for_region("RU")
    return re.compile(rf"\+7(?=9)(?:{plan.mobile.national_number_pattern})")


def _parsed(number: str) -> phonenumbers.PhoneNumber:
    """The number's parts; a Russian number needs no search for its country."""
    if number.startswith("+7") and len(number) == 12:
        return phonenumbers.PhoneNumber(country_code=7, national_number=int(number[2:]))
    try:
        return phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException as error:
        raise InputError(FIELD, "такого номера не бывает") from error
