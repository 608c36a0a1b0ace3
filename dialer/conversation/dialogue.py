"""The dialogue: a pure state machine from what the customer did to what the bot does next.

`advance(state, event)` knows no audio, loop or clock, and is total: every event is allowed in every state. Every
path ends: questions are repeated a bounded number of times, then keys are offered, then a person has to call.
"""

from __future__ import annotations

from dataclasses import replace

from dialer.conversation.moves import (
    Answered,
    Digit,
    Event,
    Hangup,
    Heard,
    HearingFailed,
    MachineDetected,
    Result,
    Resume,
    Say,
    Silence,
    Step,
    TimeUp,
    TransferEnded,
    VoiceFailed,
)
from dialer.conversation.state import State, Turn, ask, close, end, needs_operator, not_understood, offer_keys
from dialer.conversation.steps import AT_STEP, COMMON
from dialer.domain.intent import Action, Reading, Source
from dialer.domain.outcome import Decision

#: Turns of any kind in one conversation.
MAX_TURNS = 16

_KEYS = {"1": Action.CONFIRM, "2": Action.CANCEL, "3": Action.CHANGE_ADDRESS, "0": Action.OPERATOR}
#: Words that may still change a result while the closing words are being said.
_CORRECTIONS = frozenset(
    {
        Action.CANCEL,
        Action.CHANGE_ADDRESS,
        Action.CHANGE_DATE,
        Action.OPERATOR,
        Action.DO_NOT_CALL,
        Action.WRONG_PERSON,
    }
)


def reading_of_key(digit: str) -> Reading:
    """What a key means after every question."""
    return Reading(_KEYS.get(digit, Action.UNKNOWN), source=Source.DTMF, confidence=1.0)


def advance(state: State, event: Event) -> Turn:
    """The next state and what to do, in order."""
    if isinstance(event, Hangup):
        return (state, []) if state.ended else end(state, Result())
    if state.ended:
        return _closing(state, event)
    if state.turns >= MAX_TURNS:
        return needs_operator(state, "too_many_turns")
    return _take_turn(replace(state, turns=state.turns + 1), event)


def _closing(state: State, event: Event) -> Turn:
    """The customer goes on while the bot says goodbye: what comes after revises what came before."""
    corrects = isinstance(event, Heard) and event.reading.action in _CORRECTIONS
    sure = isinstance(event, Heard) and event.reading.confidence >= state.min_confidence
    if not (corrects and sure and isinstance(event, Heard)) or state.turns >= MAX_TURNS:
        return state, [Resume()] if isinstance(event, Heard | HearingFailed) else []
    reopened = replace(state, step=Step.CONFIRM_ORDER, result=None, turns=state.turns + 1)
    return _answer(reopened, event.reading)


def _take_turn(state: State, event: Event) -> Turn:
    match event:
        case Heard(reading, question_heard):
            turn = _heard(state, reading, question_heard=question_heard)
        case Digit(digit):
            turn = _answer(state, reading_of_key(digit))
        case Silence():
            turn = not_understood(state, "silence")
        case HearingFailed() if state.step is Step.TRANSFER:
            turn = state, [Resume()]
        case HearingFailed():
            turn = offer_keys(replace(state, keys_only=True), "unknown")
        case TransferEnded(reached=True):
            turn = end(state, Result(Decision.NEEDS_OPERATOR, {"transferred": True}))
        case TransferEnded():
            turn = needs_operator(state, "operator_unavailable")
        case MachineDetected(leave_message=True):
            turn = close(state, "voicemail_message", Result(voicemail=True))
        case VoiceFailed():
            turn = end(state, Result(Decision.NEEDS_OPERATOR, {"reason": "voice_failed"}))
        case MachineDetected():
            turn = end(state, Result(voicemail=True))
        case TimeUp():
            turn = needs_operator(state, "call_cap")
        case Answered() | Hangup():
            turn = ask(state, Step.CONFIRM_ORDER, Say("greeting"))
    return turn


def _heard(state: State, reading: Reading, *, question_heard: bool) -> Turn:
    if not question_heard and reading.action in (Action.CONFIRM, Action.UNKNOWN):
        # An interruption that answers nothing costs no turn: the bot just goes on.
        return replace(state, turns=state.turns - 1), [Resume()]
    return _answer(state, reading)


def _answer(state: State, reading: Reading) -> Turn:
    return COMMON.get(reading.action, AT_STEP[state.step])(state, reading)
