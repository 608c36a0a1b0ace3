"""The dialogue, without audio, loop or clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.conversation.dialogue import MAX_TURNS, advance
from dialer.conversation.moves import (
    Answered,
    Digit,
    End,
    Event,
    Hangup,
    Heard,
    HearingFailed,
    Listen,
    MachineDetected,
    Move,
    Result,
    Resume,
    Say,
    Silence,
    Step,
    TimeUp,
    Transfer,
    TransferEnded,
)
from dialer.conversation.script import PROMPTS
from dialer.conversation.state import State
from dialer.domain.intent import Action, Reading, Source
from dialer.domain.outcome import CONFIRMING, Decision


def heard(action: Action, confidence: float = 1.0, **entities: str) -> Heard:
    return Heard(Reading(action, entities, Source.RULES, confidence))


def play(*events: Event) -> tuple[State, list[Move]]:
    """Run events through a fresh dialogue; returns the last state and all moves."""
    state, moves = advance(State(), Answered())
    for event in events:
        state, more = advance(state, event)
        moves = moves + more
    return state, moves


def said(moves: list[Move]) -> list[str]:
    return [move.prompt for move in moves if isinstance(move, Say)]


def test_a_plain_yes_confirms() -> None:
    state, moves = play(heard(Action.CONFIRM))
    assert said(moves) == ["greeting", "confirmed"]
    assert state.result == Result(Decision.CONFIRMED)
    assert moves[-1] == End(Result(Decision.CONFIRMED))


def test_a_changed_address_is_repeated_and_verified() -> None:
    address = "улица Мира, дом 3"
    state, moves = play(
        heard(Action.CHANGE_ADDRESS), heard(Action.CHANGE_ADDRESS, address=address), heard(Action.CONFIRM)
    )
    assert said(moves) == ["greeting", "ask_address", "verify_address", "address_changed"]
    assert Say("verify_address", {"new_address": address}) in moves
    assert state.result == Result(Decision.ADDRESS_CHANGED, {"address": address})


def test_an_address_said_at_once_is_not_asked_for_again() -> None:
    _, moves = play(heard(Action.CHANGE_ADDRESS, address="улица Мира, дом 3"))
    assert said(moves) == ["greeting", "verify_address"]


def test_a_corrected_address_is_verified_anew() -> None:
    state, _ = play(
        heard(Action.CHANGE_ADDRESS, address="дом 3"),
        heard(Action.CHANGE_ADDRESS, address="дом 5"),
        heard(Action.CONFIRM),
    )
    assert state.result == Result(Decision.ADDRESS_CHANGED, {"address": "дом 5"})


def test_an_address_that_cannot_be_agreed_on_goes_to_an_operator() -> None:
    state, _ = play(*[heard(Action.CHANGE_ADDRESS, address=f"дом {n}") for n in range(5)])
    assert state.result is not None
    assert state.result.decision is Decision.NEEDS_OPERATOR
    assert state.result.data["reason"] == "address_not_verified"


def test_a_changed_date_keeps_the_time_of_day() -> None:
    state, moves = play(heard(Action.CHANGE_DATE, date="2026-11-27", time_window="18:00-20:00"), heard(Action.CONFIRM))
    assert said(moves) == ["greeting", "verify_date", "date_changed"]
    assert state.result == Result(
        Decision.DATE_CHANGED, {"delivery_date": "2026-11-27", "delivery_window": "18:00-20:00"}
    )


def test_cancel_cancels() -> None:
    state, moves = play(heard(Action.CANCEL))
    assert said(moves)[-1] == "cancelled"
    assert state.result == Result(Decision.CANCELLED)


@pytest.mark.parametrize(
    ("action", "prompt", "step"),
    [
        (Action.CONFIRM, "verify_confirm", Step.VERIFY_CONFIRM),
        (Action.CANCEL, "verify_cancel", Step.VERIFY_CANCEL),
    ],
)
def test_an_uncertain_yes_or_no_is_asked_back(action: Action, prompt: str, step: Step) -> None:
    state, moves = play(heard(action, confidence=0.5))
    assert said(moves)[-1] == prompt
    assert (state.step, state.result) == (step, None)


def test_no_after_the_cancel_question_does_not_cancel() -> None:
    state, moves = play(heard(Action.CANCEL, confidence=0.5), heard(Action.CONFIRM))
    assert said(moves)[-1] == "order_question"
    assert state.result is None


def test_a_yes_before_the_question_answers_nothing_and_costs_no_turn() -> None:
    before, _ = advance(State(), Answered())
    state, moves = advance(before, Heard(Reading(Action.CONFIRM, confidence=1.0), question_heard=False))
    assert moves == [Resume()]
    assert state == before


def test_a_change_before_the_question_is_taken_at_once() -> None:
    before, _ = advance(State(), Answered())
    _, moves = advance(before, Heard(Reading(Action.CANCEL, confidence=1.0), question_heard=False))
    assert said(moves) == ["cancelled"]


@pytest.mark.parametrize("event", [Silence(), heard(Action.UNKNOWN)])
def test_what_is_not_understood_ends_with_keys_then_a_person(event: Event) -> None:
    state, moves = play(event, event, event, event, event)
    assert said(moves).count("keypad") == 2
    assert said(moves)[-1] == "operator_will_call"
    assert state.result is not None
    assert state.result.decision is Decision.NEEDS_OPERATOR


@pytest.mark.parametrize(
    ("digit", "prompt"),
    [("1", "confirmed"), ("2", "cancelled"), ("3", "ask_address"), ("0", "transfer"), ("#", "reprompt_unknown")],
)
def test_keys_work_from_the_first_word_on(digit: str, prompt: str) -> None:
    _, moves = play(Digit(digit))
    assert prompt in said(moves)


def test_keys_verify_an_address_after_bad_hearing() -> None:
    state, moves = play(heard(Action.CHANGE_ADDRESS, address="дом 3"), HearingFailed(), Digit("1"))
    assert "keypad_verify" in said(moves)
    assert state.result == Result(Decision.ADDRESS_CHANGED, {"address": "дом 3"})


def test_a_lost_recogniser_offers_keys() -> None:
    state, moves = play(HearingFailed())
    assert said(moves)[-1] == "keypad"
    assert state.keys_only


def test_repeats_are_bounded() -> None:
    _, moves = play(*[heard(Action.REPEAT_INFO)] * 3)
    assert said(moves) == ["greeting", "order_info", "order_info", "keypad"]


def test_an_operator_who_does_not_answer_calls_back() -> None:
    state, moves = play(heard(Action.OPERATOR), TransferEnded(reached=False))
    assert Transfer() in moves
    assert state.result is not None
    assert state.result.decision is Decision.NEEDS_OPERATOR


def test_an_operator_who_answers_takes_over() -> None:
    state, _ = play(heard(Action.OPERATOR), TransferEnded(reached=True))
    assert state.result == Result(Decision.NEEDS_OPERATOR, {"transferred": True})


@pytest.mark.parametrize(
    "impatient", [heard(Action.OPERATOR), Digit("0"), heard(Action.REPEAT_INFO), heard(Action.UNKNOWN)]
)
def test_while_the_operators_phone_rings_impatience_changes_nothing(impatient: Event) -> None:
    state, moves = play(heard(Action.OPERATOR), impatient, impatient)
    assert moves.count(Transfer()) == 1
    assert moves[-1] == Resume()
    assert state.step is Step.TRANSFER


def test_call_later_takes_the_time_or_asks_for_it() -> None:
    at_once, _ = play(heard(Action.CALL_LATER, delay_s="3600"))
    assert at_once.result == Result(call_later_s=3600.0)
    asked, moves = play(heard(Action.CALL_LATER))
    assert (asked.step, said(moves)[-1]) == (Step.ASK_TIME, "ask_time")
    vague, _ = play(heard(Action.CALL_LATER), heard(Action.UNKNOWN))
    assert vague.result is not None
    assert vague.result.call_later_s == 7200.0


@pytest.mark.parametrize(
    ("action", "decision"), [(Action.WRONG_PERSON, Decision.WRONG_PERSON), (Action.DO_NOT_CALL, Decision.DO_NOT_CALL)]
)
def test_wrong_person_and_do_not_call_end_politely(action: Action, decision: Decision) -> None:
    state, moves = play(heard(action))
    assert isinstance(moves[-1], End)
    assert isinstance(moves[-2], Say)
    assert state.result == Result(decision)


def test_a_machine_ends_the_call_without_a_word() -> None:
    state, moves = play(MachineDetected())
    assert moves[2:] == [End(Result(voicemail=True))]
    assert state.result == Result(voicemail=True)


def test_a_hangup_before_a_decision_has_none_and_after_it_keeps_it() -> None:
    early, _ = play(Hangup())
    assert early.result == Result()
    late, moves = play(heard(Action.CONFIRM), Hangup())
    assert late.result == Result(Decision.CONFIRMED)
    assert moves.count(End(Result(Decision.CONFIRMED))) == 1


def test_words_after_the_decision_revise_it() -> None:
    state, moves = play(heard(Action.CONFIRM), heard(Action.CHANGE_ADDRESS))
    assert said(moves)[-1] == "ask_address"
    assert state.result is None


def test_thanks_after_the_decision_change_nothing() -> None:
    state, moves = play(heard(Action.CONFIRM), heard(Action.UNKNOWN), heard(Action.CONFIRM))
    assert state.result == Result(Decision.CONFIRMED)
    assert moves[-1] == Resume()


def test_an_uncertain_correction_does_not_revise() -> None:
    state, _ = play(heard(Action.CONFIRM), heard(Action.CANCEL, confidence=0.5))
    assert state.result == Result(Decision.CONFIRMED)


READINGS = st.builds(
    Reading,
    st.sampled_from(Action),
    st.dictionaries(st.sampled_from(["address", "date", "time_window"]), st.just("2026-11-27")),
    st.sampled_from(Source),
    st.floats(0, 1),
)
EVENTS = st.one_of(
    st.just(Silence()),
    st.builds(Heard, READINGS, st.booleans()),
    st.builds(Digit, st.sampled_from("0123456789*#")),
    st.just(HearingFailed()),
    st.builds(TransferEnded, st.booleans()),
)


@given(st.lists(EVENTS, min_size=MAX_TURNS + 1, max_size=3 * MAX_TURNS))
def test_every_path_is_bounded_and_says_only_known_prompts(events: list[Event]) -> None:
    state, moves = advance(State(), Answered())
    costly = 0
    for event in events:
        before = state
        state, more = advance(state, event)
        moves += more
        costly += before.turns != state.turns
        assert all(move.prompt in PROMPTS for move in more if isinstance(move, Say))
        # The bot never falls silent: unless the call is over, it speaks, listens on, or hands over.
        assert more or before.ended
        assert state.turns <= MAX_TURNS
    if costly >= MAX_TURNS:
        assert state.ended


@given(st.lists(EVENTS, max_size=MAX_TURNS), st.sampled_from([Hangup(), TimeUp()]))
def test_an_order_is_confirmed_only_on_a_sure_yes(events: list[Event], last: Event) -> None:
    state, _ = advance(State(), Answered())
    for event in [*events, last]:
        before = state
        state, _ = advance(state, event)
        newly = state.result is not None and state.result != before.result
        if newly and state.result is not None and state.result.decision in CONFIRMING:
            sure = isinstance(event, Heard) and event.reading.confidence >= state.min_confidence
            assert isinstance(event, Digit) or (sure and isinstance(event, Heard))
    assert state.ended


def test_listening_follows_every_question() -> None:
    _, moves = play(heard(Action.CHANGE_DATE), heard(Action.UNKNOWN))
    assert [move.step for move in moves if isinstance(move, Listen)] == [
        Step.CONFIRM_ORDER,
        Step.ASK_DATE,
        Step.ASK_DATE,
    ]
