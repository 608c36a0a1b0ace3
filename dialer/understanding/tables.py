"""Which cues make which action, for each question the bot asks. In a table the first row that fits counts."""

from __future__ import annotations

from dialer.domain.intent import Action, Expect
from dialer.understanding.lexicon.cues import Cue
from dialer.understanding.rows import (
    CANCELLING,
    NO_CANCEL,
    NO_CONFIRM,
    NO_DECLINE,
    REFUSING,
    UNCERTAIN,
    WANTING,
    Row,
    these,
)

A, C = Action, Cue

_INJECTED = Row(A.UNKNOWN, these(C.INJECTION))
_STOP = Row(A.DO_NOT_CALL, these(C.DO_NOT_CALL), unless=WANTING)
_OPERATOR = Row(A.OPERATOR, these(C.OPERATOR), confidence=0.95)
_CALLBACK = Row(A.CALL_LATER, these(C.CALLBACK), unless=CANCELLING)
_CALL_AT = Row(A.CALL_LATER, these(C.CALL), also=these(C.DATE, C.TIME, C.DELAY), unless=CANCELLING | WANTING)
_NOT_ME = Row(A.WRONG_PERSON, these(C.WRONG_PERSON), unless=WANTING)
_LATER = Row(
    A.CALL_LATER,
    these(C.LATER),
    unless=CANCELLING | REFUSING | these(C.DOUBT, C.REPORT, C.HYPOTHESIS),
    confidence=0.8,
)
_BUSY = Row(
    A.CALL_LATER, these(C.BUSY, C.ABSENT, C.UNABLE), unless=CANCELLING | REFUSING | these(C.DOUBT), confidence=0.8
)
_ABSENT = Row(A.CALL_LATER, these(C.ABSENT, C.DELAY), unless=CANCELLING | WANTING, confidence=0.8)
_REPEAT = Row(A.REPEAT_INFO, these(C.REPEAT), confidence=0.9)
#: A question with a word of the shop's business in it.
_TOPICAL = Row(
    A.REPEAT_INFO,
    these(C.WHAT, C.QUESTION),
    also=these(C.TOPIC),
    unless=CANCELLING | these(C.CONFIRM, C.RIGHT, C.DOUBT, C.HYPOTHESIS, C.REPORT, C.STRAY_NOT),
    residue=2,
    confidence=0.75,
)
_THAT_DAY = Row(
    A.CHANGE_DATE,
    these(C.THAT_DAY),
    also=these(C.BUSY, C.UNABLE, C.NOT_RIGHT, C.STRAY_NOT, C.BUT),
    unless=CANCELLING,
)
_WHAT = Row(
    A.REPEAT_INFO,
    these(C.WHAT),
    unless=UNCERTAIN - these(C.WHAT, C.HOLD) | WANTING | CANCELLING | these(C.NO),
    residue=0,
    confidence=0.7,
)
#: What is understood well enough to know that it decides nothing; the language model need not be asked.
_SETTLED_UNKNOWN = (
    Row(A.UNKNOWN, these(C.DOUBT, C.HOLD, C.LISTENING, C.HYPOTHESIS), residue=1),
    Row(A.UNKNOWN, these(C.YES, C.WAIT, C.CONFIRM), also=these(C.NO, C.KEEP, C.DENY) | CANCELLING),
)

#: A cancellation that names its object or is a plain order to cancel: valid after every question.
_CANCEL = (
    Row(A.CANCEL, these(C.CANCEL_ORDER), unless=NO_CANCEL | these(C.OPEN_TAIL), residue=0, confidence=0.95),
    Row(A.CANCEL, these(C.CANCEL), unless=NO_CANCEL | these(C.OPEN_TAIL, C.NUMBER), residue=0, confidence=0.9),
)
_CHANGE_ADDRESS = Row(A.CHANGE_ADDRESS, these(C.ADDRESS_CHANGE, C.ADDRESS), unless=CANCELLING)
_CHANGE_DATE = Row(A.CHANGE_DATE, these(C.DATE_CHANGE, C.AWAY), unless=CANCELLING)

#: "нет, лучше завтра" where an address was asked about.
_OTHER_DAY = Row(
    A.CHANGE_DATE,
    these(C.DATE, C.VAGUE_DATE),
    also=these(C.PROPOSAL, C.BUT),
    unless=CANCELLING | UNCERTAIN | these(C.ADDRESS, C.NUMBER, C.CALL),
    residue=1,
)

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
        these(C.THAT_DAY),
        unless=CANCELLING | REFUSING | WANTING | UNCERTAIN | these(C.YES),
        confidence=0.8,
    ),
    _ABSENT,
    Row(
        A.CHANGE_DATE,
        these(C.DATE, C.TIME, C.VAGUE_DATE),
        unless=CANCELLING | REFUSING | WANTING | UNCERTAIN,
        residue=1,
    ),
    Row(
        A.CHANGE_DATE,
        these(C.DATE, C.TIME, C.VAGUE_DATE),
        also=these(C.PROPOSAL, C.BUT, C.ACCEPT, C.FIT, C.WAIT),
        unless=CANCELLING,
        residue=4,
    ),
    Row(A.CHANGE_DATE, these(C.NOT_DATE), unless=CANCELLING, confidence=0.8),
    *_CANCEL,
    Row(
        A.CANCEL,
        these(C.CANCEL),
        also=REFUSING | these(C.REASON, C.BECAUSE),
        unless=NO_CANCEL | these(C.OPEN_TAIL),
        residue=3,
        confidence=0.85,
    ),
    Row(
        A.CANCEL, these(C.CANCEL), also=these(C.DENY), unless=NO_CANCEL - these(C.DENY) | these(C.OPEN_TAIL), residue=0
    ),
    Row(A.CANCEL, these(C.REFUSE), unless=NO_CANCEL | these(C.OPEN_TAIL, C.NUMBER), residue=0, confidence=0.85),
    Row(A.CANCEL, these(C.DECLINE), unless=NO_DECLINE, residue=0, loose=3, confidence=0.8),
    Row(A.CANCEL, these(C.CHANGED_MIND), unless=NO_CANCEL | these(C.OPEN_TAIL), residue=0, confidence=0.8),
    Row(A.CONFIRM, these(C.CONFIRM), unless=NO_CONFIRM | these(C.NO), residue=0, nouns_too=True, confidence=0.95),
    Row(A.CONFIRM, these(C.CONFIRM_PLEASE), unless=NO_CONFIRM | these(C.NO, C.ASKED), residue=0, nouns_too=True),
    Row(A.CONFIRM, these(C.WAIT), unless=NO_CONFIRM | these(C.NO, C.BUSY, C.CONTRAST), residue=0, confidence=0.85),
    Row(
        A.CONFIRM,
        WANTING,
        also=these(C.RIGHT, C.FIT, C.ACCEPT, C.NO_CHANGE, C.KEEP),
        unless=NO_CONFIRM | these(C.BUSY, C.THIRD),
        residue=0,
        nouns_too=True,
        confidence=0.9,
    ),
    Row(
        A.CONFIRM,
        these(C.YES),
        unless=NO_CONFIRM | these(C.NO, C.LISTENING, C.BUSY, C.KEEP, C.NUMBER, C.ASKED, C.CONTRAST, C.THIRD, C.BYE),
        residue=0,
        loose=0,
        confidence=0.85,
    ),
    _BUSY,
    _LATER,
    _REPEAT,
    _TOPICAL,
    _WHAT,
    Row(A.WRONG_PERSON, these(C.MISTAKE), unless=WANTING | CANCELLING, confidence=0.75),
    Row(A.CHANGE_ADDRESS, these(C.ADDRESS_OLD), unless=CANCELLING | WANTING - these(C.ACCEPT), confidence=0.75),
    *_SETTLED_UNKNOWN,
)


#: Wishes for a change that stand even beside a "yes".
_STATED_CHANGES = these(C.ADDRESS_CHANGE, C.DATE_CHANGE, C.AWAY, C.NOT_DATE)


def _verify(action: Action, wish: frozenset[Cue], other: tuple[Row, ...]) -> tuple[Row, ...]:
    """The table of "I wrote down ...; is that right?": `action` when it is not, or when `wish` says it anew."""
    wrong = these(C.NOT_RIGHT, C.MISTAKE, C.CHANGE) | wish
    return (
        _INJECTED,
        _STOP,
        _OPERATOR,
        _CALLBACK,
        *_CANCEL,
        Row(action, wish & _STATED_CHANGES),
        Row(action, wish, also=these(C.BUT, C.NO, C.NOT_RIGHT, C.CONTRAST)),
        Row(action, these(C.NOT_RIGHT), also=these(C.NO), unless=UNCERTAIN | WANTING),
        Row(action, wrong, unless=WANTING | these(C.YES, C.REPEAT)),
        *other,
        _NOT_ME,
        Row(
            A.CONFIRM,
            these(C.RIGHT, C.FIT),
            unless=NO_CONFIRM | these(C.NUMBER),
            residue=0,
            nouns_too=True,
            confidence=0.9,
        ),
        Row(
            A.CONFIRM,
            these(C.YES, C.CONFIRM, C.ADDRESS_SAME),
            unless=NO_CONFIRM | these(C.NO, C.LISTENING, C.BUSY, C.KEEP, C.NUMBER, C.ASKED, C.CONTRAST, C.THIRD, C.BYE),
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
            these(C.NO, C.CONTRAST, C.NOT_RIGHT, C.STRAY_NOT),
            unless=UNCERTAIN - these(C.STRAY_NOT) | these(C.YES, C.RIGHT, C.CONFIRM, C.KEEP, C.NO_CHANGE),
            confidence=0.8,
        ),
        *_SETTLED_UNKNOWN,
    )


_ADDRESS_WISH = these(C.ADDRESS_CHANGE, C.ADDRESS)
_DATE_WISH = these(C.DATE, C.NOT_DATE, C.TIME, C.DATE_CHANGE, C.AWAY, C.VAGUE_DATE)

_ASK_ADDRESS = (
    _INJECTED,
    _STOP,
    _OPERATOR,
    _CALLBACK,
    *_CANCEL,
    Row(A.CHANGE_ADDRESS, these(C.ADDRESS), unless=these(C.REPEAT) | CANCELLING),
    _NOT_ME,
    Row(A.CHANGE_DATE, these(C.DATE_CHANGE, C.DATE), unless=CANCELLING, confidence=0.8),
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
    Row(A.CALL_LATER, these(C.CALLBACK)),
    *_CANCEL,
    Row(A.CHANGE_ADDRESS, these(C.ADDRESS_CHANGE), unless=CANCELLING),
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
    Row(A.CANCEL, CANCELLING, unless=NO_CANCEL - these(C.RIGHT, C.CONFIRM) | these(C.NO), residue=1, confidence=0.95),
    _CHANGE_ADDRESS,
    _CHANGE_DATE,
    Row(
        A.CANCEL,
        these(C.YES, C.RIGHT),
        unless=NO_CANCEL - these(C.RIGHT)
        | these(C.NO, C.OPEN_TAIL, C.LISTENING, C.BUSY, C.CONTRAST, C.ASKED, C.REASON),
        residue=0,
        confidence=0.95,
    ),
    Row(
        A.CONFIRM,
        these(C.ACCEPT, C.CONFIRM, C.WAIT),
        also=these(C.NO, C.KEEP),
        unless=NO_CONFIRM | these(C.YES),
        residue=0,
        confidence=0.8,
    ),
    _NOT_ME,
    _BUSY,
    _LATER,
    _REPEAT,
    _TOPICAL,
    _WHAT,
    Row(A.UNKNOWN, these(C.NO, C.KEEP)),
    *_SETTLED_UNKNOWN,
)
_ASK_TIME = (
    _INJECTED,
    _STOP,
    _OPERATOR,
    *_CANCEL,
    Row(A.CALL_LATER, these(C.DATE, C.TIME, C.DELAY, C.CALLBACK, C.LATER, C.VAGUE_DATE), unless=CANCELLING),
    Row(A.CONFIRM, these(C.CONFIRM), unless=NO_CONFIRM | these(C.NO), residue=0),
    _NOT_ME,
    _REPEAT,
    Row(A.CALL_LATER, these(C.BUSY), confidence=0.7),
    _WHAT,
    *_SETTLED_UNKNOWN,
)

TABLES: dict[Expect, tuple[Row, ...]] = {
    Expect.CONFIRM_ORDER: _CONFIRM_ORDER,
    Expect.VERIFY_ADDRESS: _verify(A.CHANGE_ADDRESS, _ADDRESS_WISH, (_CHANGE_DATE, _OTHER_DAY)),
    Expect.VERIFY_DATE: _verify(A.CHANGE_DATE, _DATE_WISH, (_CHANGE_ADDRESS,)),
    Expect.ASK_ADDRESS: _ASK_ADDRESS,
    Expect.ASK_DATE: _ASK_DATE,
    Expect.VERIFY_CANCEL: _VERIFY_CANCEL,
    Expect.ASK_TIME: _ASK_TIME,
}
