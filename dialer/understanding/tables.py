"""Which cues make which action, for each question the bot asks. In a table the first row that fits counts.

A confirmation or a cancellation needs a clear cue and nothing that speaks against it: errors towards "unknown" cost
one more question, errors the other way cost an order.
"""

from __future__ import annotations

from dataclasses import dataclass

from dialer.domain.intent import Action, Expect
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
    #: Unexplained nouns of the order do not count ("дата и время подходят").
    nouns_too: bool = False
    confidence: float = 0.9

    def fits(self, heard: Heard) -> bool:
        """Whether this row applies."""
        return (
            not self.cues.isdisjoint(heard.cues)
            and self.unless.isdisjoint(heard.cues)
            and heard.residue + (0 if self.nouns_too else heard.nouns) <= self.residue
            and heard.loose <= self.loose
            and (not self.also or not self.also.isdisjoint(heard.cues))
        )


def _set(*cues: Cue) -> frozenset[Cue]:
    return frozenset(cues)


C = Cue
A = Action

#: What makes any decision uncertain.
UNCERTAIN = _set(C.DOUBT, C.HOLD, C.HYPOTHESIS, C.REPORT, C.INJECTION, C.STRAY_NOT, C.QUESTION, C.WHAT, C.REPEAT)
CANCELLING = _set(C.CANCEL, C.CANCEL_ORDER)
REFUSING = _set(C.REFUSE, C.DECLINE, C.CHANGED_MIND)
WANTING = _set(C.CONFIRM, C.CONFIRM_PLEASE, C.ACCEPT, C.WAIT, C.RIGHT, C.FIT)
OTHER_WISHES = _set(
    C.ADDRESS_CHANGE, C.DATE_CHANGE, C.AWAY, C.DATE, C.NOT_DATE, C.TIME, C.ADDRESS, C.CHANGE, C.VAGUE_DATE
) | _set(C.CALLBACK, C.LATER, C.ABSENT, C.OPERATOR, C.WRONG_PERSON, C.MISTAKE, C.DO_NOT_CALL, C.CALL)
#: What forbids a confirmation, however clear.
NO_CONFIRM = (
    UNCERTAIN | CANCELLING | REFUSING | OTHER_WISHES | _set(C.DENY, C.NOT_RIGHT, C.OPEN_TAIL, C.REASON, C.ADDRESS_OLD)
)
NO_CONFIRM |= _set(C.UNABLE, C.DELAY)
#: What forbids a cancellation, however clear.
NO_CANCEL = UNCERTAIN | WANTING | OTHER_WISHES | _set(C.KEEP, C.DENY, C.NO_CHANGE, C.RETRACTED, C.UNABLE, C.DELAY)

#: What leaves "не надо" without its object: it may refuse something else.
NO_DECLINE = NO_CANCEL | _set(C.OPEN_TAIL, C.YES, C.BUSY, C.NOT_RIGHT, C.LISTENING, C.NUMBER)

_INJECTED = Row(A.UNKNOWN, _set(C.INJECTION))
_STOP = Row(A.DO_NOT_CALL, _set(C.DO_NOT_CALL), unless=WANTING)
_OPERATOR = Row(A.OPERATOR, _set(C.OPERATOR), confidence=0.95)
_CALLBACK = Row(A.CALL_LATER, _set(C.CALLBACK), unless=CANCELLING)
_CALL_AT = Row(A.CALL_LATER, _set(C.CALL), also=_set(C.DATE, C.TIME, C.DELAY), unless=CANCELLING | WANTING)
_NOT_ME = Row(A.WRONG_PERSON, _set(C.WRONG_PERSON), unless=WANTING)
_LATER = Row(
    A.CALL_LATER, _set(C.LATER), unless=CANCELLING | REFUSING | _set(C.DOUBT, C.REPORT, C.HYPOTHESIS), confidence=0.8
)
_BUSY = Row(
    A.CALL_LATER, _set(C.BUSY, C.ABSENT, C.UNABLE), unless=CANCELLING | REFUSING | _set(C.DOUBT), confidence=0.8
)
_ABSENT = Row(A.CALL_LATER, _set(C.ABSENT, C.DELAY), unless=CANCELLING | WANTING, confidence=0.8)
_REPEAT = Row(A.REPEAT_INFO, _set(C.REPEAT), confidence=0.9)
#: A question with a word of the shop's business in it.
_TOPICAL = Row(
    A.REPEAT_INFO,
    _set(C.WHAT, C.QUESTION),
    also=_set(C.TOPIC),
    unless=CANCELLING | _set(C.CONFIRM, C.RIGHT, C.DOUBT, C.HYPOTHESIS, C.REPORT, C.STRAY_NOT),
    residue=2,
    confidence=0.75,
)
_THAT_DAY = Row(
    A.CHANGE_DATE, _set(C.THAT_DAY), also=_set(C.BUSY, C.UNABLE, C.NOT_RIGHT, C.STRAY_NOT, C.BUT), unless=CANCELLING
)
_WHAT = Row(
    A.REPEAT_INFO,
    _set(C.WHAT),
    unless=UNCERTAIN - _set(C.WHAT, C.HOLD) | WANTING | CANCELLING | _set(C.NO),
    residue=0,
    confidence=0.7,
)
#: What is understood well enough to know that it decides nothing; the language model need not be asked.
_SETTLED_UNKNOWN = (
    Row(A.UNKNOWN, _set(C.DOUBT, C.HOLD, C.LISTENING, C.HYPOTHESIS), residue=1),
    Row(A.UNKNOWN, _set(C.YES, C.WAIT, C.CONFIRM), also=_set(C.NO, C.KEEP, C.DENY) | CANCELLING),
)

#: A cancellation that names its object or is a plain order to cancel: valid after every question.
_CANCEL = (
    Row(A.CANCEL, _set(C.CANCEL_ORDER), unless=NO_CANCEL | _set(C.OPEN_TAIL), residue=3, confidence=0.95),
    Row(A.CANCEL, _set(C.CANCEL), unless=NO_CANCEL | _set(C.OPEN_TAIL, C.NUMBER), residue=0, confidence=0.9),
)
_CHANGE_ADDRESS = Row(A.CHANGE_ADDRESS, _set(C.ADDRESS_CHANGE, C.ADDRESS), unless=CANCELLING)
_CHANGE_DATE = Row(A.CHANGE_DATE, _set(C.DATE_CHANGE, C.AWAY), unless=CANCELLING)

_DAY_OR_TIME = _set(C.DATE, C.TIME, C.VAGUE_DATE)

_CONFIRM_ORDER = (
    _INJECTED,
    _STOP,
    _OPERATOR,
    _NOT_ME,
    _CALLBACK,
    _CALL_AT,
    _CHANGE_ADDRESS,
    _CHANGE_DATE,
    _THAT_DAY,
    Row(
        A.CHANGE_DATE,
        _set(C.THAT_DAY),
        unless=CANCELLING | REFUSING | WANTING | UNCERTAIN | _set(C.YES),
        confidence=0.8,
    ),
    _ABSENT,
    Row(
        A.CHANGE_DATE, _set(C.DATE, C.TIME, C.VAGUE_DATE), unless=CANCELLING | REFUSING | WANTING | UNCERTAIN, residue=1
    ),
    Row(
        A.CHANGE_DATE,
        _set(C.DATE, C.TIME, C.VAGUE_DATE),
        also=_set(C.PROPOSAL, C.BUT, C.ACCEPT, C.FIT, C.WAIT),
        unless=CANCELLING,
        residue=4,
    ),
    Row(A.CHANGE_DATE, _set(C.NOT_DATE), unless=CANCELLING, confidence=0.8),
    *_CANCEL,
    Row(
        A.CANCEL,
        _set(C.CANCEL),
        also=REFUSING | _set(C.REASON, C.BECAUSE),
        unless=NO_CANCEL | _set(C.OPEN_TAIL),
        residue=3,
        confidence=0.85,
    ),
    Row(A.CANCEL, _set(C.REFUSE), unless=NO_CANCEL | _set(C.OPEN_TAIL, C.NUMBER), residue=0, confidence=0.85),
    Row(A.CANCEL, _set(C.DECLINE), unless=NO_DECLINE, residue=0, loose=3, confidence=0.8),
    Row(A.CANCEL, _set(C.CHANGED_MIND), unless=NO_CANCEL | _set(C.OPEN_TAIL), residue=0, confidence=0.8),
    Row(A.CONFIRM, _set(C.CONFIRM), unless=NO_CONFIRM | _set(C.NO), residue=2, nouns_too=True, confidence=0.95),
    Row(A.CONFIRM, _set(C.CONFIRM_PLEASE), unless=NO_CONFIRM | _set(C.NO, C.ASKED), residue=0, nouns_too=True),
    Row(A.CONFIRM, _set(C.WAIT), unless=NO_CONFIRM | _set(C.NO, C.BUSY), residue=0, confidence=0.85),
    Row(
        A.CONFIRM,
        WANTING,
        also=_set(C.RIGHT, C.FIT, C.ACCEPT, C.NO_CHANGE, C.KEEP),
        unless=NO_CONFIRM | _set(C.BUSY, C.THIRD),
        residue=0,
        nouns_too=True,
        confidence=0.9,
    ),
    Row(
        A.CONFIRM,
        _set(C.YES),
        unless=NO_CONFIRM | _set(C.NO, C.LISTENING, C.BUSY, C.KEEP, C.NUMBER, C.ASKED, C.CONTRAST, C.THIRD, C.BYE),
        residue=0,
        loose=0,
        confidence=0.85,
    ),
    _BUSY,
    _LATER,
    _REPEAT,
    _TOPICAL,
    _WHAT,
    Row(A.WRONG_PERSON, _set(C.MISTAKE), unless=WANTING | CANCELLING, confidence=0.75),
    Row(A.CHANGE_ADDRESS, _set(C.ADDRESS_OLD), unless=CANCELLING | WANTING - _set(C.ACCEPT), confidence=0.75),
    *_SETTLED_UNKNOWN,
)


#: Wishes for a change that stand even beside a "yes".
_STATED_CHANGES = _set(C.ADDRESS_CHANGE, C.DATE_CHANGE, C.AWAY, C.NOT_DATE)


def _verify(action: Action, wish: frozenset[Cue], other: tuple[Row, ...]) -> tuple[Row, ...]:
    """The table of "I wrote down ...; is that right?": `action` when it is not, or when `wish` says it anew."""
    wrong = _set(C.NOT_RIGHT, C.MISTAKE, C.CHANGE) | wish
    return (
        _INJECTED,
        _STOP,
        _OPERATOR,
        _CALLBACK,
        *_CANCEL,
        Row(action, wish & _STATED_CHANGES),
        Row(action, wish, also=_set(C.BUT, C.NO, C.NOT_RIGHT, C.CONTRAST)),
        Row(action, wrong, unless=WANTING | _set(C.YES, C.REPEAT)),
        *other,
        _NOT_ME,
        Row(
            A.CONFIRM,
            _set(C.RIGHT, C.FIT),
            unless=NO_CONFIRM | _set(C.NUMBER),
            residue=0,
            nouns_too=True,
            confidence=0.9,
        ),
        Row(
            A.CONFIRM,
            _set(C.YES, C.CONFIRM, C.ADDRESS_SAME),
            unless=NO_CONFIRM | _set(C.NO, C.LISTENING, C.BUSY, C.KEEP, C.NUMBER, C.ASKED, C.CONTRAST, C.THIRD, C.BYE),
            residue=0,
            loose=1,
            confidence=0.9,
        ),
        _BUSY,
        _LATER,
        _REPEAT,
        _TOPICAL,
        _WHAT,
        Row(
            action,
            _set(C.NO, C.CONTRAST, C.NOT_RIGHT, C.STRAY_NOT),
            unless=UNCERTAIN - _set(C.STRAY_NOT) | _set(C.YES, C.RIGHT, C.CONFIRM, C.KEEP, C.NO_CHANGE),
            confidence=0.8,
        ),
        *_SETTLED_UNKNOWN,
    )


_ADDRESS_WISH = _set(C.ADDRESS_CHANGE, C.ADDRESS)
_DATE_WISH = _set(C.DATE, C.NOT_DATE, C.TIME, C.DATE_CHANGE, C.AWAY, C.VAGUE_DATE)

_ASK_ADDRESS = (
    _INJECTED,
    _STOP,
    _OPERATOR,
    _CALLBACK,
    *_CANCEL,
    Row(A.CHANGE_ADDRESS, _set(C.ADDRESS), unless=_set(C.REPEAT) | CANCELLING),
    _NOT_ME,
    Row(A.CHANGE_DATE, _set(C.DATE_CHANGE, C.DATE), unless=CANCELLING, confidence=0.8),
    _REPEAT,
    _TOPICAL,
    _BUSY,
    _LATER,
    _WHAT,
    *_SETTLED_UNKNOWN,
)
_ASK_DATE = (
    _INJECTED,
    _STOP,
    _OPERATOR,
    Row(A.CALL_LATER, _set(C.CALLBACK)),
    *_CANCEL,
    Row(A.CHANGE_ADDRESS, _set(C.ADDRESS_CHANGE), unless=CANCELLING),
    Row(A.CHANGE_DATE, _DATE_WISH, unless=CANCELLING, confidence=0.9),
    _NOT_ME,
    _REPEAT,
    _TOPICAL,
    _BUSY,
    _LATER,
    _WHAT,
    *_SETTLED_UNKNOWN,
)
_VERIFY_CANCEL = (
    _INJECTED,
    _STOP,
    _OPERATOR,
    _CALLBACK,
    Row(A.CANCEL, CANCELLING, unless=NO_CANCEL - _set(C.RIGHT, C.CONFIRM) | _set(C.NO), residue=1, confidence=0.95),
    _CHANGE_ADDRESS,
    _CHANGE_DATE,
    Row(
        A.CANCEL,
        _set(C.YES, C.RIGHT),
        unless=NO_CANCEL - _set(C.RIGHT) | _set(C.NO, C.OPEN_TAIL, C.LISTENING, C.BUSY, C.CONTRAST, C.ASKED, C.REASON),
        residue=0,
        confidence=0.95,
    ),
    Row(
        A.CONFIRM,
        _set(C.ACCEPT, C.CONFIRM, C.WAIT),
        also=_set(C.NO, C.KEEP),
        unless=NO_CONFIRM | _set(C.YES),
        residue=0,
        confidence=0.8,
    ),
    _NOT_ME,
    _BUSY,
    _LATER,
    _REPEAT,
    _TOPICAL,
    _WHAT,
    Row(A.UNKNOWN, _set(C.NO, C.KEEP)),
    *_SETTLED_UNKNOWN,
)
_ASK_TIME = (
    _INJECTED,
    _STOP,
    _OPERATOR,
    *_CANCEL,
    Row(A.CALL_LATER, _set(C.DATE, C.TIME, C.DELAY, C.CALLBACK, C.LATER, C.VAGUE_DATE), unless=CANCELLING),
    Row(A.CONFIRM, _set(C.CONFIRM), unless=NO_CONFIRM | _set(C.NO), residue=0),
    _NOT_ME,
    _REPEAT,
    Row(A.CALL_LATER, _set(C.BUSY), confidence=0.7),
    _WHAT,
    *_SETTLED_UNKNOWN,
)

#: Words that speak for a decision, and words that forbid it, whoever reads it.
FOR: dict[Action, frozenset[Cue]] = {
    A.CONFIRM: WANTING | _set(C.YES, C.ADDRESS_SAME),
    A.CANCEL: CANCELLING | REFUSING,
}
AGAINST: dict[Action, frozenset[Cue]] = {
    A.CONFIRM: CANCELLING | REFUSING | _set(C.NO, C.DENY, C.NOT_RIGHT, C.INJECTION, C.DOUBT, C.HYPOTHESIS),
    A.CANCEL: _set(C.KEEP, C.CONFIRM, C.ACCEPT, C.WAIT, C.INJECTION, C.DOUBT, C.HYPOTHESIS),
}

TABLES: dict[Expect, tuple[Row, ...]] = {
    Expect.CONFIRM_ORDER: _CONFIRM_ORDER,
    Expect.VERIFY_ADDRESS: _verify(A.CHANGE_ADDRESS, _ADDRESS_WISH, (_CHANGE_DATE,)),
    Expect.VERIFY_DATE: _verify(A.CHANGE_DATE, _DATE_WISH, (_CHANGE_ADDRESS,)),
    Expect.ASK_ADDRESS: _ASK_ADDRESS,
    Expect.ASK_DATE: _ASK_DATE,
    Expect.VERIFY_CANCEL: _VERIFY_CANCEL,
    Expect.ASK_TIME: _ASK_TIME,
}
