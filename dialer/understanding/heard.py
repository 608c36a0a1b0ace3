"""One utterance taken apart: cues, dates, times, an address, and how much of it was not understood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from dialer.domain.intent import Expect
from dialer.understanding import grammar
from dialer.understanding.addresses import Address, find_address
from dialer.understanding.amounts import is_small, spans, sums
from dialer.understanding.concession import deciding_tail
from dialer.understanding.dates import DateGrammar, chosen
from dialer.understanding.denials import DateMention, is_past
from dialer.understanding.lexicon.cues import Cue
from dialer.understanding.numerals import Number, numbers
from dialer.understanding.patterns import Found
from dialer.understanding.times import TimeGrammar, TimeMention
from dialer.understanding.told import mine_not, told
from dialer.understanding.vocabulary import Token

#: Words that propose something rather than state it.
_PROPOSING = frozenset(
    """давайте давай лучше можно можете хочу хотел хотела хотелось удобнее тогда бы нельзя если могу смогу можем сможете
    приму""".split()
)
#: What a "нет" that follows takes back.
_DECISIONS = frozenset(
    {Cue.CANCEL, Cue.CANCEL_ORDER, Cue.REFUSE, Cue.CONFIRM, Cue.CONFIRM_PLEASE, Cue.ACCEPT, Cue.WAIT, Cue.RIGHT}
    | {Cue.FIT, Cue.CONFIRM_FUTURE}
)
#: Words of a wish that "but" takes back.
_WISHED = frozenset("бы б хотел хотела хотели думал думала думали собирался собиралась собирались".split())
_GOOD = frozenset({"добрый", "доброе", "доброго", "доброй"})
_TIMES_OF_DAY = frozenset({"день", "вечер", "утро", "дня", "вечера", "утра", "ночи"})
#: What may stand before a greeting.
_CALLS = frozenset({"алло", "але", "да", "слушаю"})
_COMPLEMENTS = frozenset(
    """в во на по с со к ко у от из за для о об про при до так надо нужно нужен нужна нужны
    курьером курьеру доставкой посылкой магазин магазина благодарность благодарности
    большой большая большую большого большое большие побольше дороже подороже""".split()
)
#: Prepositions that put even a plain decision under a condition: "откажусь при курьере".
_SETTINGS = frozenset("при про без через до под".split())
#: "Не надо, нет" refuses twice, "не надо, ой нет" takes it back.
_TAKING_BACK = frozenset({"ой", "ай", "хотя", "точнее", "вернее", "а"})
_LIVING = frozenset({"жить", "проживать"})
_ADDRESS_EXPECTED = frozenset({Expect.ASK_ADDRESS, Expect.VERIFY_ADDRESS})
_DATE_EXPECTED = frozenset({Expect.ASK_DATE, Expect.VERIFY_DATE, Expect.ASK_TIME})


@dataclass(frozen=True, slots=True)
class Heard:
    """What one utterance holds. `residue` counts the words that carry meaning and that nothing explains."""

    cues: frozenset[Cue]
    residue: int
    #: The residue only tells a story beside the decision.
    told: bool
    #: Nouns of the order ("дата", "адрес") that nothing explains.
    nouns: int
    #: Soft words that are not quiet: too many beside a bare "yes".
    loose: int
    words: int
    #: A word had to be repaired to be understood.
    repaired: bool
    day: date | None = None
    time: TimeMention | None = None
    address: Address | None = None
    #: "не сорок два, а сорок три": (42, 43).
    contrast: tuple[int, int] | None = None


def hear(text: str, expect: Expect, today: date) -> Heard:
    """Take `text` apart. Costs well under a millisecond once the grammar is loaded."""
    tokens, greeted = _without_greeting(grammar.vocabulary().tokens(text))
    found = grammar.phrases().find([token.symbols for token in tokens])
    if tail := deciding_tail(tokens, found):
        tokens = tokens[tail:]
        found = grammar.phrases().find([token.symbols for token in tokens])
    spoken = numbers(tokens)
    mentions = DateGrammar(tokens, spoken, today, bare_digits=expect in _DATE_EXPECTED).find() if tokens else []
    taken = {place for mention in mentions for place in range(mention.start, mention.end)}
    mentions = [mention for mention in mentions if not is_past(mention, tokens)]
    clock = TimeGrammar(tokens, spoken, taken).find()
    taken.update(place for mention in clock for place in range(mention.start, mention.end))
    asked = expect in _ADDRESS_EXPECTED or (any("@deliver" in token.symbols for token in tokens) and not clock)
    lasting = spans(tokens, spoken)
    address = _address(tokens, spoken, asked and not mentions and not lasting)
    taken.update(lasting)
    if address is not None:
        taken.update(range(address.start, address.end))
    heard = _summary(tokens, found, spoken, mentions, clock, address, taken)
    return replace(heard, loose=heard.loose + greeted)


def _without_greeting(tokens: list[Token]) -> tuple[list[Token], int]:
    """The words after "добрый день", and how many greetings were taken off. A greeting alone stays."""
    for place in range(len(tokens) - 2):
        if tokens[place].form in _GOOD and tokens[place + 1].form in _TIMES_OF_DAY:
            return tokens[:place] + tokens[place + 2 :], 1
        if not tokens[place].soft and tokens[place].form not in _CALLS:
            break
    return tokens, 0


def _address(tokens: Sequence[Token], spoken: Sequence[Number], asked: bool) -> Address | None:
    """An address: after a question for one anything with a name and a number, else only what says "улица" or "дом"."""
    address = find_address(tokens, spoken)
    if address is None or address.sure:
        return address
    return address if asked else None


def _summary(
    tokens: Sequence[Token],
    found: Sequence[Found[Cue]],
    spoken: Sequence[Number],
    mentions: Sequence[DateMention],
    clock: Sequence[TimeMention],
    address: Address | None,
    taken: set[int],
) -> Heard:
    cues = {one.kind for one in found if not _mere_particle(tokens, one)}
    explained = taken.union(*(one.places for one in found))
    denials = {m.start - 1 for m in mentions if m.denied} | {m.start - 2 for m in mentions if m.denied}
    amounts = sums(tokens)
    left = [
        place
        for place, token in enumerate(tokens)
        if place not in explained and not token.soft and token.numeral is None and len(token.form) > 1
        if place not in amounts
    ]
    parts = grammar.vocabulary().parts
    cancels = not cues.isdisjoint({Cue.CANCEL, Cue.CANCEL_ORDER})
    stray = [place for place in left if tokens[place].form == "не" and place not in denials]
    if any(not (cancels and mine_not(tokens, place, parts)) for place in stray):
        cues.add(Cue.STRAY_NOT)
    loose_forms = {token.form for place, token in enumerate(tokens) if place not in explained}
    if not loose_forms.isdisjoint(_COMPLEMENTS):
        cues.add(Cue.COMPLEMENT)
    if not loose_forms.isdisjoint(_SETTINGS):
        cues.add(Cue.SETTING)
    because = min((one.places[0] for one in found if one.kind is Cue.BECAUSE), default=len(tokens))
    if any("@topic" in token.symbols for place, token in enumerate(tokens) if place not in explained):
        cues.add(Cue.TOPIC)
    if _names_other_place(tokens, left):
        cues.add(Cue.ADDRESS_CHANGE)
    if _retracted(tokens, found):
        cues.add(Cue.RETRACTED)
    nouns = {place for place in left if "@plain_noun" in tokens[place].symbols}
    if _asks_of_noun(tokens, nouns):
        cues.add(Cue.QUESTION)
    residue = [place for place in left if place < because and place not in nouns and tokens[place].form != "не"]
    cues.update(_derived(tokens, mentions, clock, address))
    unexplained = [number for number in spoken if number.start not in explained]
    if unexplained:
        cues.add(Cue.NUMBER)
        if all(is_small(tokens, number) for number in unexplained):
            cues.add(Cue.PART)
        if any(number.start and tokens[number.start - 1].form == "за" for number in unexplained):
            cues.add(Cue.SETTING)
    if Cue.BUT in cues and (_open_tail(found, residue) or _only_wished(tokens, found)):
        cues.add(Cue.OPEN_TAIL)
    return Heard(
        cues=frozenset(cues),
        residue=len(residue),
        told=bool(residue) and told(tokens, found, residue, parts),
        nouns=len(nouns),
        loose=sum(_is_loose(token) for place, token in enumerate(tokens) if place not in explained),
        words=len(tokens),
        repaired=any(tokens[place].form != tokens[place].word.text for one in found for place in one.places),
        day=chosen(mentions, tokens),
        time=clock[-1] if clock else None,
        address=address,
        contrast=_contrast(tokens, spoken),
    )


def _derived(
    tokens: Sequence[Token],
    mentions: Sequence[DateMention],
    clock: Sequence[TimeMention],
    address: Address | None,
) -> set[Cue]:
    """Cues that come from grammars rather than from phrases."""
    cues: set[Cue] = set()
    if any(not mention.denied for mention in mentions):
        cues.add(Cue.DATE)
    if any(mention.denied for mention in mentions):
        cues.add(Cue.NOT_DATE)
    if clock:
        cues.add(Cue.TIME if clock[-1].delay_s is None else Cue.DELAY)
    if address is not None:
        cues.add(Cue.ADDRESS)
    forms = [token.form for token in tokens]
    if not _PROPOSING.isdisjoint(forms):
        cues.add(Cue.PROPOSAL)
    if "не" in forms and "а" in forms:
        cues.add(Cue.CONTRAST)
    if any(token.word.asked for token in tokens):
        cues.add(Cue.ASKED)
    return cues


def _mere_particle(tokens: Sequence[Token], found: Found[Cue]) -> bool:
    """The "да" of "да нет, не надо" agrees with nothing."""
    start = found.places[0]
    return found.kind is Cue.YES and [token.form for token in tokens[start : start + 3]] == ["да", "нет", "не"]


def _names_other_place(tokens: Sequence[Token], left: Sequence[int]) -> bool:
    """ "Не на Ленина, а на Мира", "я не на Ленина живу": a place by a name that nothing explains, denied."""
    forms = [token.form for token in tokens]
    for place in left:
        if forms[max(0, place - 2) : place] not in (["не", "на"], ["не", "по"]):
            continue
        if forms[place + 1 : place + 3] in (["а", "на"], ["а", "по"]) and place + 3 in left:
            return True
        if any(not _LIVING.isdisjoint(token.lemmas) for token in tokens[place + 1 : place + 2]):
            return True
    return False


def _asks_of_noun(tokens: Sequence[Token], nouns: set[int]) -> bool:
    """ "Подтверждаю, а сумма?": a noun after "а" with nothing said of it."""
    last = next((place for place in reversed(range(len(tokens))) if not tokens[place].soft or place in nouns), 0)
    return last in nouns and last > 0 and tokens[last - 1].form == "а"


def _is_loose(token: Token) -> bool:
    return token.soft and "@quiet" not in token.symbols


def _retracted(tokens: Sequence[Token], found: Sequence[Found[Cue]]) -> bool:
    """Whether a "нет" comes after the last word of a decision."""
    decisions = [one.places[-1] for one in found if one.kind in _DECISIONS]
    refusals = [one.places[0] for one in found if one.kind is Cue.NO]
    if not refusals:
        return False
    if decisions and refusals[-1] > decisions[-1]:
        return True
    declined = [one.places[-1] for one in found if one.kind in (Cue.DECLINE, Cue.CHANGED_MIND)]
    return bool(declined) and refusals[-1] > declined[-1] and tokens[refusals[-1] - 1].form in _TAKING_BACK


def _open_tail(found: Sequence[Found[Cue]], residue: Sequence[int]) -> bool:
    """Whether what follows the last "но" is missing or not understood."""
    last = max(one.places[-1] for one in found if one.kind is Cue.BUT)
    follows = {one.kind for one in found if one.places[0] > last} - {Cue.BYE}
    return not follows or Cue.BUSY in follows or any(place > last for place in residue)


def _only_wished(tokens: Sequence[Token], found: Sequence[Found[Cue]]) -> bool:
    """ "Отменил бы, но жена против": what would be done, if it were not for what follows."""
    last = max(one.places[-1] for one in found if one.kind is Cue.BUT)
    return any(token.form in _WISHED for token in tokens[:last])


def _contrast(tokens: Sequence[Token], spoken: Sequence[Number]) -> tuple[int, int] | None:
    """The wrong and the right number of "не сорок два а сорок три" or "сорок три а не сорок два"."""
    if len(spoken) != 2:
        return None
    first, second = spoken
    between = [token.form for token in tokens[first.end : second.start]]
    if "а" not in between:
        return None
    if "не" in between:
        return second.value, first.value
    return (first.value, second.value) if "не" in (token.form for token in tokens[: first.start]) else None
