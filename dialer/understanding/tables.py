"""Which cues make which action, for each question the bot asks. In a table the first row that fits counts."""

from __future__ import annotations

from dialer.domain.intent import Action, Expect
from dialer.understanding.lexicon.cues import Cue
from dialer.understanding.rows import (
    CANCELLING,
    ELSEWHERE,
    NO_CANCEL,
    NO_CONFIRM,
    NO_DECLINE,
    REFUSING,
    UNCERTAIN,
    WANTING,
    Row,
    these,
)
from dialer.understanding.shared_rows import (
    ABSENT,
    BUSY,
    CALL_AT,
    CALLBACK,
    CANCEL,
    CHANGE_ADDRESS,
    CHANGE_DATE,
    INJECTED,
    LATER,
    NOT_ME,
    OPERATOR,
    OTHER_DAY,
    REPEAT,
    SETTLED_UNKNOWN,
    STOP,
    THAT_DAY,
    TOPICAL,
    WHAT,
)

A, C = Action, Cue

_CONFIRM_ORDER = (
    INJECTED,
    STOP,
    OPERATOR,
    NOT_ME,
    CALLBACK,
    CALL_AT,
    CHANGE_ADDRESS,
    CHANGE_DATE,
    THAT_DAY,
    Row(
        A.CHANGE_DATE,
        these(C.THAT_DAY),
        unless=CANCELLING | REFUSING | WANTING | UNCERTAIN | these(C.YES),
        confidence=0.8,
    ),
    ABSENT,
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
        unless=CANCELLING | these(C.CONFIRM_PLEASE),
        residue=4,
    ),
    Row(A.CHANGE_DATE, these(C.NOT_DATE), unless=CANCELLING, confidence=0.8),
    *CANCEL,
    Row(
        A.CANCEL,
        these(C.CANCEL),
        also=REFUSING | these(C.REASON, C.BECAUSE),
        unless=NO_CANCEL | these(C.OPEN_TAIL),
        residue=0,
        confidence=0.85,
    ),
    Row(
        A.CANCEL,
        these(C.CANCEL, C.CANCEL_ORDER),
        also=these(C.BECAUSE),
        unless=NO_CANCEL - these(C.AWAY) | these(C.OPEN_TAIL, C.NUMBER),
        residue=0,
    ),
    Row(
        A.CANCEL,
        these(C.CANCEL_ORDER),
        also=these(C.AWAY),
        unless=NO_CANCEL - these(C.AWAY) | these(C.OPEN_TAIL),
        residue=0,
        told=True,
    ),
    Row(
        A.CANCEL, these(C.CANCEL), also=these(C.DENY), unless=NO_CANCEL - these(C.DENY) | these(C.OPEN_TAIL), residue=0
    ),
    Row(
        A.CANCEL,
        these(C.REFUSE),
        unless=NO_CANCEL | ELSEWHERE | these(C.OPEN_TAIL, C.NUMBER),
        residue=0,
        confidence=0.85,
    ),
    Row(A.CANCEL, these(C.DECLINE), unless=NO_DECLINE, residue=0, loose=3, confidence=0.8),
    Row(A.CANCEL, these(C.CHANGED_MIND), unless=NO_CANCEL | these(C.OPEN_TAIL), residue=0, confidence=0.8),
    Row(
        A.CONFIRM,
        these(C.CONFIRM),
        unless=NO_CONFIRM | these(C.NO),
        residue=0,
        told=True,
        nouns_too=True,
        confidence=0.95,
    ),
    Row(A.CONFIRM, these(C.CONFIRM_PLEASE), unless=NO_CONFIRM | these(C.NO, C.ASKED, C.BUSY), residue=0),
    Row(A.CONFIRM, these(C.CONFIRM_FUTURE), unless=NO_CONFIRM | these(C.NO, C.ASKED, C.NUMBER), residue=0, loose=0),
    Row(A.CONFIRM, these(C.WAIT), unless=NO_CONFIRM | these(C.NO, C.BUSY, C.CONTRAST), residue=0, confidence=0.85),
    Row(
        A.CONFIRM,
        WANTING,
        also=these(C.RIGHT, C.FIT, C.ACCEPT, C.NO_CHANGE, C.KEEP),
        unless=NO_CONFIRM | these(C.BUSY, C.THIRD),
        residue=0,
        told=True,
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
    BUSY,
    LATER,
    REPEAT,
    TOPICAL,
    WHAT,
    Row(A.WRONG_PERSON, these(C.MISTAKE), unless=WANTING | CANCELLING, confidence=0.75),
    Row(A.CHANGE_ADDRESS, these(C.ADDRESS_OLD), unless=CANCELLING | WANTING - these(C.ACCEPT), confidence=0.75),
    *SETTLED_UNKNOWN,
)


#: Wishes for a change that stand even beside a "yes".
_STATED_CHANGES = these(C.ADDRESS_CHANGE, C.DATE_CHANGE, C.AWAY, C.NOT_DATE)


def _verify(action: Action, wish: frozenset[Cue], other: tuple[Row, ...]) -> tuple[Row, ...]:
    """The table of "I wrote down ...; is that right?": `action` when it is not, or when `wish` says it anew."""
    wrong = these(C.NOT_RIGHT, C.MISTAKE, C.CHANGE) | wish
    return (
        INJECTED,
        STOP,
        OPERATOR,
        CALLBACK,
        *CANCEL,
        Row(
            A.WRONG_PERSON,
            these(C.WRONG_PERSON),
            also=these(C.ADDRESS_CHANGE),
            unless=WANTING | these(C.ADDRESS, C.NUMBER, C.CONTRAST, C.YES, C.CHANGE),
        ),
        Row(action, wish & _STATED_CHANGES),
        Row(action, wish, also=these(C.BUT, C.NO, C.NOT_RIGHT, C.CONTRAST)),
        Row(action, these(C.NOT_RIGHT), also=these(C.NO), unless=UNCERTAIN | WANTING),
        *other,
        Row(action, wrong, unless=WANTING | these(C.YES, C.REPEAT, C.DOUBT)),
        NOT_ME,
        Row(
            A.CONFIRM,
            these(C.RIGHT, C.FIT),
            unless=NO_CONFIRM | these(C.NUMBER),
            residue=0,
            told=True,
            nouns_too=True,
            confidence=0.9,
        ),
        Row(
            A.CONFIRM,
            these(C.YES, C.CONFIRM, C.ADDRESS_SAME),
            unless=NO_CONFIRM | these(C.NO, C.LISTENING, C.BUSY, C.KEEP, C.NUMBER, C.ASKED, C.CONTRAST, C.THIRD, C.BYE),
            residue=0,
            told=True,
            loose=1,
            confidence=0.9,
        ),
        BUSY,
        LATER,
        REPEAT,
        TOPICAL,
        WHAT,
        Row(
            action,
            these(C.NO, C.CONTRAST, C.NOT_RIGHT, C.STRAY_NOT),
            unless=UNCERTAIN - these(C.STRAY_NOT) | these(C.YES, C.RIGHT, C.CONFIRM, C.KEEP, C.NO_CHANGE),
            confidence=0.8,
        ),
        *SETTLED_UNKNOWN,
    )


_ADDRESS_WISH = these(C.ADDRESS_CHANGE, C.ADDRESS)
_DATE_WISH = these(C.DATE, C.NOT_DATE, C.TIME, C.DATE_CHANGE, C.AWAY, C.VAGUE_DATE)

_ASK_ADDRESS = (
    INJECTED,
    STOP,
    OPERATOR,
    CALLBACK,
    *CANCEL,
    Row(A.CHANGE_ADDRESS, these(C.ADDRESS), unless=these(C.REPEAT) | CANCELLING),
    NOT_ME,
    Row(A.CHANGE_DATE, these(C.DATE_CHANGE, C.DATE), unless=CANCELLING, confidence=0.8),
    REPEAT,
    TOPICAL,
    BUSY,
    LATER,
    WHAT,
    *SETTLED_UNKNOWN,
)
_ASK_DATE = (
    INJECTED,
    STOP,
    OPERATOR,
    Row(A.CALL_LATER, these(C.CALLBACK)),
    *CANCEL,
    Row(A.CHANGE_ADDRESS, these(C.ADDRESS_CHANGE), unless=CANCELLING),
    Row(A.CHANGE_DATE, _DATE_WISH, unless=CANCELLING, confidence=0.9),
    NOT_ME,
    REPEAT,
    TOPICAL,
    BUSY,
    LATER,
    WHAT,
    *SETTLED_UNKNOWN,
)
_VERIFY_CANCEL = (
    INJECTED,
    STOP,
    OPERATOR,
    CALLBACK,
    Row(A.CANCEL, CANCELLING, unless=NO_CANCEL - these(C.RIGHT, C.CONFIRM) | these(C.NO), residue=1, confidence=0.95),
    CHANGE_ADDRESS,
    CHANGE_DATE,
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
    NOT_ME,
    BUSY,
    LATER,
    REPEAT,
    TOPICAL,
    WHAT,
    Row(A.UNKNOWN, these(C.NO, C.KEEP)),
    *SETTLED_UNKNOWN,
)
_ASK_TIME = (
    INJECTED,
    STOP,
    OPERATOR,
    *CANCEL,
    Row(A.CALL_LATER, these(C.DATE, C.TIME, C.DELAY, C.CALLBACK, C.LATER, C.VAGUE_DATE), unless=CANCELLING),
    Row(A.CONFIRM, these(C.CONFIRM), unless=NO_CONFIRM | these(C.NO), residue=0),
    NOT_ME,
    REPEAT,
    Row(A.CALL_LATER, these(C.BUSY), confidence=0.7),
    WHAT,
    *SETTLED_UNKNOWN,
)

TABLES: dict[Expect, tuple[Row, ...]] = {
    Expect.CONFIRM_ORDER: _CONFIRM_ORDER,
    Expect.VERIFY_ADDRESS: _verify(A.CHANGE_ADDRESS, _ADDRESS_WISH, (CHANGE_DATE, OTHER_DAY)),
    Expect.VERIFY_DATE: _verify(A.CHANGE_DATE, _DATE_WISH, (CHANGE_ADDRESS,)),
    Expect.ASK_ADDRESS: _ASK_ADDRESS,
    Expect.ASK_DATE: _ASK_DATE,
    Expect.VERIFY_CANCEL: _VERIFY_CANCEL,
    Expect.ASK_TIME: _ASK_TIME,
}
