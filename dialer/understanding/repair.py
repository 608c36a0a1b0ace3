"""Repairs recognition slips: an unknown word that is nearly a key word is taken for it ("пацтверждаю").

Only words that are no Russian words come here, only a small set of key words can come out, and a word near
two key words of different meaning is left alone: a slip must never turn an innocent word into a decision.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

#: Below this length (of the sound key) a word is repaired only when it sounds exactly like a key word.
MIN_LENGTH = 5
#: From this length on a letter lost here and another won there is forgiven, below it one slip.
TWO_SLIPS_LENGTH = 8
MAX_SLIPS = 2
_MAX_LENGTH = 20

#: How Russian sounds: unstressed vowels and voiced consonants fall together.
_SOUNDS = str.maketrans(
    {"о": "а", "е": "и", "э": "и", "ы": "и", "я": "а", "й": "и", "ю": "у", "ь": "", "ъ": ""}
    | {"б": "п", "в": "ф", "г": "к", "д": "т", "ж": "ш", "з": "с", "щ": "ш"}
)
_CLUSTERS = (
    (re.compile(r"(?<=[ое])го$"), "во"),
    (re.compile(r"(?<=[юу])ся$"), "сь"),
    (re.compile(r"т[ь]?с|дс|тц|дц|тч|дч"), "ц"),
    (re.compile(r"чн"), "шн"),
    (re.compile(r"стн|здн"), "сн"),
    (re.compile(r"вств"), "ств"),
    (re.compile(r"сч|зч"), "щ"),
)
#: Endings of what customers say of their order: requests and "I".
_SAID = ("йте", "ите", "юсь", "усь", "ю")
_DOUBLE = re.compile(r"(.)\1+")


def sound(word: str) -> str:
    """How a word sounds, roughly: words that a recogniser mixes up share a key."""
    for cluster, instead in _CLUSTERS:
        word = cluster.sub(instead, word)
    return _DOUBLE.sub(r"\1", word.translate(_SOUNDS))


def distance(one: str, other: str, limit: int) -> int:
    """Edits (insert, delete, replace, swap neighbours) between two words; more than `limit` counts as `limit + 1`."""
    if abs(len(one) - len(other)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        nxt = [i]
        for j, b in enumerate(other, 1):
            cost = min(row[j] + 1, nxt[j - 1] + 1, row[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            nxt.append(cost)
        before, row = row, nxt
        if min(row) > limit:
            return limit + 1
    return row[-1]


class Repairs:
    """Finds the key word that an unknown word was meant to be.

    `key_words` maps each form to its meaning (any string that tells meanings apart, such as the lemma).
    """

    def __init__(self, key_words: Mapping[str, str]) -> None:
        self._meaning = dict(key_words)
        self._by_sound: dict[str, list[str]] = {}
        for form in self._meaning:
            self._by_sound.setdefault(sound(form), []).append(form)
        self._near: dict[str, list[str]] = {}
        for key in self._by_sound:
            if len(key) >= MIN_LENGTH:
                for shorter in _shortened(key):
                    self._near.setdefault(shorter, []).append(key)

    def exact(self, word: str) -> str | None:
        """The key word that sounds exactly like `word`."""
        return self._choose(self._by_sound.get(sound(word), ()), word)

    def find(self, word: str) -> str | None:
        """The key word nearest to `word`, or None when there is none or when meanings compete."""
        if len(word) > _MAX_LENGTH:
            return None
        heard = sound(word)
        same = self._by_sound.get(heard)
        if same is not None:
            return self._choose(same, word)
        if len(heard) < MIN_LENGTH:
            return None
        near: dict[int, list[str]] = {}
        for key in {key for shorter in _shortened(heard) for key in self._near.get(shorter, ())}:
            slips = distance(heard, key, MAX_SLIPS)
            if slips == 1 or (slips == MAX_SLIPS and min(len(heard), len(key)) >= TWO_SLIPS_LENGTH):
                near.setdefault(slips, []).extend(self._by_sound[key])
        return self._choose(near[min(near)], word) if near else None

    def _choose(self, forms: Iterable[str], word: str) -> str | None:
        """The form written most like `word`, if all candidates mean the same."""
        candidates = list(forms)
        if len({self._meaning[form] for form in candidates}) != 1:
            return None
        # Of equals the longer one: recognisers lose letters more often than they add any.
        return min(candidates, key=lambda form: (distance(form, word, 4), -len(form), not form.endswith(_SAID), form))


def _shortened(key: str) -> set[str]:
    """`key`, and `key` with any one letter left out."""
    return {key, *(key[:gone] + key[gone + 1 :] for gone in range(len(key)))}
