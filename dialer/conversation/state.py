"""What the dialogue remembers, and the pieces that its turns are built of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from dialer.conversation.moves import End, Listen, Move, Result, Say, Step
from dialer.domain.outcome import Decision

#: Re-prompts in one conversation before keys are offered.
MAX_REPROMPTS = 2
#: Times the keys are offered before a person has to call.
MAX_KEY_OFFERS = 2

_DICTATED = frozenset({Step.ASK_ADDRESS, Step.ASK_DATE})
_VERIFIED = frozenset({Step.VERIFY_ADDRESS, Step.VERIFY_DATE})


@dataclass(frozen=True, slots=True)
class State:
    """Everything the dialogue remembers."""

    step: Step = Step.CONFIRM_ORDER
    min_confidence: float = 0.7
    turns: int = 0
    reprompts: int = 0
    repeats: int = 0
    dictations: int = 0
    key_offers: int = 0
    #: Address or date that is being verified, and the date's time window if there was one.
    address: str = ""
    date: str = ""
    time_window: str = ""
    #: No recogniser: only keys can be trusted.
    keys_only: bool = False
    #: Set as soon as it is known: a hang-up during the closing words does not undo it.
    result: Result | None = None

    @property
    def at_first_turn(self) -> bool:
        """Whether the customer has said nothing yet that was answered: a machine is told by its first words."""
        return self.step is Step.CONFIRM_ORDER and self.turns <= 1

    @property
    def ended(self) -> bool:
        """Whether a result is known."""
        return self.result is not None


Turn = tuple[State, list[Move]]


def ask(state: State, step: Step, say: Say) -> Turn:
    """Say something that ends in the question of `step`, then listen."""
    return replace(state, step=step), [say, Listen(step)]


def close(state: State, prompt: str, result: Result) -> Turn:
    """Say the closing words and end with `result`."""
    values = {} if result.call_later_s is None else {"delay_s": str(int(result.call_later_s))}
    return replace(state, step=Step.CLOSING, result=result), [Say(prompt, values), End(result)]


def end(state: State, result: Result) -> Turn:
    """End without a word."""
    return replace(state, step=Step.CLOSING, result=result), [End(result)]


def needs_operator(state: State, why: str) -> Turn:
    """A person has to call; what was dictated so far goes along."""
    data = {"reason": why, **new_data(state)}
    return close(state, "operator_will_call", Result(Decision.NEEDS_OPERATOR, data))


def new_data(state: State) -> dict[str, Any]:
    """The address, date and window that the customer has dictated, as far as they are known."""
    data = {"address": state.address, "delivery_date": state.date, "delivery_window": state.time_window}
    return {key: value for key, value in data.items() if value}


def question(state: State) -> Say:
    """The open question, asked in full."""
    match state.step:
        case Step.VERIFY_ADDRESS:
            return Say("verify_address", {"new_address": state.address})
        case Step.VERIFY_DATE:
            return Say("verify_date", {"new_date": state.date, "new_window": state.time_window})
        case Step.ASK_ADDRESS | Step.ASK_DATE | Step.ASK_TIME | Step.VERIFY_CANCEL:
            return Say(state.step.value)
        case _:
            return Say("order_question")


def not_understood(state: State, why: str) -> Turn:
    """Ask again, a bounded number of times; `why` is "unknown" or "silence"."""
    if state.keys_only or state.key_offers or state.reprompts >= MAX_REPROMPTS:
        return offer_keys(state, why)
    again = replace(state, reprompts=state.reprompts + 1)
    return again, [Say(f"reprompt_{why}"), question(again), Listen(again.step)]


def offer_keys(state: State, why: str) -> Turn:
    """Ask for a key instead of words; after a bound, or where keys cannot answer, a person has to call."""
    if state.key_offers >= MAX_KEY_OFFERS or state.step in _DICTATED:
        return needs_operator(state, why)
    offered = replace(state, key_offers=state.key_offers + 1)
    if state.step in _VERIFIED:
        return ask(offered, state.step, Say("keypad_verify"))
    return ask(offered, Step.KEYPAD, Say("keypad"))
