"""Russian for the eye and for the ear.

Display helpers write values as a person would read them on a screen ("3 200 рублей", "25 ноября", "с 10 до 14
часов"): the script's texts and the transcript use them. `speak_text` turns such a text into what is said ("три
тысячи двести рублей"), for any text that a prompt may hold.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from dialer.speech.numerals import cardinal, code, in_groups, plural
from dialer.speech.spoken_address import speak_address
from dialer.speech.spoken_dates import day, day_words, speak_dates, window
from dialer.speech.spoken_units import speak_counts

__all__ = ["amount_words", "day", "day_words", "delay", "order_number", "rubles", "speak_text", "window"]

_RUBLE = ("рубль", "рубля", "рублей")
_KOPECK = ("копейка", "копейки", "копеек")
_SPACES = re.compile(r"[\u00a0\u2007\u2009\u202f\s]+")
_AMOUNT = re.compile(
    r"(?:\b(?P<before>на|за|до|от|около|свыше)\s+)?"
    r"(?<![\w.,])(?P<whole>\d{1,3}(?: \d{3})+|\d+)(?:[.,](?P<kopecks>\d{1,2}))?"
    r"\s*(?:₽|рублей|рубля|рубль|руб\b\.?|р\.)(?:\s+(?P<more>\d{1,2})\s+(?:копеек|копейки|копейка|коп\b\.?))?",
    re.IGNORECASE,
)
#: What no rule has claimed ("0 0000").
_FIGURES = re.compile(r"[0-9]+")
_NUMBER = re.compile(
    r"\b(?P<word>номер(?:а|у|ом|е)?|№|заказ(?:а|у|ом|е)?)\s*"
    r"(?P<code>(?:[A-Za-zА-ЯЁ]{1,5}[-/ ]?)?\d[\d/-]*(?:-?[A-Za-zА-ЯЁ]{1,4})?)(?!\w)"
)
_BARE_SIGN = re.compile(r"№\s*(?P<code>[A-Za-zА-ЯЁ]{0,5}[-/]?\d[\d/-]*)(?!\w)")
_PHONE = re.compile(
    r"(?<!\w)(?P<plus>\+?)(?P<c>[78])[ (-]*(?P<a>\d{3})[ )-]*(?P<b>\d{3})[ -]?(?P<d>\d{2})[ -]?(?P<e>\d{2})(?!\d)"
)
_GENITIVE_BEFORE = frozenset({"до", "от", "около", "свыше"})


def rubles(amount: Decimal) -> str:
    """As the bot shows it: "3 200 рублей", "1 рубль", "99 рублей 50 копеек"."""
    whole, kopecks = _split(amount)
    text = f"{whole:,}".replace(",", " ") + f" {plural(whole, *_RUBLE)}"
    return f"{text} {kopecks} {plural(kopecks, *_KOPECK)}" if kopecks else text


def amount_words(amount: Decimal, case: str = "n") -> str:
    """As the bot says it: "три тысячи двести рублей"; `case` n, a or g."""
    whole, kopecks = _split(amount)
    text = f"{cardinal(whole, case)} {_noun(whole, case, _RUBLE)}"
    return f"{text} {cardinal(kopecks, case, 'f')} {_noun(kopecks, case, _KOPECK)}" if kopecks else text


def order_number(text: str) -> str:
    """An order's number as a person reads it out: "45678" is "сорок пять, шестьсот семьдесят восемь"."""
    return code(text)


def delay(seconds: float) -> str:
    """When the bot will call again, as it shows it: "через 30 минут", "через час", "через 2 часа", "завтра"."""
    minutes = max(5, round(seconds / 300) * 5)
    hours = round(minutes / 60)
    if minutes < 60 or (minutes % 60 and minutes < 120 and minutes != 90):
        return f"через {minutes} {plural(minutes, 'минуту', 'минуты', 'минут')}"
    if minutes == 90:
        return "через полтора часа"
    if hours < 24:
        return "через час" if hours == 1 else f"через {hours} {plural(hours, 'час', 'часа', 'часов')}"
    days = round(hours / 24)
    return "завтра" if days == 1 else f"через {days} {plural(days, 'день', 'дня', 'дней')}"


@lru_cache(maxsize=512)
def speak_text(text: str, today: date | None = None) -> str:
    """Any text of a prompt written out for the ear: no figure and no abbreviation is left.

    A date's year is said when the text spells the date out with it ("25 ноября 2026 года"), and for figures
    ("25.11.2026") only when `today` is given and far from it. Remembered: every call says the same fixed sentences.
    """
    text = _SPACES.sub(" ", text).strip()
    text = _PHONE.sub(_phone, text)
    text = _AMOUNT.sub(_amount, text)
    text = _NUMBER.sub(_number, text)
    text = _BARE_SIGN.sub(lambda found: f"номер {code(found['code'])}", text).replace("№", "номер")
    text = speak_dates(text, today)
    text = speak_address(text)
    text = speak_counts(text)
    text = _FIGURES.sub(lambda found: f" {in_groups(found.group())} ", text)
    return _SPACES.sub(" ", text).strip()


def _split(amount: Decimal) -> tuple[int, int]:
    total = int((amount * 100).to_integral_value(ROUND_HALF_UP))
    return divmod(total, 100)


def _noun(number: int, case: str, forms: tuple[str, str, str]) -> str:
    if case == "g":
        return forms[1] if number % 10 == 1 and number % 100 != 11 else forms[2]
    if case == "a" and forms is _KOPECK and number % 10 == 1 and number % 100 != 11:
        return "копейку"
    return plural(number, *forms)


def _amount(found: re.Match[str]) -> str:
    before = (found["before"] or "").lower()
    case = "g" if before in _GENITIVE_BEFORE else "a" if before else "n"
    whole = found["whole"].replace(" ", "")
    kopecks = (found["kopecks"] or "").ljust(2, "0") if found["kopecks"] else (found["more"] or "0").zfill(2)
    words = amount_words(Decimal(f"{whole}.{kopecks}"), case)
    return f"{found['before']} {words}" if before else words


def _number(found: re.Match[str]) -> str:
    word = "номер" if found["word"] == "№" else found["word"]
    return f"{word} {code(found['code'])}"


def _phone(found: re.Match[str]) -> str:
    parts = ", ".join(in_groups(found[part]) for part in "abde")
    return f"{'плюс ' if found['plus'] else ''}{cardinal(int(found['c']))}, {parts}"
