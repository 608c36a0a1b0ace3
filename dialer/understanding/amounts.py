"""Numbers that are no decision's object: sums ("две тысячи рублей") and spans of time ("две недели жду")."""

from __future__ import annotations

from collections.abc import Sequence

from dialer.understanding.numerals import Number
from dialer.understanding.vocabulary import Token

#: From here on a number may be an order's number or a sum.
_ORDER_NUMBERS = 100
_THOUSANDS = frozenset({"тысяча", "тысячи", "тысяч"})
_ROUBLES = frozenset({"рубль", "рубля", "рублей", "руб"})
_UNITS = frozenset(
    "неделю недели недель месяц месяца месяцев год года лет день дня дней сутки суток час часа часов".split()
)
#: Verbs of what lasts.
_LASTS = ("жду", "ждем", "ждал", "ждёт", "живу", "живем", "живет", "жил", "прожива", "пользу", "заказыва")
_POINTS = frozenset("через на за после до в во к ко с со от по".split())


def sums(tokens: Sequence[Token]) -> set[int]:
    """The places of "тысяч" and "рублей" that belong to the number before them."""
    places: set[int] = set()
    for place in range(1, len(tokens)):
        counted = tokens[place - 1].numeral is not None
        if (tokens[place].form in _THOUSANDS and counted) or (
            tokens[place].form in _ROUBLES and (counted or place - 1 in places)
        ):
            places.add(place)
    return places


def spans(tokens: Sequence[Token], spoken: Sequence[Number]) -> set[int]:
    """The places of how long something has lasted: "две недели жду", "лет тридцать живу"."""
    if not any(token.form.startswith(_LASTS) for token in tokens):
        return set()
    places: set[int] = set()
    for number in spoken:
        before, after = number.start - 1, number.end
        if after < len(tokens) and tokens[after].form in _UNITS and not _points(tokens, before):
            places.update(range(number.start, after + 1))
        elif before >= 0 and tokens[before].form in _UNITS and not _points(tokens, before - 1):
            places.update(range(before, after))
    return places


def is_small(tokens: Sequence[Token], number: Number) -> bool:
    """Whether a number is too small to be an order's or a sum."""
    thousands = number.end < len(tokens) and tokens[number.end].form in _THOUSANDS
    return number.value < _ORDER_NUMBERS and not thousands


def _points(tokens: Sequence[Token], place: int) -> bool:
    return place >= 0 and tokens[place].form in _POINTS
