"""What the rules settle: an utterance taken apart, looked up in the table of the question, entities attached."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from enum import StrEnum

from dialer.domain.intent import Action, Expect, Reading, Source
from dialer.understanding import corrections, grammar
from dialer.understanding.heard import Heard, hear
from dialer.understanding.lexicon.cues import Cue
from dialer.understanding.ports import Question
from dialer.understanding.rows import AGAINST, FOR, FORBIDS
from dialer.understanding.tables import TABLES

#: Taken off the confidence when a word had to be repaired; clear readings stay above the threshold.
REPAIR_PENALTY = 0.1


def load() -> None:
    """Load dictionaries and lexicon now (about half a second) rather than in the first call."""
    grammar.vocabulary()
    hear("да", Expect.CONFIRM_ORDER, date(2026, 1, 1))


def read(text: str, question: Question) -> Reading | None:
    """What the rules settle; None where they leave it open.

    A reading UNKNOWN (source NONE) means that the words were understood and decide nothing ("подождите").
    """
    heard = _with_known_date(hear(text, question.expect, question.today), question)
    heard = _with_known_address(heard, question)
    for row in TABLES[question.expect]:
        if row.fits(heard):
            if row.action is Action.UNKNOWN:
                return Reading(Action.UNKNOWN)
            confidence = row.confidence - REPAIR_PENALTY * heard.repaired
            return Reading(row.action, _entities(row.action, heard, question), Source.RULES, round(confidence, 2))
    return None


class Support(StrEnum):
    """How the words of an utterance stand to a decision that somebody else read from them."""

    FOR = "for"
    NONE = "none"
    AGAINST = "against"


def support(action: Action, text: str, question: Question) -> Support:
    """Whether the words speak for a confirmation or a cancellation, against it, or neither."""
    cues = hear(text, question.expect, question.today).cues
    if not cues.isdisjoint(AGAINST[action]):
        return Support.AGAINST
    plain = cues.isdisjoint(FORBIDS[action])
    return Support.FOR if plain and not cues.isdisjoint(FOR[action]) else Support.NONE


def _with_known_date(heard: Heard, question: Question) -> Heard:
    """ "Да, жду завтра" is no wish for another day when the delivery is planned for that day."""
    planned = (question.order or {}).get("delivery_date")
    wanted = question.expect in (Expect.CONFIRM_ORDER, Expect.VERIFY_DATE)
    if not wanted or heard.day is None or heard.day.isoformat() != planned or Cue.NOT_DATE in heard.cues:
        return heard
    return replace(heard, cues=heard.cues - {Cue.DATE}, day=None)


def _with_known_address(heard: Heard, question: Question) -> Heard:
    """ "Да, Ленина, дом пять" repeats the address that was read out and corrects nothing."""
    pending = question.pending_address
    if question.expect is not Expect.VERIFY_ADDRESS or not pending or heard.address is None or heard.contrast:
        return heard
    if not corrections.agrees(pending, heard.address.text):
        return heard
    return replace(heard, cues=heard.cues - {Cue.ADDRESS}, address=None)


def _entities(action: Action, heard: Heard, question: Question) -> dict[str, str]:
    if action is Action.CHANGE_ADDRESS:
        return _address_entities(heard, question)
    if action is Action.CHANGE_DATE:
        return _present(date=_iso(heard.day), time_window=heard.time.window if heard.time else None)
    if action is Action.CALL_LATER:
        delay = heard.time.delay_s if heard.time else None
        at = heard.time.at if heard.time else None
        return _present(delay_s=None if delay is None else str(delay), time=at, date=_iso(heard.day))
    return {}


def _address_entities(heard: Heard, question: Question) -> dict[str, str]:
    """The address said, merged into the one that is being verified when only a part was said."""
    known = question.pending_address or (question.order or {}).get("address")
    said = heard.address.text if heard.address else None
    if known and heard.contrast and (not heard.address or not heard.address.sure):
        swapped = corrections.replace_number(known, *heard.contrast)
        return _present(address=swapped, correction=str(heard.contrast[1]))
    if said is None:
        return {}
    corrects = bool(question.pending_address) or heard.contrast is not None
    address = corrections.apply_correction(known, said) if known else said
    return _present(address=address, correction=said if (corrects and address != said) or heard.contrast else None)


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _present(**values: str | None) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}
