"""Dates in spoken Russian, relative to a day: "завтра", "в пятницу", "двадцать пятого", "через неделю".

A weekday means the next such day strictly after today; a bare day of the month the next such date. A date that is
denied ("не завтра", "в пятницу меня не будет") is found but marked, so that it is never taken for a wish.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

from dialer.understanding.denials import PREPOSITIONS, DateMention, Denials
from dialer.understanding.numerals import Number
from dialer.understanding.reader import Reader
from dialer.understanding.vocabulary import Token

WEEKDAYS = {
    "понедельник": 0,
    "вторник": 1,
    "среда": 2,
    "четверг": 3,
    "пятница": 4,
    "суббота": 5,
    "воскресенье": 6,
}
MONTHS = {
    "январь": 1,
    "февраль": 2,
    "март": 3,
    "апрель": 4,
    "май": 5,
    "июнь": 6,
    "июль": 7,
    "август": 8,
    "сентябрь": 9,
    "октябрь": 10,
    "ноябрь": 11,
    "декабрь": 12,
}
_RELATIVE = {
    "сегодня": 0,
    "сегодняшний": 0,
    "завтра": 1,
    "завтрашний": 1,
    "послезавтра": 2,
    "послезавтрашний": 2,
    "послепослезавтра": 3,
}
_UNIT_DAYS = {"день": 1, "денек": 1, "денечек": 1, "сутки": 1, "неделя": 7, "неделька": 7}
_COLLECTIVE = {"пару": 2, "парочку": 2, "двое": 2, "трое": 3, "четверо": 4, "пара": 2}
_NEXT = frozenset({"следующий", "будущий"})
_THIS = frozenset({"этот", "ближайший", "данный"})
_VAGUE_BEFORE = frozenset({"до", "после", "с", "со", "раньше", "позже", "позднее", "начиная"})
_HOUR_BEFORE = frozenset({"в", "во", "к", "до", "с", "со", "от", "по", "около"})
_STREET = frozenset({"улица", "проспект", "площадь", "бульвар", "переулок", "микрорайон", "проезд", "набережная"})
_NOT_A_DAY_AFTER = frozenset({"этаж", "подъезд", "квартира", "дом", "микрорайон", "корпус", "проезд", "линия", "час"})

#: Lemmas with which a date may begin.
_BEGINNINGS = frozenset({*WEEKDAYS, *_RELATIVE, *_UNIT_DAYS, *_NEXT, *_THIS, "через", "тот", "выходной", "число"})
#: Lemmas that the grammar needs to know in all their forms.
LEMMAS = frozenset(
    {*WEEKDAYS, *MONTHS, *_RELATIVE, *_UNIT_DAYS, *_NEXT, *_THIS, *_STREET, *_NOT_A_DAY_AFTER}
    | {"через", "пара", "месяц", "месяцок", "число", "выходной", "полтора", "тот", "работа", "работать", "год"}
    | {
        "занять",
        "занятый",
        "неудобно",
        "некогда",
        "уезжать",
        "командировка",
        "отъезд",
        "смена",
        "дежурство",
        "мочь",
        "смочь",
        "быть",
    }
    | {"получиться", "получаться", "успеть", "нет", "раньше", "позже", "половина", "рабочий"}
)


class DateGrammar(Reader):
    """Finds the dates of one utterance."""

    def __init__(self, tokens: Sequence[Token], numbers: Sequence[Number], today: date, *, bare_digits: bool) -> None:
        super().__init__(tokens)
        self._numbers = {number.start: number for number in numbers}
        self._today = today
        self._bare_digits = bare_digits

    def find(self) -> list[DateMention]:
        """All dates, in order, with denied ones marked."""
        found: list[DateMention] = []
        at = 0
        while at < len(self.tokens):
            mention = self._at(at) if self._may_begin(at) else None
            if mention is None:
                at += 1
                continue
            found.append(self._vague(mention))
            at = mention.end
        return Denials(self.tokens).mark(found)

    def _may_begin(self, at: int) -> bool:
        """A quick look that spares most words the grammar."""
        token = self.tokens[at]
        return token.form[0].isdigit() or token.numeral is not None or not _BEGINNINGS.isdisjoint(token.lemmas)

    def _at(self, at: int) -> DateMention | None:
        return self._relative(at) or self._through(at) or self._weekday(at) or self._weekend(at) or self._day(at)

    def _relative(self, at: int) -> DateMention | None:
        lemma = self.lemma(at, _RELATIVE)
        if lemma is None:
            return None
        end = at + 1
        if lemma.endswith("шний"):
            if not self.lemma(end, {"день"}):
                return None
            end += 1
        return DateMention(at, end, self._today + timedelta(days=_RELATIVE[lemma]))

    def _through(self, at: int) -> DateMention | None:
        """ "через три дня", "через неделю", and turned round: "дня через три"."""
        unit = self.lemma(at, _UNIT_DAYS)
        if unit and self.form(at + 1) == "через" and (number := self._count(at + 2)):
            return DateMention(at, number[1], self._shift(unit, number[0]))
        if self.form(at) != "через":
            return None
        count, end = self._count(at + 1) or (1, at + 1)
        if self.lemma(end, {"рабочий"}):
            return None
        unit = self.lemma(end, _UNIT_DAYS) or self.lemma(end, {"месяц", "месяцок"})
        if unit is None:
            return None
        day = self._shift(unit, count)
        weekday = end + 2 if self.form(end + 1) in PREPOSITIONS else end + 1
        if unit in ("неделя", "неделька") and (name := self.lemma(weekday, WEEKDAYS)):
            ahead = (WEEKDAYS[name] - self._today.weekday()) % 7
            return DateMention(at, weekday + 1, day + timedelta(days=ahead))
        return DateMention(at, end + 1, day)

    def _count(self, at: int) -> tuple[int, int] | None:
        """A count and the place after it: "три", "пару"."""
        number = self._numbers.get(at)
        if number is not None and not number.ordinal and 0 < number.value <= 366:
            return number.value, number.end
        collective = _COLLECTIVE.get(self.form(at))
        return (collective, at + 1) if collective else None

    def _shift(self, unit: str, count: int) -> date:
        if unit in ("месяц", "месяцок"):
            months = self._today.month - 1 + count
            return _day_of(self._today.year + months // 12, months % 12 + 1, self._today.day)
        return self._today + timedelta(days=_UNIT_DAYS[unit] * count)

    def _weekday(self, at: int) -> DateMention | None:
        """ "в пятницу", "в следующий вторник", "на следующей неделе в среду", "в среду на той неделе"."""
        start, in_next_week = at, False
        if self._next_week(at):
            in_next_week = True
            at = at + 3 if self.form(at + 2) in PREPOSITIONS else at + 2
        elif self.lemma(at, _NEXT) or self.lemma(at, _THIS):
            in_next_week = self.lemma(at, _NEXT) is not None
            at += 1
        name = self.lemma(at, WEEKDAYS)
        if name is None:
            return None
        end = at + 1
        after = end + 1 if self.form(end) in PREPOSITIONS else end
        if self._next_week(after):
            in_next_week, end = True, after + 2
        days = (WEEKDAYS[name] - self._today.weekday() - 1) % 7 + 1
        if in_next_week:
            days = 7 - self._today.weekday() + WEEKDAYS[name]
        return DateMention(start, end, self._today + timedelta(days=days))

    def _next_week(self, at: int) -> bool:
        """ "следующей неделе", "той неделе"."""
        return bool((self.lemma(at, _NEXT) or self.lemma(at, {"тот"})) and self.lemma(at + 1, {"неделя"}))

    def _weekend(self, at: int) -> DateMention | None:
        start = at
        in_next_week = self.lemma(at, _NEXT) is not None
        if in_next_week or self.lemma(at, _THIS):
            at += 1
        if not self.lemma(at, {"выходной"}) or self.form(at) == "выходной":
            return None
        days = (5 - self._today.weekday() - 1) % 7 + 1
        if in_next_week:
            days = 7 - self._today.weekday() + 5
        elif self._today.weekday() == 5:
            days = 1
        return DateMention(start, at + 1, self._today + timedelta(days=days))

    def _day(self, at: int) -> DateMention | None:
        """ "двадцать пятого", "пятого декабря", "двадцать пятого двенадцатого", "числа десятого", "25.11"."""
        written = re.fullmatch(r"(\d{1,2})[./](\d{1,2})(?:[./]\d{2,4})?", self.form(at))
        if written:
            return self._mention(at, at + 1, int(written[1]), int(written[2]))
        start = at
        if self.form(at) in ("числа", "число"):
            at += 1
        number = self._numbers.get(at)
        if number is None or not 1 <= number.value <= 31 or self.lemma(start - 1, _STREET):
            return None
        end, named = number.end, number.day or start < at
        if self.lemma(end, {"число"}):
            end, named = end + 1, True
        if month := self.lemma(end, MONTHS):
            return self._mention(start, end + 1, number.value, MONTHS[month])
        if spoken := self._month_in_figures(number):
            return self._mention(start, spoken.end, number.value, spoken.value)
        if named and self.lemma(end, _NEXT) and self.lemma(end + 1, {"месяц"}):
            return self._mention(start, end + 2, number.value, self._today.month % 12 + 1)
        bare = number.digits and (self.form(start - 1) == "на" or (self._bare_digits and len(self.tokens) <= 3))
        bare = bare or (self._bare_digits and self._alone(start, end))
        meant = (named or bare) and not self._counts_something(end) and (number.day or not number.ordinal)
        return DateMention(start, end, self._next_day(number.value)) if meant else None

    def _month_in_figures(self, day: Number) -> Number | None:
        """The "двенадцатого" of "двадцать пятого двенадцатого"; "десятого двенадцатого" may as well be two days."""
        month = self._numbers.get(day.end)
        return month if month and month.day and month.value <= 12 < day.value and day.day else None

    def _alone(self, start: int, end: int) -> bool:
        """Whether a number is all that was said: "двадцать пять" answers "на какое число?", "в пять" names an hour."""
        others = [*self.tokens[:start], *self.tokens[end:]]
        return all(token.soft and token.form not in _HOUR_BEFORE for token in others)

    def _counts_something(self, at: int) -> bool:
        """Whether the noun at `at` takes the number ("восьмого этажа"); "восьмого, часов в пять" is a day still."""
        hours = self.form(at) in ("часов", "часика", "часиков", "часа", "часу") and self.form(at + 1) in PREPOSITIONS
        return self.lemma(at, _NOT_A_DAY_AFTER) is not None and not hours

    def _mention(self, start: int, end: int, day: int, month: int) -> DateMention | None:
        """A day and a month: this year's, or next year's when it has passed. None if there is no such date."""
        if not 1 <= month <= 12:
            return None
        for year in range(self._today.year, self._today.year + 5):
            if day <= _length(year, month) and date(year, month, day) >= self._today:
                return DateMention(start, end, date(year, month, day))
        return None

    def _next_day(self, day: int) -> date:
        """The next date, today included, whose day of the month is `day`."""
        year, month = self._today.year, self._today.month
        while day > _length(year, month) or date(year, month, day) < self._today:
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)
        return date(year, month, day)

    def _vague(self, mention: DateMention) -> DateMention:
        """ "после пятницы" names no day."""
        before = mention.start - 1
        if self.form(before) == "до" and any("@postpone" in token.symbols for token in self.tokens[:before]):
            return replace(mention, start=before)
        if self.form(before) in _VAGUE_BEFORE:
            return replace(mention, start=before, day=None)
        return mention


_CORRECTIONS = frozenset({"нет", "ой", "точнее", "вернее", "лучше", "хотя", "ошибся", "ошиблась"})


def chosen(mentions: Sequence[DateMention], tokens: Sequence[Token]) -> date | None:
    """The one date that is wished for; None when there is none or when several compete."""
    wished = [mention for mention in mentions if not mention.denied and mention.day is not None]
    days = {mention.day for mention in wished}
    if len(days) <= 1:
        return days.pop() if days else None
    between = [token.form for token in tokens[wished[-2].end : wished[-1].start]]
    offered = any(form in ("или", "либо") and after != "нет" for form, after in pairwise([*between, ""]))
    return wished[-1].day if _CORRECTIONS & set(between) and not offered else None


def _length(year: int, month: int) -> int:
    first_of_next = date(year + month // 12, month % 12 + 1, 1)
    return (first_of_next - timedelta(days=1)).day


def _day_of(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, _length(year, month)))
