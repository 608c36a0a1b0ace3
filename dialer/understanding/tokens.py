"""Text to words: case, ё, punctuation, stretched letters and Latin look-alikes are levelled; nothing is understood yet.

Speech recognisers differ: some write punctuation and capitals, some neither. A word keeps its place in the text so
that an address can be rendered as it was said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Longer utterances are cut: an answer on the phone is short, and the cost per utterance stays bounded.
MAX_WORDS = 60
MAX_LENGTH = 2000

_WORD = re.compile(r"[а-яa-z]+|\d+(?:[.:/]\d+)*")
_CYRILLIC = re.compile(r"[а-я]")
_LATIN = re.compile(r"[a-z]")
_STRETCHED = re.compile(r"(.)\1{2,}")
_LOOK_ALIKES = str.maketrans("aceopxykmtbh", "асеорхукмтвн")
#: "25-го", "5-е": the ending of a written ordinal.
_ORDINAL_ENDINGS = frozenset({"го", "ого", "е", "ое", "му", "ому", "м", "й", "ый", "я", "ая"})


@dataclass(frozen=True, slots=True)
class Word:
    """One word: `text` is levelled, `raw` is as written; `glue` is what stood between it and the word before."""

    text: str
    raw: str
    glue: str
    #: A question mark follows.
    asked: bool = False
    #: Digits written as an ordinal ("25-го").
    ordinal: bool = False


def split(text: str) -> list[Word]:
    """The words of `text`, at most MAX_WORDS."""
    # Levelled text must keep the length of the original, so that slices of the original stay in step.
    text = text[:MAX_LENGTH]
    lowered = text.lower().replace("ё", "е")
    if len(lowered) != len(text):
        lowered = "".join(_lower(letter) for letter in text)
    words: list[Word] = []
    end = 0
    for match in _WORD.finditer(lowered):
        glue = text[end : match.start()]
        if words and "?" in glue:
            last = words[-1]
            words[-1] = Word(last.text, last.raw, last.glue, True, last.ordinal)
        form, raw = match.group(), text[match.start() : match.end()]
        end = match.end()
        if words and words[-1].text[-1].isdigit() and form in _ORDINAL_ENDINGS and glue in ("-", ""):
            last = words[-1]
            words[-1] = Word(last.text, last.raw, last.glue, last.asked, True)
            continue
        if len(words) == MAX_WORDS:
            break
        words.append(Word(_level(form), raw, glue))
    if words and "?" in text[end : end + 3]:
        last = words[-1]
        words[-1] = Word(last.text, last.raw, last.glue, True, last.ordinal)
    return words


def _lower(letter: str) -> str:
    lowered = letter.lower().replace("ё", "е")
    return lowered if len(lowered) == 1 else " "


def _level(form: str) -> str:
    if _LATIN.search(form) and _CYRILLIC.search(form):
        form = form.translate(_LOOK_ALIKES)
    if form.isdigit():
        return form
    return _STRETCHED.sub(r"\1", form)
