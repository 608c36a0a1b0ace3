"""The small language in which the lexicon is written, and the trie that finds its phrases.

A phrase is a row of elements separated by spaces. An element is one or more alternatives joined by `|`:

    отменить         any form of the word
    отменить.impr    only forms with that grammeme: past impr inf 1 2 3 short nomn datv
    =все             exactly this form
    @cancel          any member of the class `cancel`

A trailing `?` makes an element optional. Between two elements up to MAX_GAP soft words (fillers, pronouns,
politeness, particles) may stand, so "адрес @change" finds "адрес мне пожалуйста поменяйте".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Generic, TypeVar

MAX_GAP = 3
#: The symbol that every soft word carries.
SOFT = "@soft"
#: A thought ends here: no phrase reaches across.
TURN = "@turn"
#: A new thought may begin here: a phrase with "не" in it never reaches across ("не надо, можно отменить").
FRESH = "@fresh"
#: The only words that may stand between "не" and what it negates; "не очень", "не мой", "не всё" negate those words.
LIGHT = "@light"
_NOT = "не"

Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True)
class Found(Generic[Kind]):
    """One phrase found: what it means and the positions of the words that matched (gaps not included)."""

    kind: Kind
    places: tuple[int, ...]
    #: Phrases added earlier win ties.
    rank: int


@dataclass(slots=True)
class _Node(Generic[Kind]):
    children: dict[str, _Node[Kind]] = field(default_factory=dict)
    kind: Kind | None = None
    rank: int = 0
    #: The last element was "не".
    negates: bool = False
    #: There is a "не" among the elements.
    negated: bool = False


def elements(phrase: str) -> list[tuple[str, ...]]:
    """The alternatives of each element of a phrase without optional elements."""
    return [tuple(part.split("|")) for part in phrase.split()]


def expand_optional(phrase: str) -> list[str]:
    """All readings of a phrase with `?` elements; the empty one is left out."""
    choices = [(part[:-1], "") if part.endswith("?") else (part,) for part in phrase.split()]
    return [reading for combination in product(*choices) if (reading := " ".join(filter(None, combination)))]


def symbol(alternatives: tuple[str, ...]) -> str:
    """The one symbol that stands for an element in the trie."""
    return alternatives[0] if len(alternatives) == 1 else "|".join(alternatives)


class Phrases(Generic[Kind]):
    """Phrases of many kinds, searched together. Longer phrases win over shorter ones that overlap them."""

    def __init__(self) -> None:
        self._root: _Node[Kind] = _Node()
        self.groups: set[tuple[str, ...]] = set()
        self._added = 0

    def add(self, phrase: str, kind: Kind) -> None:
        """Add one phrase. When two kinds claim the same phrase the first keeps it."""
        for reading in expand_optional(phrase):
            node = self._root
            for alternatives in elements(reading):
                self.groups.add(alternatives)
                name = symbol(alternatives)
                child = _Node[Kind](negates=name == _NOT, negated=node.negated or name == _NOT)
                node = node.children.setdefault(name, child)
            if node.kind is None:
                node.kind = kind
                self._added += 1
                node.rank = self._added

    def find(self, words: Sequence[frozenset[str]]) -> list[Found[Kind]]:
        """The phrases in `words` (one set of symbols per word), without overlaps, in order of their beginning."""
        found: list[Found[Kind]] = []
        for start, symbols in enumerate(words):
            for child in _step(self._root, symbols):
                self._walk(child, words, (start,), found)
        found.sort(key=_preference)
        taken: set[int] = set()
        kept: list[Found[Kind]] = []
        for candidate in found:
            if taken.isdisjoint(candidate.places):
                taken.update(candidate.places)
                kept.append(candidate)
        kept.sort(key=lambda one: one.places[0])
        return kept

    def _walk(
        self, node: _Node[Kind], words: Sequence[frozenset[str]], places: tuple[int, ...], found: list[Found[Kind]]
    ) -> None:
        if node.kind is not None:
            found.append(Found(node.kind, places, node.rank))
        if not node.children:
            return
        at = places[-1] + 1
        for nxt in range(at, min(at + MAX_GAP + 1, len(words))):
            symbols = words[nxt]
            for child in _step(node, symbols):
                self._walk(child, words, (*places, nxt), found)
            if not _spans(node, symbols):
                return


def _spans(node: _Node[Kind], symbols: frozenset[str]) -> bool:
    """Whether a phrase that has come to `node` may reach across a word with these symbols."""
    if SOFT not in symbols or TURN in symbols:
        return False
    if node.negates:
        return LIGHT in symbols
    return not (node.negated and FRESH in symbols)


def _step(node: _Node[Kind], symbols: frozenset[str]) -> Iterable[_Node[Kind]]:
    children = node.children
    if len(children) < len(symbols):
        return [child for key, child in children.items() if key in symbols]
    return [children[key] for key in symbols if key in children]


def _preference(found: Found[Kind]) -> tuple[int, int, int, int]:
    """More words first, then the tighter, then the earlier in the text, then the earlier in the lexicon."""
    places = found.places
    return (-len(places), places[-1] - places[0], places[0], found.rank)
