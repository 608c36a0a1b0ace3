"""Delivery dates, delivery windows and time zones as people write them."""

from __future__ import annotations

import re
from datetime import date, time
from functools import lru_cache
from typing import Final
from zoneinfo import available_timezones

from dialer.errors import InputError

MIN_YEAR: Final = 2000
MAX_YEAR: Final = 2099

_MONTHS: Final = ("янв", "фев", "мар", "апр", "ма", "июн", "июл", "авг", "сен", "окт", "ноя", "дек")
_MONTH_WORD: Final = re.compile(
    r"(?:янв(?:ар[ья])?|фев(?:р(?:ал[ья])?)?|март?а?|апр(?:ел[ья])?|ма[йя]|июн[ья]?|июл[ья]?|авг(?:уста?)?"
    r"|сент?(?:ябр[ья])?|окт(?:ябр[ья])?|ноя(?:б(?:р[ья])?)?|дек(?:абр[ья])?)\.?",
    re.IGNORECASE,
)
#: An optional time of day behind the date, as 1C and data frames export it; it is dropped.
_CLOCK_TAIL: Final = r"(?:[T ][0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
_ISO: Final = re.compile(rf"([0-9]{{4}})[-./]([0-9]{{1,2}})[-./]([0-9]{{1,2}}){_CLOCK_TAIL}")
_RUSSIAN: Final = re.compile(rf"([0-9]{{1,2}})([./-])([0-9]{{1,2}})\2([0-9]{{4}}|[0-9]{{2}}){_CLOCK_TAIL}(?: ?г\.?)?")
_WORDS: Final = re.compile(r"([0-9]{1,2}) ([а-я]+\.?) ([0-9]{4})(?: ?(?:г\.?|год[а]?))?", re.IGNORECASE)

_HOUR: Final = r"([0-9]{1,2})(?:[:.]([0-9]{2}))?(?: ?(?:ч\.?|час(?:ов|а)?))?"
_WINDOW: Final = re.compile(rf"(?:c |с |from )?{_HOUR} ?(?:-|до|по|to) ?{_HOUR}", re.IGNORECASE)
_DASHES: Final = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"))

#: Russian zones by hours ahead of UTC (since October 2016), for cells like "МСК+2" and "UTC+5".
_BY_UTC_HOURS: Final = {
    2: "Europe/Kaliningrad",
    3: "Europe/Moscow",
    4: "Europe/Samara",
    5: "Asia/Yekaterinburg",
    6: "Asia/Omsk",
    7: "Asia/Krasnoyarsk",
    8: "Asia/Irkutsk",
    9: "Asia/Yakutsk",
    10: "Asia/Vladivostok",
    11: "Asia/Magadan",
    12: "Asia/Kamchatka",
}
_OFFSET: Final = re.compile(r"(мск|msk|utc|gmt)? ?([+-]) ?0?([0-9]{1,2})(?::?00)?", re.IGNORECASE)


def parse_date(text: str) -> date:
    """`25.11.2026`, `25/11/2026`, `25.11.26`, `2026-11-25`, `25 ноября 2026` (day first, always) to a date.

    Raises InputError; a date that does not exist is refused, not moved.
    """
    year, month, day = _date_parts(text)
    if not MIN_YEAR <= year <= MAX_YEAR:
        raise InputError("delivery_date", f"год {year} вне допустимых {MIN_YEAR}–{MAX_YEAR}")
    try:
        return date(year, month, day)
    except ValueError as error:
        raise InputError("delivery_date", "такой даты нет в календаре (порядок: день, месяц, год)") from error


def _date_parts(text: str) -> tuple[int, int, int]:
    if iso := _ISO.fullmatch(text):
        return int(iso[1]), int(iso[2]), int(iso[3])
    if russian := _RUSSIAN.fullmatch(text):
        year = int(russian[4])
        return (year if year > 99 else 2000 + year), int(russian[3]), int(russian[1])
    if (words := _WORDS.fullmatch(text)) and _MONTH_WORD.fullmatch(words[2]):
        return int(words[3]), _month(words[2]), int(words[1])
    raise InputError("delivery_date", "это не дата: нужна вида 25.11.2026 или 2026-11-25")


def _month(word: str) -> int:
    """Number of a month by its first letters ("ма" comes last to be asked for: "мар" begins with it)."""
    lowered = word.lower()
    long_enough = next((n for n, start in enumerate(_MONTHS, 1) if len(start) == 3 and lowered.startswith(start)), None)
    return long_enough or _MONTHS.index("ма") + 1


def parse_window(text: str) -> str:
    """`10:00-14:00`, `с 10 до 14`, `10-14` to `10:00-14:00`; midnight may end a window (`20:00-00:00`).

    Raises InputError for anything else: the bot reads the window out loud and must not guess.
    """
    found = _WINDOW.fullmatch(text.translate(_DASHES).replace("- ", "-").replace(" -", "-"))
    if not found:
        raise InputError("delivery_window", "это не интервал: нужен вида 10:00-14:00")
    start, end = _clock(found[1], found[2]), _clock(found[3], found[4])
    if end != time(0) and start >= end:
        raise InputError("delivery_window", "интервал кончается раньше, чем начинается")
    return f"{start:%H:%M}-{end:%H:%M}"


def _clock(hours: str, minutes: str | None) -> time:
    hour, minute = int(hours), int(minutes or 0)
    if (hour, minute) == (24, 0):
        return time(0)
    if hour > 23 or minute > 59:
        raise InputError("delivery_window", "такого времени суток нет")
    return time(hour, minute)


@lru_cache(maxsize=1)
def _zone_names() -> dict[str, str]:
    return {name.casefold(): name for name in available_timezones() if "/" in name or name == "UTC"}


@lru_cache(maxsize=256)
def parse_timezone(text: str) -> str:
    """`Asia/Omsk`, `МСК+3`, `UTC+6`, `+06:00` to an IANA name. Raises InputError."""
    known = _zone_names().get(text.casefold())
    if known:
        return known
    if text.casefold() in {"мск", "msk"}:
        return "Europe/Moscow"
    if offset := _OFFSET.fullmatch(text):
        hours = int(offset[2] + offset[3])
        base = 3 if (offset[1] or "").casefold() in {"мск", "msk"} else 0
        if base + hours in _BY_UTC_HOURS:
            return _BY_UTC_HOURS[base + hours]
    raise InputError("timezone", "неизвестный часовой пояс: нужен вида Asia/Yekaterinburg, МСК+2 или UTC+5")
