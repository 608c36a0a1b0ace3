"""What an answer means, by the question that is open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dialer.conversation.moves import Result, Resume, Say, Step, Transfer
from dialer.conversation.state import (
    State,
    Turn,
    ask,
    close,
    needs_operator,
    new_data,
    not_understood,
    offer_keys,
    question,
)
from dialer.domain.intent import Action, Reading, Source
from dialer.domain.outcome import Decision

#: Times the order's data is repeated on request.
MAX_REPEATS = 2
#: Addresses and dates dictated before a person has to call.
MAX_DICTATIONS = 3
#: Offered when the customer asks to be called later without saying when.
DEFAULT_DELAY_S = 7200.0

Answer = Callable[[State, Reading], Turn]


def operator(state: State, reading: Reading) -> Turn:
    """Connect with a person, once: a second hand-over would be refused, and end the first."""
    if state.step is Step.TRANSFER:
        return go_on(state, reading)
    return replace(state, step=Step.TRANSFER), [Say("transfer"), Transfer()]


def wrong_person(state: State, _reading: Reading) -> Turn:
    """Not the customer: apologise and go."""
    return close(state, "wrong_person", Result(Decision.WRONG_PERSON))


def do_not_call(state: State, _reading: Reading) -> Turn:
    """Never again."""
    return close(state, "do_not_call", Result(Decision.DO_NOT_CALL))


def call_later(state: State, reading: Reading) -> Turn:
    """Agree on a time, then go."""
    delay = reading.entities.get("delay_s")
    if delay is not None:
        return close(state, "call_later", Result(call_later_s=float(delay)))
    if state.step is Step.ASK_TIME:
        return close(state, "call_later", Result(call_later_s=DEFAULT_DELAY_S))
    return ask(state, Step.ASK_TIME, Say("ask_time"))


def repeat(state: State, reading: Reading) -> Turn:
    """Say it again: the order's data at the order's question, else the open question. A phone that rings goes on."""
    if state.step is Step.TRANSFER:
        return go_on(state, reading)
    if state.repeats >= MAX_REPEATS:
        return offer_keys(state, "unknown")
    again = replace(state, repeats=state.repeats + 1)
    info = again.step in (Step.CONFIRM_ORDER, Step.VERIFY_CONFIRM, Step.KEYPAD)
    return ask(again, again.step, Say("order_info") if info else question(again))


#: Answers that mean the same after every question.
COMMON: dict[Action, Answer] = {
    Action.OPERATOR: operator,
    Action.WRONG_PERSON: wrong_person,
    Action.DO_NOT_CALL: do_not_call,
    Action.CALL_LATER: call_later,
    Action.REPEAT_INFO: repeat,
}


def at_order(state: State, reading: Reading) -> Turn:
    """ "Do you confirm the order?" An uncertain yes or no is asked back, never taken."""
    sure = reading.confidence >= state.min_confidence
    match reading.action, sure:
        case Action.CONFIRM, True:
            turn = close(state, "confirmed", Result(Decision.CONFIRMED))
        case Action.CONFIRM, False:
            turn = ask(state, Step.VERIFY_CONFIRM, Say("verify_confirm"))
        case Action.CANCEL, True:
            turn = close(state, "cancelled", Result(Decision.CANCELLED))
        case Action.CANCEL, False:
            turn = ask(state, Step.VERIFY_CANCEL, Say("verify_cancel"))
        case Action.CHANGE_ADDRESS, _:
            turn = new_address(state, reading)
        case Action.CHANGE_DATE, _:
            turn = new_date(state, reading)
        case _:
            turn = not_understood(state, "unknown")
    return turn


def at_verify_cancel(state: State, reading: Reading) -> Turn:
    """ "Did I get it right: cancel the order?" Only a sure yes (CANCEL, or the key 1) cancels."""
    yes = Action.CONFIRM if reading.source is Source.DTMF else Action.CANCEL
    if reading.action is yes and reading.confidence >= state.min_confidence:
        return close(state, "cancelled", Result(Decision.CANCELLED))
    if reading.action in (Action.CHANGE_ADDRESS, Action.CHANGE_DATE):
        return at_order(state, reading)
    if reading.action is Action.UNKNOWN and reading.source is Source.NONE:
        return not_understood(state, "unknown")
    return ask(state, Step.CONFIRM_ORDER, Say("order_question"))


def at_dictation(state: State, reading: Reading) -> Turn:
    """ "Say the new address", "Which day suits you?": what is dictated is taken as at the order's question."""
    match reading.action:
        case Action.CHANGE_ADDRESS | Action.CHANGE_DATE | Action.CANCEL:
            return at_order(state, reading)
        case Action.CONFIRM if reading.source is not Source.DTMF:
            # "Leave it as it was": back to the order's question.
            return ask(state, Step.CONFIRM_ORDER, Say("order_question"))
        case _:
            return not_understood(state, "unknown")


def at_verify_address(state: State, reading: Reading) -> Turn:
    """ "The new address is ... Right?" """
    if reading.action is Action.CONFIRM:
        return _verified(state, reading, "address_changed", Decision.ADDRESS_CHANGED)
    if reading.action is Action.CANCEL and reading.source is Source.DTMF:
        return new_address(state, reading)
    return at_dictation(state, reading)


def at_verify_date(state: State, reading: Reading) -> Turn:
    """ "Delivery on ... Right?" """
    if reading.action is Action.CONFIRM:
        return _verified(state, reading, "date_changed", Decision.DATE_CHANGED)
    if reading.action is Action.CANCEL and reading.source is Source.DTMF:
        return new_date(state, reading)
    return at_dictation(state, reading)


def _verified(state: State, reading: Reading, prompt: str, decision: Decision) -> Turn:
    if reading.confidence < state.min_confidence:
        return not_understood(state, "unknown")
    return close(state, prompt, Result(decision, new_data(state)))


def at_ask_time(state: State, reading: Reading) -> Turn:
    """ "When shall we call?" Any answer is leave to call again: a busy customer is not held."""
    return close(state, "call_later", Result(call_later_s=float(reading.entities.get("delay_s", DEFAULT_DELAY_S))))


def go_on(state: State, _reading: Reading) -> Turn:
    """Words that change nothing."""
    return state, [Resume()]


#: Who answers at each step.
AT_STEP: dict[Step, Answer] = {
    Step.CONFIRM_ORDER: at_order,
    Step.VERIFY_CONFIRM: at_order,
    Step.KEYPAD: at_order,
    Step.VERIFY_CANCEL: at_verify_cancel,
    Step.ASK_ADDRESS: at_dictation,
    Step.VERIFY_ADDRESS: at_verify_address,
    Step.ASK_DATE: at_dictation,
    Step.VERIFY_DATE: at_verify_date,
    Step.ASK_TIME: at_ask_time,
    Step.TRANSFER: go_on,
    Step.CLOSING: go_on,
}


def new_address(state: State, reading: Reading) -> Turn:
    """Take a dictated address, or ask for it."""
    if state.dictations >= MAX_DICTATIONS:
        return needs_operator(state, "address_not_verified")
    again = replace(state, dictations=state.dictations + 1)
    address = reading.entities.get("address", "")
    if address:
        dictated = replace(again, step=Step.VERIFY_ADDRESS, address=address)
        return ask(dictated, dictated.step, question(dictated))
    return ask(again, Step.ASK_ADDRESS, Say("ask_address_again" if state.address else "ask_address"))


def new_date(state: State, reading: Reading) -> Turn:
    """Take a date or a time of day, or ask for it."""
    if state.dictations >= MAX_DICTATIONS:
        return needs_operator(state, "date_not_verified")
    again = replace(state, dictations=state.dictations + 1)
    date, window = reading.entities.get("date", ""), reading.entities.get("time_window", "")
    if date or window:
        dated = replace(again, step=Step.VERIFY_DATE, date=date or state.date, time_window=window or state.time_window)
        return ask(dated, dated.step, question(dated))
    return ask(again, Step.ASK_DATE, Say("ask_date"))
