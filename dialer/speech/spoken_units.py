"""What numbers are left in a text once amounts, dates and addresses are words: counts of things, shares, codes."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from num2words import num2words

from dialer.speech.numerals import cardinal, in_groups, plural

_UNITS: dict[str, tuple[str, str, str]] = {
    "шт": ("штука", "штуки", "штук"),
    "кг": ("килограмм", "килограмма", "килограммов"),
    "гр": ("грамм", "грамма", "граммов"),
    "г": ("грамм", "грамма", "граммов"),
    "л": ("литр", "литра", "литров"),
    "км": ("километр", "километра", "километров"),
    "м": ("метр", "метра", "метров"),
    "см": ("сантиметр", "сантиметра", "сантиметров"),
    "мин": ("минута", "минуты", "минут"),
    "ч": ("час", "часа", "часов"),
    "сек": ("секунда", "секунды", "секунд"),
    "%": ("процент", "процента", "процентов"),
}
_UNIT = re.compile(
    r"(?<![\d.,])(?P<n>\d+)(?P<fraction>[.,]\d{1,3})?\s*(?P<unit>шт|кг|гр|г|л|км|м|см|мин|ч|сек|%)(?!\w)\.?(?=\W|$)"
)
_DECIMAL = re.compile(r"(?<![\d.,])(\d+)[.,](\d{1,3})(?!\d|[.,]\d)")
_COUNT = re.compile(
    r"(?:\b(?P<before>до|от|около|более|менее|свыше|течение|без)\s+)?"
    r"(?<!\d)(?P<n>\d{1,3}(?: \d{3})+|\d+)(?P<next>\s+[а-яё-]+)?",
    re.IGNORECASE,
)
#: Longer figures are codes, read in groups.
_MAX_COUNT_DIGITS = 5


def speak_counts(text: str) -> str:
    """Every figure left in `text` as words that agree with the noun after them: "2 минуты" is "две минуты"."""
    text = _UNIT.sub(_unit, text)
    text = _DECIMAL.sub(lambda found: _fraction(found[1], found[2]), text)
    return _COUNT.sub(_count, text)


def _unit(found: re.Match[str]) -> str:
    forms = _UNITS[found["unit"]]
    number = found["n"] + (found["fraction"] or "")
    return f"{number} {forms[1] if found['fraction'] else plural(int(found['n']), *forms)}"


def _fraction(whole: str, fraction: str) -> str:
    """ "полтора", "два с половиной", "три целых двадцать пять сотых"."""
    if fraction == "5" and whole != "0":
        return "полтора" if whole == "1" else f"{cardinal(int(whole))} с половиной"
    return str(num2words(f"{whole}.{fraction}", lang="ru"))


def _count(found: re.Match[str]) -> str:
    before, following = found["before"], found["next"] or ""
    lead = f"{before} " if before else ""
    digits = found["n"].replace(" ", "")
    if (len(digits) > _MAX_COUNT_DIGITS and " " not in found["n"]) or (digits.startswith("0") and len(digits) > 1):
        return lead + in_groups(digits) + following
    number = int(digits)
    case, gender = "n", "m"
    if following and number % 10 in (1, 2) and number % 100 not in (11, 12):
        case, gender = _agreement(following.strip().lower())
    return lead + cardinal(number, "g" if before else case, gender) + following


@cache
def _morphology() -> Any:
    from pymorphy3 import MorphAnalyzer

    return MorphAnalyzer(lang="ru")


@cache
def _agreement(noun: str) -> tuple[str, str]:
    """Case and gender that "один" or "два" takes before this noun; masculine nominative for what is no noun."""
    for parsed in _morphology().parse(noun):
        tag = parsed.tag
        if "NOUN" not in tag:
            continue
        gender = {"femn": "f", "neut": "n"}.get(str(tag.gender), "m")
        accusative = gender == "f" and tag.case == "accs" and tag.number == "sing"
        return ("a" if accusative else "n"), gender
    return "n", "m"
