"""Spoken Russian numerals: "сто двадцать пять" is 125, "двадцать пятого" is the day 25."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

#: Lemma -> value. Any case form counts.
CARDINALS: dict[str, int] = {
    "ноль": 0,
    "один": 1,
    "два": 2,
    "три": 3,
    "четыре": 4,
    "пять": 5,
    "шесть": 6,
    "семь": 7,
    "восемь": 8,
    "девять": 9,
    "десять": 10,
    "одиннадцать": 11,
    "двенадцать": 12,
    "тринадцать": 13,
    "четырнадцать": 14,
    "пятнадцать": 15,
    "шестнадцать": 16,
    "семнадцать": 17,
    "восемнадцать": 18,
    "девятнадцать": 19,
    "двадцать": 20,
    "тридцать": 30,
    "сорок": 40,
    "пятьдесят": 50,
    "шестьдесят": 60,
    "семьдесят": 70,
    "восемьдесят": 80,
    "девяносто": 90,
    "сто": 100,
    "двести": 200,
    "триста": 300,
    "четыреста": 400,
    "пятьсот": 500,
    "шестьсот": 600,
    "семьсот": 700,
    "восемьсот": 800,
    "девятьсот": 900,
}
ORDINALS: dict[str, int] = {
    "первый": 1,
    "второй": 2,
    "третий": 3,
    "четвертый": 4,
    "пятый": 5,
    "шестой": 6,
    "седьмой": 7,
    "восьмой": 8,
    "девятый": 9,
    "десятый": 10,
    "одиннадцатый": 11,
    "двенадцатый": 12,
    "тринадцатый": 13,
    "четырнадцатый": 14,
    "пятнадцатый": 15,
    "шестнадцатый": 16,
    "семнадцатый": 17,
    "восемнадцатый": 18,
    "девятнадцатый": 19,
    "двадцатый": 20,
    "тридцатый": 30,
    "сороковой": 40,
    "пятидесятый": 50,
    "шестидесятый": 60,
    "семидесятый": 70,
    "восьмидесятый": 80,
    "девяностый": 90,
    "сотый": 100,
    "шестидесятилетие": 60,
    "пятидесятилетие": 50,
    "сорокалетие": 40,
    "тысячелетие": 1000,
}
#: Ordinals that are nouns in street names and are left as words there.
ANNIVERSARIES = frozenset({"шестидесятилетие", "пятидесятилетие", "сорокалетие", "тысячелетие"})


@dataclass(frozen=True, slots=True)
class Numeral:
    """What one word says as a number. `day`: an ordinal in a form that names a day of the month ("пятого", "пятое")."""

    value: int
    ordinal: bool = False
    day: bool = False
    #: Written with digits.
    digits: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    """A number in an utterance: words `start` up to `end` (exclusive)."""

    start: int
    end: int
    value: int
    ordinal: bool
    day: bool
    digits: bool


class HasNumeral(Protocol):
    """A word that may be a numeral."""

    @property
    def numeral(self) -> Numeral | None: ...


def numbers(words: Sequence[HasNumeral]) -> list[Number]:
    """All numbers of an utterance, each as long as grammar allows: hundreds, tens, units; an ordinal ends it."""
    found: list[Number] = []
    at = 0
    while at < len(words):
        if words[at].numeral is None:
            at += 1
            continue
        number = _number_at(words, at)
        found.append(number)
        at = number.end
    return found


def _number_at(words: Sequence[HasNumeral], start: int) -> Number:
    first = words[start].numeral
    assert first is not None  # noqa: S101 - the caller has looked
    value, last, end = first.value, first, start + 1
    while end < len(words) and not last.ordinal and not last.digits:
        nxt = words[end].numeral
        if nxt is None or nxt.digits or not _continues(last.value, nxt.value):
            break
        value += nxt.value
        last = nxt
        end += 1
    return Number(start, end, value, last.ordinal, last.day, last.digits)


def _continues(last: int, nxt: int) -> bool:
    """Whether `nxt` may follow `last` inside one number: 100s before 1..99, tens from 20 on before 1..9."""
    if nxt == 0:
        return False
    if last >= 100 and last % 100 == 0:
        return nxt < 100
    return last >= 20 and last % 10 == 0 and nxt < 10
