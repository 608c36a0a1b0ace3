"""Header names to fields: Russian and English aliases, compared without case, spaces, punctuation and ё."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

REQUIRED: Final = ("order_id", "phone", "amount")
#: Columns that a rejects file adds; they are not data when such a file comes back corrected.
REJECT_COLUMNS: Final = ("line", "field", "reason")

#: Field -> aliases, the more telling first: of two columns that fit, the earlier alias wins.
ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "order_id": (
        "order_id",
        "номер заказа",
        "№ заказа",
        "N заказа",
        "заказ №",
        "заказ номер",
        "код заказа",
        "id заказа",
        "ид заказа",
        "заказ",
        "order number",
        "order no",
        "order №",
        "order code",
        "order",
        "номер",
        "number",
        "id",
    ),
    "phone": (
        "phone",
        "телефон",
        "номер телефона",
        "телефон клиента",
        "телефон покупателя",
        "телефон получателя",
        "контактный телефон",
        "мобильный телефон",
        "моб телефон",
        "моб тел",
        "мобильный",
        "сотовый",
        "сотовый телефон",
        "тел",
        "phone number",
        "customer phone",
        "client phone",
        "mobile",
        "mobile phone",
        "tel",
        "telephone",
    ),
    "amount": (
        "amount",
        "total",
        "сумма",
        "сумма заказа",
        "сумма к оплате",
        "итого",
        "итого к оплате",
        "к оплате",
        "итоговая сумма",
        "стоимость заказа",
        "стоимость",
        "order amount",
        "order total",
        "total amount",
        "total price",
        "sum",
    ),
    "customer_name": (
        "customer_name",
        "имя клиента",
        "имя покупателя",
        "имя получателя",
        "имя",
        "фио",
        "фио клиента",
        "фио покупателя",
        "фио получателя",
        "клиент",
        "покупатель",
        "получатель",
        "заказчик",
        "customer",
        "client name",
        "client",
        "full name",
        "first name",
        "name",
    ),
    "delivery_date": (
        "delivery_date",
        "дата доставки",
        "день доставки",
        "доставка дата",
        "дата",
        "delivery day",
        "date",
    ),
    "delivery_window": (
        "delivery_window",
        "delivery_time_window",
        "интервал доставки",
        "время доставки",
        "окно доставки",
        "интервал",
        "окно",
        "время",
        "delivery time",
        "delivery interval",
        "delivery slot",
        "time window",
        "window",
    ),
    "address": (
        "address",
        "адрес доставки",
        "адрес",
        "адрес клиента",
        "адрес покупателя",
        "адрес получателя",
        "delivery address",
        "shipping address",
    ),
    "timezone": ("timezone", "часовой пояс", "пояс", "time zone", "tz"),
}

#: Required fields by a word in the header, where no alias fits and exactly one column does ("Сумма со скидкой, руб.").
_KEYWORDS: Final[dict[str, re.Pattern[str]]] = {
    "order_id": re.compile(r"\bзаказ|\border\b", re.IGNORECASE),
    "phone": re.compile(r"телефон|\bтел\b|\bмоб|phone|\bmobile\b", re.IGNORECASE),
    "amount": re.compile(r"\bсумм|\bитог|\btotal\b|\bamount\b", re.IGNORECASE),
}
_OTHER_THAN_ID: Final = re.compile(
    r"дат|сумм|итог|стат|телеф|адрес|состав|date|amount|total|status|phone", re.IGNORECASE
)
_UNITS: Final = re.compile(r"[(\[].*?[)\]]|[,\s]+(?:руб\w*|р|rub|rur|₽)\.?\s*$|₽", re.IGNORECASE)


def normalised(header: str) -> str:
    """A header's comparable form: `№ Заказа: ` and `no_заказа` are the same; units and brackets do not count."""
    folded = unicodedata.normalize("NFKC", header).casefold().replace("ё", "е")
    return "".join(char for char in folded if char.isalnum())


_FIELD_BY_ALIAS: Final = {
    normalised(alias): (field, rank) for field, aliases in ALIASES.items() for rank, alias in enumerate(aliases)
}


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column holds which field, by index; `phones` in order of preference; `extra` are (index, header)."""

    fields: dict[str, int]
    phones: tuple[int, ...]
    extra: tuple[tuple[int, str], ...]
    width: int

    @property
    def missing(self) -> tuple[str, ...]:
        """Required fields without a column."""
        return tuple(field for field in REQUIRED if field not in self.fields)


def match_columns(headers: Sequence[str]) -> Columns:
    """Give every field its best column; all others are extra columns."""
    candidates = _by_alias(headers)
    for field in REQUIRED:
        if field not in candidates:
            taken = {index for ranked in candidates.values() for _, index in ranked}
            candidates.update(_by_keyword(field, headers, taken))
    fields = {field: min(ranked)[1] for field, ranked in candidates.items()}
    used = set(fields.values()) | _added_by_rejects(headers)
    return Columns(
        fields=fields,
        phones=tuple(index for _, index in sorted(candidates.get("phone", []))),
        extra=tuple((index, " ".join(name.split())) for index, name in enumerate(headers) if index not in used),
        width=len(headers),
    )


def _by_alias(headers: Sequence[str]) -> dict[str, list[tuple[int, int]]]:
    """Field -> [(alias rank, column)]."""
    found: dict[str, list[tuple[int, int]]] = {}
    for index, header in enumerate(headers):
        match = _FIELD_BY_ALIAS.get(normalised(header)) or _FIELD_BY_ALIAS.get(normalised(_UNITS.sub(" ", header)))
        if match:
            found.setdefault(match[0], []).append((match[1], index))
    return found


def _by_keyword(field: str, headers: Sequence[str], taken: set[int]) -> dict[str, list[tuple[int, int]]]:
    fitting = [
        index
        for index, header in enumerate(headers)
        if index not in taken
        and _KEYWORDS[field].search(header.replace("_", " "))
        and not (field == "order_id" and _OTHER_THAN_ID.search(header))
    ]
    return {field: [(0, fitting[0])]} if len(fitting) == 1 else {}


def _added_by_rejects(headers: Sequence[str]) -> set[int]:
    """Columns of a rejects file that comes back: the last three, if they are exactly those."""
    if tuple(header.strip() for header in headers[-3:]) != REJECT_COLUMNS:
        return set()
    return set(range(len(headers) - 3, len(headers)))
