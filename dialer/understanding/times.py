"""Times of day and delays in spoken Russian: "после шести" is "после 18:00", "через час" is 3600 s.

Hours from one to seven without "утра" are afternoon hours: nobody asks a courier to come at six in the morning.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dialer.understanding.numerals import Number
from dialer.understanding.vocabulary import Token

_PARTS_OF_DAY = {"утра": "утра", "дня": "дня", "вечера": "вечера", "ночи": "ночи", "вечером": "вечера", "утром": "утра"}
#: Part of the day -> a time at which it is safe to call.
_CALL_AT = {"утром": "10:00", "днем": "14:00", "вечером": "19:00", "в обед": "13:00", "после обеда": "15:00"}
_HOUR_WORDS = frozenset({"час", "часов", "часа", "часам", "часу", "часик", "часика", "часиков", "ч"})
_AFTER = frozenset({"после", "с", "со", "позже", "раньше"})
_AT = frozenset({"в", "к", "во", "ко", "около", "районе"})
_NOT_HOURS = frozenset(
    {"минут", "минуты", "минуту", "дней", "дня", "день", "штук", "штуки", "рублей", "тысяч", "раз", "раза"}
)
_HALF = {
    f"пол{ordinal}": hour
    for hour, ordinal in enumerate(
        """первого второго третьего четвертого пятого шестого седьмого восьмого девятого десятого одиннадцатого
        двенадцатого""".split()
    )
}
#: Phrases without numbers, longest first: words -> how the window is written.
_PHRASES: dict[tuple[str, ...], str] = {
    ("в", "первой", "половине", "дня"): "до обеда",
    ("в", "первую", "половину", "дня"): "до обеда",
    ("первая", "половина", "дня"): "до обеда",
    ("первой", "половине", "дня"): "до обеда",
    ("во", "второй", "половине", "дня"): "после обеда",
    ("во", "вторую", "половину", "дня"): "после обеда",
    ("вторая", "половина", "дня"): "после обеда",
    ("второй", "половине", "дня"): "после обеда",
    ("ближе", "к", "вечеру"): "вечером",
    ("ближе", "к", "обеду"): "в обед",
    ("после", "обеда"): "после обеда",
    ("после", "работы"): "вечером",
    ("после", "школы"): "после обеда",
    ("до", "обеда"): "до обеда",
    ("до", "вечера"): "до вечера",
    ("с", "утра"): "утром",
    ("к", "вечеру"): "вечером",
    ("на", "вечер"): "вечером",
    ("на", "утро"): "утром",
    ("под", "вечер"): "вечером",
    ("в", "обед"): "в обед",
    ("утром",): "утром",
    ("утречком",): "утром",
    ("днем",): "днем",
    ("вечером",): "вечером",
    ("вечерком",): "вечером",
}
LEMMAS = frozenset({"час", "часик", "минута", "минутка", "полчаса", "полчасика", "пара", "полтора"} | set(_HALF))
_MAX_PHRASE = 4
#: What happened "вчера вечером" is no wish.
_PAST = frozenset({"вчера", "позавчера"})
#: Words with which a time may begin.
_BEGINNINGS = (
    {"через", "с", "со", "от", "между", "не", "до", "позднее"}
    | _HOUR_WORDS
    | _AFTER
    | _AT
    | set(_HALF)
    | {words[0] for words in _PHRASES}
)


@dataclass(frozen=True, slots=True)
class TimeMention:
    """A time in the words `start` up to `end`: `window` as text, `delay_s` for "через час"."""

    start: int
    end: int
    window: str = ""
    delay_s: int | None = None

    @property
    def at(self) -> str | None:
        """A clock time ("18:00") that the window contains, for calling back; None when it names none."""
        clock = re.search(r"\d\d:\d\d", self.window)
        return clock.group() if clock else _CALL_AT.get(self.window)


class TimeGrammar:
    """Finds the times of one utterance; words in `taken` (dates) are passed over."""

    def __init__(self, tokens: Sequence[Token], numbers: Sequence[Number], taken: set[int]) -> None:
        self._forms = ["" if place in taken else token.form for place, token in enumerate(tokens)]
        self._tokens = tokens
        self._numbers = {
            number.start: number
            for number in numbers
            if number.start not in taken and not number.ordinal and 0 <= number.value <= 24
        }
        self._counts = {number.start: number for number in numbers if not number.ordinal}

    def find(self) -> list[TimeMention]:
        """All times, in order."""
        found: list[TimeMention] = []
        at = 0
        while at < len(self._forms):
            if not self._may_begin(at):
                at += 1
                continue
            mention = self._delay(at) or self._range(at) or self._bound(at) or self._clock(at) or self._phrase(at)
            if mention is None:
                at += 1
                continue
            if self._form(mention.start - 1) not in _PAST:
                found.append(mention)
            at = mention.end
        return found

    def _may_begin(self, at: int) -> bool:
        """A quick look that spares most words the grammar."""
        form = self._forms[at]
        return form in _BEGINNINGS or at in self._numbers or form[:1].isdigit() or form.startswith("минут")

    def _form(self, at: int) -> str:
        return self._forms[at] if 0 <= at < len(self._forms) else ""

    def _delay(self, at: int) -> TimeMention | None:
        """ "через час", "через двадцать минут", "минут через десять", "часа через два"."""
        if self._form(at) in _HOUR_WORDS or self._form(at).startswith("минут"):
            number = self._counts.get(at + 2)
            if self._form(at + 1) == "через" and number is not None:
                unit_s = 60 if self._form(at).startswith("минут") else 3600
                return TimeMention(at, number.end, delay_s=number.value * unit_s)
        if self._form(at) != "через":
            return None
        if self._form(at + 1) in ("полчаса", "полчасика", "полчасик"):
            return TimeMention(at, at + 2, delay_s=1800)
        number = self._counts.get(at + 1)
        count, end = (float(number.value), number.end) if number else (1.0, at + 1)
        if number is None and self._form(end) in ("пару", "парочку"):
            count, end = 2.0, end + 1
        elif number is None and self._form(end) in ("полтора", "полторы"):
            count, end = 1.5, end + 1
        if self._form(end) in _HOUR_WORDS:
            return TimeMention(at, end + 1, delay_s=int(count * 3600))
        if self._form(end).startswith("минут"):
            return TimeMention(at, end + 1, delay_s=int(count * 60))
        return None

    def _range(self, at: int) -> TimeMention | None:
        """ "с десяти до двух", "между пятью и семью", "10:00-14:00"."""
        if self._form(at) not in ("с", "со", "от", "между"):
            return None
        first = self._hour(at + 1)
        if first is None or self._form(first.end) not in ("до", "по", "и"):
            return None
        second = self._hour(first.end + 1)
        if second is None:
            return None
        start = first.clock(second.part if second.hour > first.hour else "", early=True)
        end = second.clock(second.part)
        if end <= start and end + 720 <= 24 * 60:
            end += 720
        return TimeMention(at, second.end, f"{_written(start)}-{_written(end)}")

    def _bound(self, at: int) -> TimeMention | None:
        """ "после шести", "не раньше семи", "до двенадцати", "не позже пяти"."""
        start = at
        denied = self._form(at) == "не"
        word = self._form(at + 1) if denied else self._form(at)
        at = at + 1 if denied else at
        if denied and word not in ("раньше", "позже", "позднее"):
            return None
        if word not in _AFTER and word not in ("до", "позднее"):
            return None
        hour = self._hour(at + 1)
        if hour is None:
            return None
        before = word == "до" or (denied and word in ("позже", "позднее")) or (not denied and word == "раньше")
        return TimeMention(start, hour.end, f"{'до' if before else 'после'} {_written(hour.clock(hour.part))}")

    def _clock(self, at: int) -> TimeMention | None:
        """ "в семь вечера", "часов в семь", "18:30", "полседьмого"."""
        start = at
        hour_word = self._form(at) in _HOUR_WORDS
        if hour_word and self._form(at + 1) in _AT:
            at += 1
        preposition = self._form(at) in _AT
        hour = self._hour(at + 1 if preposition else at)
        if hour is None or not (preposition or hour.sure):
            return None
        return TimeMention(start, hour.end, _written(hour.clock(hour.part)))

    def _phrase(self, at: int) -> TimeMention | None:
        for length in range(min(_MAX_PHRASE, len(self._forms) - at), 0, -1):
            window = _PHRASES.get(tuple(self._forms[at : at + length]))
            if window is not None:
                return TimeMention(at, at + length, window)
        return None

    def _hour(self, at: int) -> _Hour | None:
        """An hour of the day at `at`, with "часов" and "вечера" after it."""
        form = self._form(at)
        written = re.fullmatch(r"([01]?\d|2[0-4])[:.]([0-5]\d)", form)
        if written:
            return _Hour(int(written[1]), int(written[2]), at + 1, "", sure=True, exact=True)
        if form in _HALF:
            return self._with_part(_HALF[form] or 12, 30, at + 1, sure=True)
        if form in ("час", "часу"):
            return self._with_part(1, 0, at + 1, sure=self._form(at + 1) in _PARTS_OF_DAY)
        number = self._numbers.get(at)
        if number is None or self._form(number.end) in _NOT_HOURS - set(_PARTS_OF_DAY):
            return None
        end, sure = number.end, False
        minutes = self._counts.get(end)
        if minutes is not None and minutes.value in (15, 30, 45):
            return self._with_part(number.value, minutes.value, minutes.end, sure=sure)
        if self._form(end) in _HOUR_WORDS:
            end, sure = end + 1, True
        return self._with_part(number.value, 0, end, sure=sure)

    def _with_part(self, hour: int, minute: int, end: int, *, sure: bool) -> _Hour:
        part = _PARTS_OF_DAY.get(self._form(end), "")
        return _Hour(hour, minute, end + 1 if part else end, part, sure=sure or bool(part))


@dataclass(frozen=True, slots=True)
class _Hour:
    hour: int
    minute: int
    end: int
    part: str
    #: Certainly a time, even without a preposition.
    sure: bool
    #: Written on the 24-hour clock.
    exact: bool = False

    def clock(self, part: str, *, early: bool = False) -> int:
        """Minutes after midnight. `early`: the beginning of a range, where eight is eight in the morning."""
        hour = self.hour % 24
        afternoon = {"утра": 0, "ночи": 0, "дня": 7, "вечера": 12}.get(part, 8 if early else 9)
        if not self.exact and 0 < hour < 12 and hour < afternoon:
            hour += 12
        return hour * 60 + self.minute


def _written(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
