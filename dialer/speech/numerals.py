"""Russian numerals as words: cardinals and ordinals with case and gender, numbers in groups, spelled letters.

The forms are num2words' (`lang_RU`). A case is one of its letters: n(ominative), g(enitive), d(ative),
a(ccusative), i(nstrumental), p(repositional); a gender is m, f or n(euter).
"""

from __future__ import annotations

import re

from num2words import num2words

_CYRILLIC = (
    "а=а б=бэ в=вэ г=гэ д=дэ е=е ё=ё ж=жэ з=зэ и=и й=и_краткое к=ка л=эль м=эм н=эн о=о п=пэ р=эр с=эс т=тэ у=у ф=эф "
    "х=ха ц=цэ ч=че ш=ша щ=ща ъ=твёрдый_знак ы=ы ь=мягкий_знак э=э ю=ю я=я"
)
_LATIN = (
    "a=а b=бэ c=цэ d=дэ e=е f=эф g=гэ h=аш i=и j=джей k=ка l=эль m=эм n=эн o=о p=пэ q=ку r=эр s=эс t=тэ u=у v=вэ "
    "w=дабл_вэ x=икс y=игрек z=зэт"
)
_LETTERS = {
    letter: name.replace("_", " ") for letter, name in (pair.split("=") for pair in (_CYRILLIC + " " + _LATIN).split())
}

#: How many digits a person reads at a time, by the length of the number; others are read in threes.
_GROUPS: dict[int, tuple[int, ...]] = {
    4: (2, 2),
    5: (2, 3),
    7: (3, 2, 2),
    8: (2, 2, 2, 2),
    10: (3, 3, 2, 2),
    11: (1, 3, 3, 2, 2),
}
#: Ordinal endings written after a figure ("1-я", "25-го"): case and gender.
_ENDINGS: dict[str, tuple[str, str]] = {
    "й": ("n", "m"),
    "ый": ("n", "m"),
    "ий": ("n", "m"),
    "я": ("n", "f"),
    "ая": ("n", "f"),
    "е": ("n", "n"),
    "ое": ("n", "n"),
    "го": ("g", "m"),
    "ого": ("g", "m"),
    "му": ("d", "m"),
    "ому": ("d", "m"),
    "ой": ("g", "f"),
    "ю": ("a", "f"),
    "ую": ("a", "f"),
    "м": ("p", "m"),
    "ом": ("p", "m"),
}


def cardinal(number: int, case: str = "n", gender: str = "m") -> str:
    """'twenty two' of a lifeless thing: accusative "два", "двадцать одну", never "двух".

    A leading "одна тысяча" loses its "одна", as people say it.
    """
    words = str(num2words(number, lang="ru", case=case, gender=gender, animate=False))
    return re.sub(r"^(?:одна|одной|одну) (?=тысяч)", "", words)


def ordinal(number: int, case: str = "n", gender: str = "m") -> str:
    """'twenty second' of a lifeless thing."""
    return str(num2words(number, lang="ru", to="ordinal", case=case, gender=gender, animate=False))


def ordinal_with_ending(number: int, ending: str) -> str:
    """A figure with its written ending: (1, "я") is "первая".

    Raises ValueError for an ending that no ordinal has.
    """
    if ending not in _ENDINGS:
        raise ValueError(f"no ordinal ends in {ending!r}")
    case, gender = _ENDINGS[ending]
    return ordinal(number, case, gender)


def plural(number: int, one: str, few: str, many: str) -> str:
    """The noun's form after a number in the nominative: 1 рубль, 2 рубля, 5 рублей, 11 рублей, 21 рубль."""
    if number % 100 in (11, 12, 13, 14):
        return many
    return one if number % 10 == 1 else few if number % 10 in (2, 3, 4) else many


def in_groups(digits: str) -> str:
    """A long number as a person reads it out: "45678" is "сорок пять, шестьсот семьдесят восемь".

    Up to three digits are one number; four are two pairs (a round one stays a number: "три тысячи"); leading zeros
    are said one by one. The commas are pauses that keep 20|345 apart from 23|45.
    """
    if len(digits) == 4 and digits.endswith("00") and not digits.startswith("0"):
        return cardinal(int(digits))
    sizes = _GROUPS.get(len(digits)) or _threes(len(digits))
    groups, position = [], 0
    for size in sizes:
        groups.append(_group(digits[position : position + size]))
        position += size
    return ", ".join(groups)


def spelled(letters: str) -> str:
    """Letter by letter: "ТВ" is "тэ вэ"; Latin letters by the names that Russians give them."""
    return " ".join(_LETTERS.get(letter, letter) for letter in letters.lower())


def code(text: str) -> str:
    """An order number of letters and digits: "ТВ-45678" is "тэ вэ, сорок пять, шестьсот семьдесят восемь"."""
    parts = re.findall(r"\d+|[^\W\d_]+", text)
    return ", ".join(in_groups(part) if part.isdigit() else spelled(part) for part in parts)


def _threes(length: int) -> tuple[int, ...]:
    first = length % 3
    return ((first,) if first else ()) + (3,) * (length // 3)


def _group(digits: str) -> str:
    value = digits.lstrip("0")
    zeros = ["ноль"] * (len(digits) - len(value))
    return " ".join([*zeros, *([cardinal(int(value))] if value else [])])
