"""Rows of the decision tables, and the groups of cues that they share.

A confirmation or a cancellation needs a clear cue and nothing that speaks against it: errors towards "unknown" cost
one more question, errors the other way cost an order.
"""

from __future__ import annotations

from dataclasses import dataclass

from dialer.domain.intent import Action
from dialer.understanding.heard import Heard
from dialer.understanding.lexicon.cues import Cue

#: No limit to the words that nothing explains.
ANY_RESIDUE = 999


@dataclass(frozen=True, slots=True)
class Row:
    """One row: `action` if any of `cues` is there (with any of `also`, if given) and none of `unless`."""

    action: Action
    cues: frozenset[Cue]
    unless: frozenset[Cue] = frozenset()
    also: frozenset[Cue] = frozenset()
    residue: int = ANY_RESIDUE
    loose: int = ANY_RESIDUE
    #: A story beside the decision does not count as residue.
    told: bool = False
    #: Unexplained nouns of the order do not count ("дата и время подходят").
    nouns_too: bool = False
    confidence: float = 0.9

    def fits(self, heard: Heard) -> bool:
        """Whether this row applies."""
        return (
            not self.cues.isdisjoint(heard.cues)
            and self.unless.isdisjoint(heard.cues)
            and self._left(heard) <= self.residue
            and heard.loose <= self.loose
            and (not self.also or not self.also.isdisjoint(heard.cues))
        )

    def _left(self, heard: Heard) -> int:
        """How many words count as not understood."""
        residue = 0 if self.told and heard.told else heard.residue
        return residue + (0 if self.nouns_too else heard.nouns)


def these(*cues: Cue) -> frozenset[Cue]:
    """The cues as a set; sets join with `|` and `-`."""
    return frozenset(cues)


A, C = Action, Cue

#: What makes any decision uncertain.
UNCERTAIN = these(C.DOUBT, C.HOLD, C.HYPOTHESIS, C.REPORT, C.INJECTION, C.STRAY_NOT, C.QUESTION, C.WHAT, C.REPEAT)
CANCELLING = these(C.CANCEL, C.CANCEL_ORDER)
REFUSING = these(C.REFUSE, C.DECLINE, C.CHANGED_MIND)
WANTING = these(C.CONFIRM, C.CONFIRM_PLEASE, C.CONFIRM_FUTURE, C.ACCEPT, C.WAIT, C.RIGHT, C.FIT)
OTHER_WISHES = these(
    C.ADDRESS_CHANGE, C.DATE_CHANGE, C.AWAY, C.DATE, C.NOT_DATE, C.TIME, C.ADDRESS, C.CHANGE, C.VAGUE_DATE
) | these(C.CALLBACK, C.LATER, C.ABSENT, C.OPERATOR, C.WRONG_PERSON, C.MISTAKE, C.DO_NOT_CALL, C.CALL)
#: What forbids a confirmation, however clear.
NO_CONFIRM = (
    UNCERTAIN
    | CANCELLING
    | REFUSING
    | OTHER_WISHES
    | these(
        C.DENY, C.NOT_RIGHT, C.OPEN_TAIL, C.REASON, C.ADDRESS_OLD, C.UNABLE, C.DELAY, C.PART, C.RETRACTED, C.SETTING
    )
)
#: What forbids a cancellation, however clear.
NO_CANCEL = (
    UNCERTAIN
    | WANTING
    | OTHER_WISHES
    | these(C.KEEP, C.DENY, C.NO_CHANGE, C.RETRACTED, C.UNABLE, C.DELAY, C.PART, C.SETTING)
)

#: "На этот адрес не надо", "не везите в этот день": another place or day is wished for, and no end of the order.
ELSEWHERE = these(C.ADDRESS_SAME, C.ADDRESS_OLD, C.THAT_DAY)
#: What leaves "не надо" without its object: it may refuse something else.
NO_DECLINE = NO_CANCEL | these(C.OPEN_TAIL, C.YES, C.BUSY, C.NOT_RIGHT, C.LISTENING, C.NUMBER, C.COMPLEMENT) | ELSEWHERE

#: Words that speak for a decision, words that leave it in doubt, and words that forbid it, whoever reads it.
FOR: dict[Action, frozenset[Cue]] = {
    A.CONFIRM: WANTING | these(C.YES, C.ADDRESS_SAME),
    A.CANCEL: CANCELLING | REFUSING,
}
FORBIDS: dict[Action, frozenset[Cue]] = {
    A.CONFIRM: NO_CONFIRM | these(C.NUMBER, C.CONFIRM_FUTURE),
    A.CANCEL: NO_CANCEL | these(C.OPEN_TAIL, C.NUMBER),
}
AGAINST: dict[Action, frozenset[Cue]] = {
    A.CONFIRM: CANCELLING | REFUSING | these(C.NO, C.DENY, C.NOT_RIGHT, C.INJECTION, C.DOUBT, C.HYPOTHESIS),
    A.CANCEL: these(C.KEEP, C.CONFIRM, C.ACCEPT, C.WAIT, C.INJECTION, C.DOUBT, C.HYPOTHESIS),
}
