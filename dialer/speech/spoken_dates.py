"""Dates, times and delivery windows: as the bot shows them and as it says them."""

from __future__ import annotations

import re
from datetime import date

from dialer.speech.numerals import cardinal, ordinal, ordinal_with_ending, plural

MONTHS = (
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
)
#: A date nearer than this needs no year to be understood.
_YEAR_FROM_DAYS = 300

_MONTH = "|".join(MONTHS)
_TIME = r"(?:[01]?\d|2[0-4])(?:[:.][0-5]\d)?"
_DASH = r"\s*[-\u2010-\u2015]\s*"
#: "2026 г.", but not the "г." of "2026, г. Москва".
_YEAR_SIGN = r"(?:\s*г\b\.?+(?!\s*(?-i:[А-ЯЁ])))"
_HOURS_WORD = r"(?:\s*(?:часов|часам|часа|час|ч\b\.?))"

_ISO = re.compile(r"(?:\b(?P<before>на|по)\s+)?\b(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})\b", re.IGNORECASE)
_DOTTED = re.compile(
    r"(?:\b(?P<before>на|по)\s+)?(?<![\d.,])(?P<d>\d{1,2})\.(?P<m>\d{2})(?:\.(?P<y>\d{4}|\d{2}))?"
    rf"{_YEAR_SIGN}?(?!\d|\.\d)",
    re.IGNORECASE,
)
_WRITTEN = re.compile(
    rf"(?:\b(?P<before>на|по)\s+)?\b(?P<d>\d{{1,2}})(?:-?(?:го|ое|е))?\s+(?P<month>{_MONTH})\b"
    rf"(?:\s+(?P<y>\d{{4}})(?:\s*года\b|{_YEAR_SIGN})?)?",
    re.IGNORECASE,
)
_WINDOW = re.compile(
    rf"(?:\b(?P<from>[сc])\s+)?(?<![\d.,:])(?P<a>{_TIME}){_HOURS_WORD}?(?:{_DASH}|\s+до\s+)(?P<b>{_TIME})"
    rf"(?P<word>{_HOURS_WORD})?(?![\d:]|[.,]\d)",
    re.IGNORECASE,
)
_CLOCK = re.compile(
    r"(?:\b(?P<before>до|после|от|с|к|около)\s+)?(?<![\d.,:])(?P<h>[01]?\d|2[0-4]):(?P<m>[0-5]\d)(?![\d:])",
    re.IGNORECASE,
)
_BARE_HOUR = re.compile(
    rf"\b(?P<before>до|после|от|с|к|около)\s+(?P<h>[01]?\d|2[0-4]){_HOURS_WORD}(?!\w)", re.IGNORECASE
)
_GENITIVE_BEFORE = frozenset({"до", "после", "от", "с", "около"})


def day(value: date, today: date | None = None) -> str:
    """As the bot shows it: "25 ноября"; with the year only when `today` is given and the day is far from it."""
    text = f"{value.day} {MONTHS[value.month - 1]}"
    return f"{text} {value.year} года" if _needs_year(value, today) else text


def day_words(value: date, case: str = "g", today: date | None = None) -> str:
    """As the bot says it: "двадцать пятого ноября" (genitive), "двадцать пятое ноября" (nominative, accusative)."""
    text = f"{ordinal(value.day, case, 'n')} {MONTHS[value.month - 1]}"
    return f"{text} {ordinal(value.year, 'g')} года" if _needs_year(value, today) else text


def window(text: str) -> str:
    """As the bot shows it: "10:00-14:00" is "с 10 до 14 часов"; what is no window comes back as it is."""
    found = _WINDOW.fullmatch(text.strip())
    if found is None:
        return text.strip()
    (start, start_m), (end, end_m) = _clock(found["a"]), _clock(found["b"])
    if end_m:
        return f"с {_shown(start, start_m)} до {end}:{end_m:02d}"
    return f"с {_shown(start, start_m)} до {end} {_hours_genitive(end)}"


def clock_words(hour: int, minute: int, case: str = "n") -> str:
    """ "десять часов", "десять тридцать", genitive "десяти часов", "десяти ноль пяти"."""
    if minute:
        return f"{cardinal(hour, case)} {'ноль ' if minute < 10 else ''}{cardinal(minute, case)}"
    if case == "n":
        return f"{cardinal(hour)} {plural(hour, 'час', 'часа', 'часов')}"
    if case == "d":
        return f"{cardinal(hour, case)} {'часу' if _ends_in_one(hour) else 'часам'}"
    return f"{cardinal(hour, case)} {_hours_genitive(hour)}"


def speak_dates(text: str, today: date | None = None) -> str:
    """Every date, window and time of `text` as words. After "на" a date is accusative, else genitive."""
    text = _ISO.sub(lambda found: _numeric_date(found, today), text)
    text = _WRITTEN.sub(_written_date, text)
    text = _DOTTED.sub(lambda found: _numeric_date(found, today), text)
    text = _WINDOW.sub(_window_words, text)
    text = _CLOCK.sub(_clock_match, text)
    return _BARE_HOUR.sub(_clock_match, text)


def _needs_year(value: date, today: date | None) -> bool:
    return today is not None and abs((value - today).days) > _YEAR_FROM_DAYS


def _case_after(before: str | None) -> str:
    return "n" if before else "g"


def _numeric_date(found: re.Match[str], today: date | None) -> str:
    year = found["y"] or "2000"  # a leap year, so that "29.02" is a date
    try:
        value = date(int(year if len(year) == 4 else f"20{year}"), int(found["m"]), int(found["d"]))
    except ValueError:
        return found.group()
    before = f"{found['before']} " if found["before"] else ""
    return before + day_words(value, _case_after(found["before"]), today if found["y"] else None)


def _written_date(found: re.Match[str]) -> str:
    number = int(found["d"])
    if not 1 <= number <= 31:
        return found.group()
    before = f"{found['before']} " if found["before"] else ""
    words = f"{before}{ordinal(number, _case_after(found['before']), 'n')} {found['month'].lower()}"
    return f"{words} {ordinal_with_ending(int(found['y']), 'го')} года" if found["y"] else words


def _window_words(found: re.Match[str]) -> str:
    if not (found["from"] or found["word"] or (len(found["a"]) > 2 and len(found["b"]) > 2)):
        return found.group()  # "5-7" alone is no window
    (start, start_m), (end, end_m) = _clock(found["a"]), _clock(found["b"])
    first = clock_words(start, start_m, "g") if start_m else cardinal(start, "g")
    return f"с {first} до {clock_words(end, end_m, 'g')}"


def _clock_match(found: re.Match[str]) -> str:
    before = (found["before"] or "").lower()
    minute = int(found.groupdict().get("m") or 0)
    case = "g" if before in _GENITIVE_BEFORE else "d" if before == "к" else "n"
    words = clock_words(int(found["h"]), minute, case)
    return f"{found['before']} {words}" if before else words


def _clock(text: str) -> tuple[int, int]:
    hour, _, minute = text.replace(".", ":").partition(":")
    return int(hour), int(minute or 0)


def _shown(hour: int, minute: int) -> str:
    return f"{hour}:{minute:02d}" if minute else str(hour)


def _hours_genitive(hour: int) -> str:
    return "часа" if _ends_in_one(hour) else "часов"


def _ends_in_one(number: int) -> bool:
    return number % 10 == 1 and number % 100 != 11
