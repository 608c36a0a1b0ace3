"""Puts the lexicon together: phrases with their negated variants, and the vocabulary that they need. Loaded once."""

from __future__ import annotations

from functools import cache

from dialer.understanding import addresses, dates, times
from dialer.understanding.lexicon import agreement, asides, asking, cancellation, changes, classes, notes, people, slips
from dialer.understanding.lexicon.cues import NEGATED, NEGATED_BY_MODAL, Cue
from dialer.understanding.patterns import Phrases
from dialer.understanding.vocabulary import Vocabulary

#: How a phrase is negated; `{}` stands for the phrase.
_NEGATION = "не {}"
_MODAL_NEGATIONS = ("не @neg {}", "{} не @neg")


@cache
def phrases() -> Phrases[Cue]:
    """All phrases. Earlier ones win ties, so what forbids a decision comes before decisions."""
    result: Phrases[Cue] = Phrases()
    tables = tuple(module.PHRASES for module in (asking, people, asides, notes, changes, agreement, cancellation))
    for table in tables:
        for cue, block in table.items():
            for phrase in _lines(block):
                result.add(phrase, cue)
                if cue is Cue.KEEP and phrase.startswith("не "):
                    result.add(f"да {phrase}", cue)
    for table in tables:
        for cue, block in table.items():
            if cue in NEGATED:
                for phrase in _lines(block):
                    result.add(_NEGATION.format(phrase), NEGATED[cue])
                    for negation in _MODAL_NEGATIONS if cue in NEGATED_BY_MODAL else ():
                        result.add(negation.format(phrase), Cue.NOTE)
    return result


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary of the lexicon and of the date, time and address grammars."""
    return Vocabulary(
        groups=phrases().groups,
        classes=classes.CLASSES,
        extra_lemmas=dates.LEMMAS | times.LEMMAS | addresses.LEMMAS,
        slips=slips.SLIPS,
        repairable=slips.REPAIRABLE,
        torn_prefixes=slips.TORN_PREFIXES,
        broken_starts=slips.BROKEN_STARTS,
    )


def _lines(block: str) -> list[str]:
    return [line.strip() for line in block.splitlines() if line.strip()]
