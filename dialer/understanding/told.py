"""What customers tell beside a clear decision: "отмените, муж вчера купил", "внуку заказывала, подтверждаю".

Words outside the lexicon are judged by their grammar, so that a story needs no list of stories. A story has a verb
of its own: what I do, what I did, or what one other did for a reason that is listed. It holds no word of a decision,
of speech or of another service ("муж буркнул: отмените" decides nothing), and nothing in it may be what the decision
speaks of ("отмените бронь", "песню поставил, отмените").
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dialer.understanding.lexicon.cues import Cue
from dialer.understanding.lexicon.telling import FOREIGN, HINTS, REASONS, SAID, SETTLED, STRONG, TIMES
from dialer.understanding.parts import Parts
from dialer.understanding.patterns import Found
from dialer.understanding.vocabulary import Token

#: Longer stories are left open.
MAX_TOLD = 7
_CANCELS = frozenset({Cue.CANCEL, Cue.CANCEL_ORDER, Cue.REFUSE, Cue.CHANGED_MIND})
#: Decisions whose words may take an object.
_DECIDES = _CANCELS | {Cue.CONFIRM, Cue.CONFIRM_PLEASE, Cue.ACCEPT}
_AGREES = frozenset({Cue.RIGHT, Cue.ADDRESS_SAME})
_PREPOSITIONS = frozenset("в во на по с со к ко у от из за для о об про при до".split())
_PRONOUNS = frozenset("мой наш свой этот тот такой весь все самый сам".split())
_VERBS = frozenset({"mine", "past", "verb"})
_ORDERED = "@order_did"
_OURS = frozenset({"мне", "нам", "меня", "нас"})
_HAVING = (["у", "меня"], ["у", "нас"])
_YOU = frozenset({"вы", "ты", "вас", "тебя"})
_OTHERS = frozenset("вы ты он она они оно кто".split())
#: What the order is called (whatever is said of it is said of the order), and thanks.
_ORDER = frozenset("заказ посылка товар спасибо".split())


def told(tokens: Sequence[Token], found: Sequence[Found[Cue]], left: Sequence[int], parts: Parts) -> bool:
    """Whether the words at `left`, which no phrase explains, only tell a story beside the decision."""
    if len(left) > MAX_TOLD or not all(_now(tokens, one, parts) for one in found):
        return False
    anchors = {place: one.kind for one in found if one.kind in _DECIDES or _agrees(tokens, one) for place in one.places}
    if not set(anchors.values()) - {Cue.ACCEPT} and not any(one.kind is Cue.YES for one in found):
        return False
    if any(_foreign(tokens[place], parts(tokens[place].form)) for place in left):
        return False
    cancels = not _CANCELS.isdisjoint(anchors.values())
    if not cancels and any(token.form.startswith(SETTLED) for token in tokens):
        return False
    known = {place for one in found for place in one.places}
    return all(_Story(tokens, run, known, parts).holds(anchors, cancels) for run in _runs(len(tokens), left, anchors))


def mine_not(tokens: Sequence[Token], place: int, parts: Parts) -> bool:
    """Whether the "не" at `place` is of what I do: "отмените, я не потяну"."""
    if place + 1 >= len(tokens) or _foreign(tokens[place + 1], parts(tokens[place + 1].form)):
        return False
    return parts(tokens[place + 1].form) <= {"mine", "now"}


def _now(tokens: Sequence[Token], one: Found[Cue], parts: Parts) -> bool:
    """Whether a decision is made in so many words: "отмените", not "отменить" nor "откажусь"."""
    return one.kind not in _DECIDES - {Cue.ACCEPT} or any("now" in parts(tokens[place].form) for place in one.places)


def _agrees(tokens: Sequence[Token], one: Found[Cue]) -> bool:
    """ "Всё верно" speaks of the order, "всё хорошо" perhaps of the weather."""
    return one.kind in _AGREES and not STRONG.isdisjoint(tokens[place].form for place in one.places)


def _foreign(token: Token, parts: frozenset[str]) -> bool:
    """Whether a word may turn the sense of the whole."""
    if not parts or ("impr" in parts and "noun" not in parts) or not token.lemmas.isdisjoint(HINTS):
        return True
    return token.form.startswith(SAID) or token.form.startswith(FOREIGN)


def _runs(count: int, left: Sequence[int], anchors: dict[int, Cue]) -> list[range]:
    """The runs of words between decisions that hold any of `left`."""
    runs: list[range] = []
    start = 0
    for place in [*sorted(anchors), count]:
        if any(start <= one < place for one in left):
            runs.append(range(start, place))
        start = place + 1
    return runs


class _Story:
    """One run of words between decisions."""

    def __init__(self, tokens: Sequence[Token], run: range, known: set[int], parts: Parts) -> None:
        self._tokens = tokens
        self._known = known
        self._run = run
        self._parts = {place: parts(tokens[place].form) for place in run}
        self._nouns = self._free_nouns()

    def holds(self, anchors: dict[int, Cue], cancels: bool) -> bool:
        """Whether it is a story, and not what the decisions beside it speak of."""
        before, after = anchors.get(self._run.start - 1), anchors.get(self._run.stop)
        if not self._has_verb() and not (before is not None and self._follows(cancels)):
            alone = (before not in _DECIDES or self._after_aside()) and after not in _DECIDES
            return (alone or (cancels and self._tokens[self._run.start].form == "я")) and self._circumstance()
        if cancels and any("object" in self._parts[place] for place in self._nouns):
            return False
        if not cancels and any(_ORDERED in self._tokens[place].symbols for place in self._run):
            return True
        return not (before in _DECIDES and self._object(self._run)) and not (
            after in _DECIDES and self._object(reversed(self._run))
        )

    def _has_verb(self) -> bool:
        verbs = [place for place, kinds in self._parts.items() if "noun" not in kinds and not kinds.isdisjoint(_VERBS)]
        if any("mine" in self._parts[place] or self._tokens[place].form.startswith(REASONS) for place in verbs):
            return True
        forms = {self._tokens[place].form for place in self._run}
        if "мы" in forms:
            return bool(verbs)
        mine = "я" in forms or (_OTHERS.isdisjoint(forms) and not any("subject" in self._parts[n] for n in self._nouns))
        return mine and any("past" in self._parts[place] for place in verbs)

    def _follows(self, cancels: bool) -> bool:
        """A story after a cancellation may be of anybody, after a confirmation of me and mine.

        "Подтверждаю, отозвался голос" is a quotation: its verb comes first.
        """
        forms = {self._tokens[place].form for place in self._run}
        first = next((place for place in self._run if not self._tokens[place].soft), self._run.start)
        if not _YOU.isdisjoint(forms) or not self._parts[first].isdisjoint(_VERBS):
            return False
        lead = {self._tokens[place].form for place in range(self._run.start, first)}
        if not cancels and "@kin" not in self._tokens[first].symbols and lead.isdisjoint(_OURS):
            return False
        return any(not kinds.isdisjoint(_VERBS) and "noun" not in kinds for kinds in self._parts.values())

    def _after_aside(self) -> bool:
        """ "Подтверждаю, не разбейте, по дороге": the circumstance is one of the aside before it."""
        words = [place for place in self._run if not self._tokens[place].soft]
        return bool(words) and words[0] in self._known

    def _circumstance(self) -> bool:
        """ "Всё верно, за школой": nothing but where it is."""
        words = [place for place in self._run if not self._tokens[place].soft and place not in self._known]
        return bool(words) and all("noun" in self._parts[place] and place not in self._nouns for place in words)

    def _free_nouns(self) -> list[int]:
        """The nouns that no preposition governs, nor another noun before them; words of time and the order left out."""
        free: list[int] = []
        governed = False
        for place in self._run:
            token, kinds = self._tokens[place], self._parts[place]
            if token.form in _PREPOSITIONS:
                governed = True
            elif token.numeral is None and "noun" not in kinds:
                governed = False
            elif not governed or ("subject" in kinds and "object" not in kinds):
                governed = "subject" not in kinds
                if self._may_act(place):
                    free.append(place)
        return free

    def _may_act(self, place: int) -> bool:
        """Whether a noun is none that a phrase explains, nor the order, nor a time, nor "этот"."""
        token = self._tokens[place]
        named = not token.form.startswith(TIMES) and token.lemmas.isdisjoint(_ORDER | _PRONOUNS)
        return named and place not in self._known

    def _object(self, places: Iterable[int]) -> bool:
        """Whether the first word that carries meaning may be an object; a preposition before it makes it none."""
        for place in places:
            kinds = self._parts[place]
            if self._tokens[place].soft and "noun" not in kinds:
                continue
            given = bool(kinds & {"oblique", "subject"}) and "@kin" in self._tokens[place].symbols
            given = given or [token.form for token in self._tokens[max(0, place - 2) : place]] in _HAVING
            return "inf" in kinds or (place in self._nouns and "object" in kinds and not given)
        return False
