"""Dates that are named to be refused: "не завтра", "в пятницу меня не будет", "не смогу в среду"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from dialer.understanding.reader import Reader
from dialer.understanding.vocabulary import Token

PREPOSITIONS = frozenset({"в", "во", "на", "к", "ко"})
#: Words after which a new thought begins.
_TURNS = frozenset({"давайте", "давай", "лучше", "а", "но", "только", "можно", "тогда"})
_WEEKDAYS = frozenset("понедельник вторник среда четверг пятница суббота воскресенье".split())
_CAN = frozenset({"мочь", "смочь", "быть", "получиться", "получаться", "успеть"})
_UNABLE = frozenset(
    {"занять", "занятый", "неудобно", "некогда", "уезжать", "командировка", "отъезд", "работать", "смена", "дежурство"}
)
#: What may stand between a date and its denial.
_BESIDE = frozenset({"дома", "дня", "целый", "весь", "день", "вообще", "никого"})
_NOT_A_DENIAL_AFTER = frozenset({"раньше", "позже", "позднее", "отменяйте", "против", "забудьте", "возражаю", "надо"})


@dataclass(frozen=True, slots=True)
class DateMention:
    """A date in the words `start` up to `end`. `day` is None for vague ones ("после пятницы")."""

    start: int
    end: int
    day: date | None
    denied: bool = False


def is_past(mention: DateMention, tokens: Sequence[Token]) -> bool:
    """ "Заказывал в воскресенье" tells when the order was made; "заказывал на воскресенье" when it is due."""
    first = tokens[mention.start]
    if first.form != "сегодня" and first.lemmas.isdisjoint(_WEEKDAYS):
        return False
    before = mention.start - 1
    if before >= 0 and tokens[before].form in ("в", "во"):
        before -= 1
    beside = [*tokens[max(0, before) : mention.start], *tokens[mention.end : mention.end + 1]]
    return all(token.form != "на" for token in beside) and any("@order_did" in token.symbols for token in beside)


class Denials(Reader):
    """Finds what denies the dates of one utterance. One denial serves one date."""

    def mark(self, mentions: list[DateMention]) -> list[DateMention]:
        """`mentions` with `denied` set where the words deny them."""
        starts = {mention.start for mention in mentions}
        used: set[int] = set()
        marked: list[DateMention] = []
        for mention in mentions:
            place = self._before(mention.start, used)
            if place is None:
                place = self._after(mention.end, starts)
            if place is not None:
                used.add(place)
            marked.append(replace(mention, denied=True) if place is not None else mention)
        return marked

    def _before(self, start: int, used: set[int]) -> int | None:
        """The place of what denies the date that begins at `start`: "не в среду", "не смогу в среду"."""
        at = start - 1
        while at >= 0 and self.form(at) in PREPOSITIONS:
            at -= 1
        if at >= 0 and self.form(at) in ("не", "кроме"):
            return at
        while at >= 0 and (self.tokens[at].soft or self.form(at) in ("дома", "только")):
            if self.form(at) in _TURNS:
                return None
            at -= 1
        if at < 0 or at in used:
            return None
        if self.lemma(at, _CAN) and self.form(at - 1) == "не":
            return at if at - 1 not in used else None
        return at if self.lemma(at, _UNABLE) else None

    def _after(self, end: int, starts: set[int]) -> int | None:
        """The place of what denies the date that ends at `end`: "завтра не могу", "завтра меня не будет"."""
        for at in range(end, min(end + 5, len(self.tokens))):
            if at in starts or self.form(at) in _TURNS:
                return None
            if self.form(at) == "нельзя" and self.form(0) in ("а", "разве", "неужели"):
                return None
            if self.form(at) in ("не", "нет", "никак", "нельзя") or self.lemma(at, _UNABLE):
                follows = at + 2 if self.form(at + 1) in PREPOSITIONS else at + 1
                if follows in starts or self.form(at + 1) in _NOT_A_DENIAL_AFTER:
                    return at if self.form(at) == "нет" else None
                return at
            if not self.tokens[at].soft and self.form(at) not in _BESIDE:
                return None
        return None
