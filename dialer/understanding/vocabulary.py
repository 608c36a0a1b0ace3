"""Words to symbols: every form of every word of the lexicon is known before the first call.

pymorphy3 (dictionaries of OpenCorpora) inflects the lexicon's lemmas once at load; at run time a word costs one
dictionary look-up. Words outside the lexicon carry no symbols. Only words that are not Russian at all are
examined further: glued words are split, slips are repaired.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pymorphy3

from dialer.understanding.numerals import ANNIVERSARIES, CARDINALS, ORDINALS, Numeral
from dialer.understanding.parts import readings
from dialer.understanding.patterns import SOFT
from dialer.understanding.repair import Repairs
from dialer.understanding.tokens import Word, split

#: OpenCorpora grammeme -> the notation of the lexicon.
_TAGS = {
    "past": "past",
    "impr": "impr",
    "INFN": "inf",
    "1per": "1",
    "2per": "2",
    "3per": "3",
    "PRTS": "short",
    "ADJS": "short",
    "nomn": "nomn",
    "datv": "datv",
}
#: At most this many words of one utterance are examined for slips, so that the cost stays bounded.
MAX_EXAMINED = 6
_CACHE_SIZE = 16_384
_MIN_UNKNOWN = 4
#: A torn word is repaired, not only joined, when its second part has this many letters.
_MIN_TORN = 6
#: Up to this many letters a second part is joined only when the whole is a key word and it is none itself.
_SHORT_TAIL = 3
_SPOKEN_ENDINGS = ("ова", "ово", "ева", "ево")


@dataclass(frozen=True, slots=True)
class Token:
    """One word with its meaning: `symbols` for phrases, `lemmas` for the date and address grammars."""

    word: Word
    form: str
    symbols: frozenset[str]
    lemmas: frozenset[str]
    numeral: Numeral | None

    @property
    def soft(self) -> bool:
        """Whether the word may stand inside any phrase and changes nothing."""
        return SOFT in self.symbols


_EMPTY: frozenset[str] = frozenset()


class Vocabulary:
    """All forms of the lexicon's words."""

    def __init__(
        self,
        groups: Iterable[tuple[str, ...]],
        classes: Mapping[str, str],
        extra_lemmas: Iterable[str],
        slips: Mapping[str, str],
        repairable: str,
        torn_prefixes: frozenset[str],
        broken_starts: frozenset[str],
    ) -> None:
        self._morph = pymorphy3.MorphAnalyzer(probability_estimator_cls=None)
        self._slips = {_level(heard): meant for heard, meant in slips.items()}
        self._torn = torn_prefixes
        self._broken = broken_starts
        self._atoms: dict[str, set[str]] = {}
        self._numerals: dict[str, Numeral] = {}
        self._known_tags: dict[str, tuple[str, ...] | None] = {}
        self._groups_of = _groups_by_atom(groups, classes)
        lemmas = {atom.split(".")[0] for atom in self._groups_of if not atom.startswith("=")}
        for lemma in sorted(lemmas | set(extra_lemmas) | set(repairable.split())):
            self._inflect(lemma)
        for atom in self._groups_of:
            if atom.startswith("="):
                self._atoms.setdefault(atom[1:], set()).add(atom)
        self._load_numerals()
        self._symbols = {form: self._symbols_of(atoms) for form, atoms in self._atoms.items()}
        self._lemmas = {form: frozenset(atoms) for form, atoms in self._atoms.items()}
        self._repairs = Repairs(self._key_words(repairable))
        self._examine = lru_cache(maxsize=_CACHE_SIZE)(self._examine_unknown)
        self.parts = lru_cache(maxsize=_CACHE_SIZE)(self._parts_of)

    def tokens(self, text: str) -> list[Token]:
        """The words of `text` with their meaning."""
        words = self._mend_torn(split(text))
        tokens: list[Token] = []
        examined = 0
        for word in words:
            forms: tuple[str, ...] | None = self._direct(word.text)
            if forms is None and examined < MAX_EXAMINED:
                examined += 1
                forms = self._examine(word.text)
            for number, form in enumerate(forms or (word.text,)):
                if form == "не" and tokens and tokens[-1].form == "не":
                    continue
                part = word if number == 0 else Word(form, form, " ", word.asked)
                tokens.append(self._token(part, form))
        return tokens

    def _parts_of(self, form: str) -> frozenset[str]:
        """What a word may be, by all its readings (see `parts`); empty for what is no Russian word."""
        if not self._morph.word_is_known(form):
            return _EMPTY
        return frozenset(name for parse in self._morph.parse(form) for name in readings(parse.tag))

    def _token(self, word: Word, form: str) -> Token:
        if form.isdigit():
            value = int(form) if len(form) < 7 else -1
            numeral = Numeral(value, ordinal=word.ordinal, day=word.ordinal, digits=True) if value >= 0 else None
            return Token(word, form, _EMPTY, _EMPTY, numeral)
        return Token(
            word, form, self._symbols.get(form, _EMPTY), self._lemmas.get(form, _EMPTY), self._numerals.get(form)
        )

    def _direct(self, text: str) -> tuple[str, ...] | None:
        """What a word is without examination: known, a listed slip, or digits; None if it must be examined."""
        slip = self._slips.get(text)
        if slip is not None:
            return tuple(slip.split())
        if text in self._symbols or text[0].isdigit() or len(text) == 1:
            return (text,)
        return None

    def _examine_unknown(self, text: str) -> tuple[str, ...]:
        """A word outside the lexicon: stretched, glued or misheard; itself if it is simply another word."""
        squeezed = _squeeze(text)
        if squeezed != text and (direct := self._direct(squeezed)) is not None:
            return direct
        if (ordinal := _spelled_as_spoken(text)) in self._numerals:
            return (ordinal,)
        if len(text) < _MIN_UNKNOWN or self._morph.word_is_known(text):
            return (text,)
        return self._unglue(text) or self._repaired(text) or (text,)

    def _repaired(self, text: str) -> tuple[str, ...] | None:
        form = self._repairs.find(text)
        return (form,) if form is not None else None

    def _unglue(self, text: str) -> tuple[str, ...] | None:
        """ "неотменяйте" -> "не отменяйте"; "даподтверждаю" -> "да подтверждаю"."""
        if text[:2] in ("не", "ни") and len(text) > 5:
            rest = text[2:]
            known = rest if rest in self._symbols else self._repairs.exact(rest)
            if known is not None and f"не{known}" in self._symbols:
                return (f"не{known}",)
            if known is not None:
                exact = self._repairs.exact(text)
                return (exact,) if exact is not None else ("не", known)
        for cut in range(len(text) - 3, 1, -1):
            left, right = text[:cut], text[cut:]
            if cut >= _MIN_UNKNOWN:
                left = self._slips.get(left, left)
            if left + right in self._symbols:
                return (left + right,)
            if left in self._symbols and right in self._symbols:
                return (left, right)
        return None

    def _mend_torn(self, words: list[Word]) -> list[Word]:
        """ "под тверждаю" -> "подтверждаю", when the parts make a word of the lexicon and the second is none alone."""
        mended: list[Word] = []
        for word in words:
            before = mended[-1] if mended else None
            if before is not None and (whole := self._joined(before.text, word.text)) is not None:
                mended[-1] = Word(whole, f"{before.raw}{word.raw}", before.glue, word.asked)
                continue
            mended.append(word)
        return mended

    def _joined(self, left: str, right: str) -> str | None:
        if self._slips.get(left, left) == "после" and right in ("завтра", "завтро"):
            return "послезавтра"
        if left == "интернет" and right.startswith("магазин"):
            return right
        if left not in self._torn or len(right) < 2:
            return None
        whole = left + right
        own_word = left not in self._broken and len(right) <= _SHORT_TAIL and right in self._symbols
        if whole in self._repairable and not own_word:
            return whole
        if len(right) <= _SHORT_TAIL or right in self._symbols or self._morph.word_is_known(right):
            return None
        return self._repairs.exact(whole) or (self._repairs.find(whole) if len(right) >= _MIN_TORN else None)

    def _key_words(self, repairable: str) -> dict[str, str]:
        """Form -> meaning, for spelling repair. Forms of two meanings are left out."""
        meaning_of = {lemma: line.split()[0] for line in repairable.splitlines() for lemma in line.split()}
        key_words: dict[str, str] = {}
        for form, atoms in self._atoms.items():
            meanings = {meaning_of[atom] for atom in atoms if atom in meaning_of}
            if len(meanings) == 1 and len(form) > 3:
                key_words[form] = meanings.pop()
        self._repairable = frozenset(key_words)
        return key_words

    def _inflect(self, lemma: str) -> None:
        """Register every form of `lemma`, with its grammemes in the lexicon's notation."""
        self._atoms.setdefault(lemma, set()).add(lemma)
        if not self._morph.word_is_known(lemma):
            return
        tags_of = self._tags_of
        for parse in self._morph.parse(lemma):
            if _level(parse.normal_form) != lemma:
                continue
            for variant in parse.lexeme:
                if len(variant.word) == 1 < len(lemma):
                    continue
                tags = tags_of(variant.tag)
                if tags is None:
                    continue
                atoms = self._atoms.setdefault(_level(variant.word), set())
                atoms.add(lemma)
                for tag in tags:
                    atoms.add(f"{lemma}.{tag}")

    def _tags_of(self, tag: Any) -> tuple[str, ...] | None:
        """The grammemes of a form in the lexicon's notation; None for participles and gerunds, which nobody says."""
        key = str(tag)
        if key not in self._known_tags:
            left_out = "PRTF" in tag or "GRND" in tag
            names = tuple(name for grammeme, name in _TAGS.items() if grammeme in tag)
            self._known_tags[key] = None if left_out else names
        return self._known_tags[key]

    def _load_numerals(self) -> None:
        for lemma, value in CARDINALS.items():
            self._add_numeral(lemma, value, ordinal=False)
        for lemma, value in ORDINALS.items():
            if lemma not in ANNIVERSARIES:
                self._add_numeral(lemma, value, ordinal=True)

    def _add_numeral(self, lemma: str, value: int, *, ordinal: bool) -> None:
        for parse in self._morph.parse(lemma):
            if _level(parse.normal_form) != lemma or (parse.tag.POS == "NOUN" and value != 0):
                continue
            for variant in parse.lexeme:
                form = _level(variant.word)
                day = ordinal and "neut" in variant.tag and "sing" in variant.tag
                known = self._numerals.get(form)
                self._numerals[form] = Numeral(value, ordinal, day or (known is not None and known.day))
                self._atoms.setdefault(form, set()).add(lemma)

    def _symbols_of(self, atoms: set[str]) -> frozenset[str]:
        symbols: set[str] = set()
        for atom in atoms:
            symbols.update(self._groups_of.get(atom, ()))
        return frozenset(symbols)


def _groups_by_atom(groups: Iterable[tuple[str, ...]], classes: Mapping[str, str]) -> dict[str, set[str]]:
    """Atom ("отменить.impr", "=все") -> the symbols of all elements that it satisfies."""
    by_atom: dict[str, set[str]] = {}
    named = [(f"@{name}", tuple(members.split())) for name, members in classes.items()]
    for symbol, alternatives in [*named, *(("|".join(group), group) for group in groups)]:
        for alternative in alternatives:
            members = classes[alternative[1:]].split() if alternative.startswith("@") else [alternative]
            for atom in members:
                by_atom.setdefault(_level(atom), set()).add(symbol)
    return by_atom


def _level(text: str) -> str:
    return text.replace("ё", "е")


def _spelled_as_spoken(text: str) -> str:
    """ "шестова" -> "шестого": the ending of an ordinal as it sounds."""
    return f"{text[:-2]}го" if text.endswith(_SPOKEN_ENDINGS) else ""


def _squeeze(text: str) -> str:
    """Every run of one letter becomes a single letter."""
    return "".join(letter for place, letter in enumerate(text) if place == 0 or letter != text[place - 1])
