"""Dictated addresses: "улица ленина дом пятнадцать квартира сорок два" is "улица ленина, дом 15, квартира 42"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dialer.understanding.numerals import Number
from dialer.understanding.vocabulary import Token

#: Longer texts are no address.
MAX_ADDRESS = 200

#: Words that name a street and stand before or after its name.
STREETS = frozenset(
    {"улица", "проспект", "переулок", "бульвар", "шоссе", "набережная", "площадь", "проезд", "аллея", "тупик"}
    | {"тракт", "микрорайон", "квартал"}
)
#: Words that name a settlement.
SETTLEMENTS = frozenset(
    {"город", "поселок", "село", "деревня", "станица", "область", "край", "район", "снт", "хутор", "республика"}
)
#: Words that a number or a letter follows.
UNITS = frozenset(
    {"дом", "корпус", "строение", "квартира", "подъезд", "этаж", "литера", "офис", "участок", "помещение"}
    | {"комната", "домофон", "владение", "секция", "код"}
)
_KEYWORDS = STREETS | SETTLEMENTS | UNITS
#: What people say around an address.
_INTRO_LEMMAS = frozenset(
    {"записывать", "записать", "писать", "диктовать", "продиктовать", "адрес", "новый", "привезти", "доставить"}
    | {"везти", "доставлять", "привозить", "отправить", "верно", "правильно", "неправильно", "неверно", "неверный"}
    | {"почти", "поменять", "исправить", "изменить", "хотеть", "находиться", "жить", "следующий", "другой", "сменить"}
    | {"работа", "переехать", "съехать"}
)
_INTRO_FORMS = frozenset(
    {
        "нет",
        "неа",
        "теперь",
        "да",
        "не",
        "так",
        "ага",
        "угу",
        "хорошо",
        "только",
        "но",
        "на",
        "по",
        "в",
        "а",
        "лучше",
        "тогда",
        "все",
    }
    | {"будет", "это", "там", "ой", "ладно", "конечно", "давайте", "давай", "из", "к", "до", "именно", "точнее"}
    | {"алло", "верный", "номер", "указано", "указан", "туда", "сюда", "совсем", "заново", "вот", "ошибка"}
)
#: Words inside an address that say nothing.
_FILLERS = frozenset(
    """э эм м ну значит вот это пожалуйста там будет номер под номером дальше потом у нас и еще спасибо меня мне нам же
    то тот та уже только частный собственный прежняя прежний самая""".split()
)
_LETTERS = frozenset("абвгдежкн")
LEMMAS = _KEYWORDS | _INTRO_LEMMAS | {"дробь"}
#: Kinds whose lemma is levelled.
_SPELLED = {"поселок": "посёлок"}
#: Words of other wishes: what stands before them is no part of an address.
_WISHES = frozenset({"@confirm", "@confirm_please", "@deliver_any", "@deliver_they", "@change", "@cancel"})
_TAKEN_BACK = frozenset({"нет", "ой", "точнее", "вернее", "извините", "ошибся", "ошиблась"})
#: How words of money begin.
_MONEY = ("тысяч", "рубл")
_UNIT_PARTS = [[unit] for unit in sorted(UNITS)]
_FEMININE_STREETS = frozenset({"улица", "набережная", "площадь", "аллея"})
_FEMININE, _MASCULINE, _NEUTER = ("ая", "яя", "ой", "ую"), ("ий", "ый", "ой"), ("ое", "ее")


@dataclass(frozen=True, slots=True)
class Address:
    """An address or a part of one. `sure`: a street, a house or the like is named by its kind."""

    text: str
    start: int
    end: int
    sure: bool
    #: It has a number.
    numbered: bool


def find_address(tokens: Sequence[Token], numbers: Sequence[Number]) -> Address | None:
    """The address in an answer, with introductions and contrasts ("а не сорок два") taken off; None without any."""
    places = _without_slips(tokens, _without_contrast(tokens, _stripped(tokens)))
    if not places:
        return None
    by_start = {number.start: number for number in numbers if number.start in places}
    keywords = [place for place in places if _keyword(tokens[place])]
    names = [place for place in places if _is_name(tokens[place])]
    sure = any(_has_value(place, places, tokens, by_start) for place in keywords)
    if not sure and not (by_start and names):
        return None
    text = render(tokens, places, by_start)
    if not text or len(text) > MAX_ADDRESS:
        return None
    return Address(text, places[0], places[-1] + 1, sure, bool(by_start))


def _keyword(token: Token) -> str | None:
    """The kind of address part that a word names."""
    for lemma in token.lemmas:
        if lemma in _KEYWORDS:
            return None if token.form == "дома" else lemma
    return None


def _is_name(token: Token) -> bool:
    if token.numeral is not None or token.soft or _keyword(token) or "@ask" in token.symbols:
        return False
    return len(token.form) > 2 and not token.form.startswith(_MONEY)


def _has_value(place: int, places: Sequence[int], tokens: Sequence[Token], numbers: dict[int, Number]) -> bool:
    """Whether an address word has its number, letter or name beside it."""
    unit = _keyword(tokens[place]) in UNITS
    at = places.index(place)
    for near in [*places[at + 1 : at + 2], *places[max(0, at - 1) : at]]:
        if near in numbers or (near < place and tokens[near].numeral is not None):
            return True
        if not unit and _is_name(tokens[near]):
            return True
        if unit and near > place and tokens[near].form in _LETTERS:
            return True
    return False


def _stripped(tokens: Sequence[Token]) -> list[int]:
    """The places that remain when what stands around the address is taken off."""
    start, end = _after_wishes(tokens), len(tokens)
    while start < end and _is_intro(tokens[start]) and not _is_great(tokens[start : start + 2]):
        start += 1
    while end > start and _is_intro(tokens[end - 1]) and tokens[end - 1].form not in _LETTERS:
        end -= 1
    return list(range(start, end))


def _is_great(tokens: Sequence[Token]) -> bool:
    """ "Большая Садовая": the first word is a part of the name."""
    return len(tokens) == 2 and tokens[0].form.startswith("больш") and _is_name(tokens[1])


def _after_wishes(tokens: Sequence[Token]) -> int:
    """The place after the last word of another wish that stands before the address ("подтверждаю, но везите ...")."""
    first = next((place for place, token in enumerate(tokens) if _keyword(token)), 0)
    return max((place + 1 for place in range(first) if _WISHES & tokens[place].symbols), default=0)


def _without_slips(tokens: Sequence[Token], places: list[int]) -> list[int]:
    """ "дом три, нет, пять" -> "дом пять"; "дом три, ой, дом пять" -> "дом пять"."""
    for at in range(1, len(places)):
        if tokens[places[at]].form not in _TAKEN_BACK:
            continue
        after = at + 1
        while after < len(places) and tokens[places[after]].form in _TAKEN_BACK:
            after += 1
        if after == len(places):
            return places[:at]
        kind = _keyword(tokens[places[after]])
        back = at
        if kind is None and tokens[places[after]].numeral:
            while back > 0 and tokens[places[back - 1]].numeral:
                back -= 1
        elif kind is not None:
            back = next((n for n in range(at) if _keyword(tokens[places[n]]) == kind), at)
        return _without_slips(tokens, places[:back] + places[after:])
    return places


def _is_intro(token: Token) -> bool:
    if token.numeral is not None or _keyword(token):
        return False
    return token.soft or token.form in _INTRO_FORMS or not token.lemmas.isdisjoint(_INTRO_LEMMAS)


def _without_contrast(tokens: Sequence[Token], places: list[int]) -> list[int]:
    """ "сорок три а не сорок два" -> "сорок три"; "не пять а семь" -> "семь"."""
    forms = [tokens[place].form for place in places]
    for at in range(len(forms) - 1):
        if forms[at] == "а" and forms[at + 1] == "не":
            until = next((n for n in range(at + 2, len(forms)) if _keyword(tokens[places[n]]) in UNITS), len(forms))
            return places[:at] + (places[until:] if until > at + 2 else [])
    if places and tokens[places[0] - 1].form == "не" and places[0] and "а" in forms[1:-1]:
        turn = forms.index("а")
        kinds = [place for place in places[:turn] if _keyword(tokens[place]) in UNITS]
        after = places[turn + 1 :]
        return after if any(_keyword(tokens[place]) for place in after) else kinds[-1:] + after
    if "не" in forms:
        no = forms.index("не")
        if "а" in forms[no:]:
            return places[:no] + places[forms.index("а", no) + 1 :]
        return places[:no]
    return places


def render(tokens: Sequence[Token], places: Sequence[int], numbers: dict[int, Number]) -> str:
    """The written form: digits for numerals, a comma before each new part."""
    parts: list[list[str]] = [[]]
    at = 0
    while at < len(places):
        place = places[at]
        token = tokens[place]
        number = numbers.get(place)
        if number is not None:
            at += number.end - number.start
            unit = _keyword(tokens[places[at]]) if at < len(places) else None
            if number.ordinal and unit in UNITS and not _awaits_number(parts[-1]):
                _open_part(parts, unit, tokens[places[at]])
                _add(parts, str(number.value))
                at += 1
                continue
            at += _add_number(parts, tokens, places, at, number)
            continue
        at += 1
        kind = _keyword(token)
        if kind is not None:
            _open_part(parts, kind, token)
        elif token.form == "дробь":
            _add(parts, "/")
        elif token.form not in _FILLERS:
            glued = token.word.glue == "-" and parts[-1]
            _add(parts, f"-{token.word.raw}" if glued else token.word.raw, glued=bool(glued))
    text = ", ".join(" ".join(part) for part in parts if part and not _unnamed(part))
    return text.replace(" / ", "/").strip(" /")


def _unnamed(part: list[str]) -> bool:
    """ "улица та же", "в офис": a part without its name or number."""
    return len(part) == 1 and part[0].replace("ё", "е") in _KEYWORDS


def _awaits_number(part: list[str]) -> bool:
    """ "дом первый подъезд второй": the number belongs to the house, not to the entrance that follows."""
    return len(part) == 1 and part[0] in UNITS | STREETS


def _open_part(parts: list[list[str]], kind: str, token: Token) -> None:
    """A new part begins at an address word, except that a street's name may stand before its kind."""
    last = parts[-1]
    if kind in STREETS and last and _names_street(last, kind):
        cut = -2 if len(last) > 1 and _begins_name(last[-2]) else -1
        name = last[cut:]
        parts[-1:] = [part for part in (last[:cut], [*name, token.word.raw]) if part]
        return
    if last:
        parts.append([])
    parts[-1].append(_SPELLED.get(kind, kind))


def _begins_name(word: str) -> bool:
    """ "Большая" Садовая, "1-я" Парковая."""
    return word.lower().startswith("больш") or (word[0].isdigit() and "-" in word)


def _names_street(part: list[str], kind: str) -> bool:
    """Whether a part ends in what may be a street's first name: "невский" (проспект), "7-й" (микрорайон)."""
    if len(part) == 2 and part[0].replace("ё", "е") in SETTLEMENTS:
        return False
    endings = _FEMININE if kind in _FEMININE_STREETS else _NEUTER if kind == "шоссе" else _MASCULINE
    return part[-1].lower().endswith(endings) or ("-" in part[-1][:4] and part[-1][0].isdigit())


def _add_number(parts: list[list[str]], tokens: Sequence[Token], places: Sequence[int], at: int, number: Number) -> int:
    """Write a number with the letter that follows it ("8а"); returns how many further places were used."""
    digits = str(number.value)
    if number.ordinal and not number.day and not number.digits and parts[-1][:1] not in _UNIT_PARTS:
        form = tokens[number.end - 1].form
        digits = f"{digits}-{form[-1]}"
    used = 0
    if at < len(places) and not number.ordinal and _is_letter_of(tokens, places, at):
        digits += tokens[places[at]].form
        used = 1
    last = parts[-1]
    if last and last[-1][-1:].isdigit() and len(last) > 1:
        parts.append([])
    _add(parts, digits)
    return used


def _is_letter_of(tokens: Sequence[Token], places: Sequence[int], at: int) -> bool:
    """A single letter after a number belongs to it when the address ends there or goes on with the next part."""
    if tokens[places[at]].form not in _LETTERS:
        return False
    return at + 1 == len(places) or _keyword(tokens[places[at + 1]]) is not None


def _add(parts: list[list[str]], text: str, *, glued: bool = False) -> None:
    if glued:
        parts[-1][-1] += text
    else:
        parts[-1].append(text)
