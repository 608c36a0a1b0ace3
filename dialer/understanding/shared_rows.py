"""Rows that the tables of several questions share."""

from __future__ import annotations

from dialer.domain.intent import Action
from dialer.understanding.lexicon.cues import Cue
from dialer.understanding.rows import CANCELLING, NO_CANCEL, REFUSING, UNCERTAIN, WANTING, Row, these

A, C = Action, Cue

INJECTED = Row(A.UNKNOWN, these(C.INJECTION))
STOP = Row(A.DO_NOT_CALL, these(C.DO_NOT_CALL), unless=WANTING | these(C.STRAY_NOT, C.ADDRESS_SAME))
OPERATOR = Row(A.OPERATOR, these(C.OPERATOR), confidence=0.95)
CALLBACK = Row(A.CALL_LATER, these(C.CALLBACK), unless=CANCELLING)
CALL_AT = Row(A.CALL_LATER, these(C.CALL), also=these(C.DATE, C.TIME, C.DELAY), unless=CANCELLING | WANTING)
NOT_ME = Row(A.WRONG_PERSON, these(C.WRONG_PERSON), unless=WANTING | these(C.CANCEL_ORDER, C.DOUBT))
LATER = Row(
    A.CALL_LATER,
    these(C.LATER),
    unless=CANCELLING | REFUSING | these(C.DOUBT, C.REPORT, C.HYPOTHESIS),
    confidence=0.8,
)
BUSY = Row(
    A.CALL_LATER,
    these(C.BUSY, C.ABSENT, C.UNABLE),
    unless=CANCELLING | REFUSING | these(C.DOUBT, C.CONFIRM),
    confidence=0.8,
)
ABSENT = Row(A.CALL_LATER, these(C.ABSENT, C.DELAY), unless=CANCELLING | WANTING, confidence=0.8)
REPEAT = Row(A.REPEAT_INFO, these(C.REPEAT), unless=these(C.DOUBT, C.HYPOTHESIS), confidence=0.9)
#: A question with a word of the shop's business in it.
TOPICAL = Row(
    A.REPEAT_INFO,
    these(C.WHAT, C.QUESTION),
    also=these(C.TOPIC),
    unless=CANCELLING | these(C.CONFIRM, C.RIGHT, C.DOUBT, C.HYPOTHESIS, C.REPORT, C.STRAY_NOT),
    residue=2,
    confidence=0.75,
)
THAT_DAY = Row(
    A.CHANGE_DATE,
    these(C.THAT_DAY),
    also=these(C.BUSY, C.UNABLE, C.NOT_RIGHT, C.STRAY_NOT, C.BUT),
    unless=CANCELLING,
)
WHAT = Row(
    A.REPEAT_INFO,
    these(C.WHAT),
    unless=UNCERTAIN - these(C.WHAT, C.HOLD) | WANTING | CANCELLING | these(C.NO),
    residue=0,
    confidence=0.7,
)
#: What is understood well enough to know that it decides nothing; the language model need not be asked.
SETTLED_UNKNOWN = (
    Row(A.UNKNOWN, these(C.DOUBT, C.HOLD, C.LISTENING, C.HYPOTHESIS), residue=1),
    Row(A.UNKNOWN, these(C.YES, C.WAIT, C.CONFIRM), also=these(C.NO, C.KEEP, C.DENY) | CANCELLING),
)

#: A cancellation that names its object or is a plain order to cancel: valid after every question.
CANCEL = (
    Row(A.CANCEL, these(C.CANCEL_ORDER), unless=NO_CANCEL | these(C.OPEN_TAIL), residue=0, told=True, confidence=0.95),
    Row(
        A.CANCEL, these(C.CANCEL), unless=NO_CANCEL | these(C.OPEN_TAIL, C.NUMBER), residue=0, told=True, confidence=0.9
    ),
)
CHANGE_ADDRESS = Row(A.CHANGE_ADDRESS, these(C.ADDRESS_CHANGE, C.ADDRESS), unless=CANCELLING)
CHANGE_DATE = Row(A.CHANGE_DATE, these(C.DATE_CHANGE, C.AWAY), unless=CANCELLING)

#: "нет, лучше завтра" where an address was asked about.
OTHER_DAY = Row(
    A.CHANGE_DATE,
    these(C.DATE, C.VAGUE_DATE),
    also=these(C.PROPOSAL, C.BUT),
    unless=CANCELLING | UNCERTAIN | these(C.ADDRESS, C.NUMBER, C.CALL),
    residue=1,
)
