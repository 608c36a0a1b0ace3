"""What analytics are named for people, on the board and in `report.html`: (Russian, English, tone)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dialer.reporting.regions import ERASED, UNKNOWN

Words = Mapping[str, tuple[str, str, str]]

SOURCES: Final[Words] = {
    "rules": ("правила", "rules", "good"),
    "llm": ("языковая модель", "language model", "blue"),
    "dtmf": ("кнопки", "keypad", "live2"),
    "none": ("не понято", "nobody", "warn"),
}
REASONS: Final[Words] = {
    "changed_mind": ("Передумал", "Changed their mind", "bad"),
    "too_expensive": ("Дорого", "Too expensive", "bad2"),
    "bought_elsewhere": ("Купил в другом месте", "Bought elsewhere", "warn"),
    "not_ordered": ("Не заказывал", "Did not order", "grey"),
    "too_long": ("Долго ждать", "Takes too long", "warn2"),
    "duplicate": ("Заказ повторный", "Ordered twice", "blue"),
    "no_reason": ("Без объяснений", "No reason given", "grey2"),
    "other": ("Другое", "Other", "live2"),
    "operator_unavailable": ("Просил оператора, линия занята", "Wanted one, none was free", "blue"),
    "too_many_turns": ("Разговор ходил по кругу", "Too many turns", "warn2"),
    "call_cap": ("Разговор слишком долгий", "Talk too long", "grey"),
    "voice_failed": ("Отказал голос бота", "The voice failed", "black"),
    "asked": ("Сам попросил", "Asked for one", "good2"),
    "unknown": ("Бот не понял", "Not understood", "warn"),
    "silence": ("Клиент молчал", "Silence", "grey"),
    "address_not_verified": ("Адрес не подтверждён", "Address not verified", "bad"),
    "date_not_verified": ("Дата не подтверждена", "Date not verified", "bad2"),
}
WEEKDAYS: Final = {
    "ru": ("Пн", "Вт", "Ср", "Чт", "Пт", "Сб", "Вс"),
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}
#: Russia's time zones by the cities that name them; others keep their own names.
CITIES: Final = {
    "Europe/Kaliningrad": "Калининград",
    "Europe/Moscow": "Москва",
    "Europe/Simferopol": "Симферополь",
    "Europe/Kirov": "Киров",
    "Europe/Volgograd": "Волгоград",
    "Europe/Astrakhan": "Астрахань",
    "Europe/Saratov": "Саратов",
    "Europe/Ulyanovsk": "Ульяновск",
    "Europe/Samara": "Самара",
    "Asia/Yekaterinburg": "Екатеринбург",
    "Asia/Omsk": "Омск",
    "Asia/Novosibirsk": "Новосибирск",
    "Asia/Barnaul": "Барнаул",
    "Asia/Tomsk": "Томск",
    "Asia/Novokuznetsk": "Новокузнецк",
    "Asia/Krasnoyarsk": "Красноярск",
    "Asia/Irkutsk": "Иркутск",
    "Asia/Chita": "Чита",
    "Asia/Yakutsk": "Якутск",
    "Asia/Vladivostok": "Владивосток",
    "Asia/Sakhalin": "Сахалин",
    "Asia/Magadan": "Магадан",
    "Asia/Srednekolymsk": "Среднеколымск",
    "Asia/Kamchatka": "Камчатка",
    "Asia/Anadyr": "Анадырь",
}
#: Why an order was not called; behind a colon the status that the shop had told.
_SKIPPED: Final = {
    "stopped": ("кампания остановлена", "campaign stopped"),
    "expired": ("последний день прошёл", "last day over"),
    "do_not_call": ("в списке «не звонить»", "on the do-not-call list"),
    "settled in the shop": ("решён в магазине", "settled in the shop"),
    "confirmed": ("подтверждён", "confirmed"),
    "paid": ("оплачен", "paid"),
    "cancelled": ("отменён", "cancelled"),
    "canceled": ("отменён", "cancelled"),
    "delivered": ("доставлен", "delivered"),
    "shipped": ("отправлен", "shipped"),
    "returned": ("возвращён", "returned"),
}
_NO_PLACES: Final = {UNKNOWN: ("мобильные, без региона", "mobile, no region"), ERASED: ("данные удалены", "erased")}


def skip_reason(reason: str, language: str) -> str:
    """Why an order was skipped; a reason that nobody translated stays as it is."""
    return ": ".join(_SKIPPED.get(part, (part, part))[language == "en"] for part in reason.split(": "))


def region_name(key: str, language: str) -> str:
    """A region as the reader says it; a time zone by its city."""
    if key in _NO_PLACES:
        return _NO_PLACES[key][language == "en"]
    city = key.rpartition("/")[2].replace("_", " ")
    return CITIES.get(key, city) if language == "ru" else city
