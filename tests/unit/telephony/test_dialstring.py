"""Nothing but a clean number of an allowed country becomes part of a dial string."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.errors import InputError
from dialer.telephony.dialstring import dial_number


@pytest.mark.parametrize("phone", ["+79161234567", "+74951234567", "+78001234567", "+79000000017"])
def test_russian_numbers_are_dialed_without_the_plus_sign(phone: str) -> None:
    assert dial_number(phone, ["7"]) == phone[1:]


@pytest.mark.parametrize(
    ("phone", "reason"),
    [
        ("79161234567", "E.164"),
        ("+79161234567@x&PJSIP/900", "E.164"),
        ("+7916123456७", "E.164"),
        ("+79161234567\n", "E.164"),
        (" +79161234567", "E.164"),
        ("+7 916 123 45 67", "E.164"),
        ("+", "E.164"),
        ("", "E.164"),
        ("112", "E.164"),
        ("+112", "E.164"),
        ("+12025550123", "not allowed"),
        ("+380501234567", "not allowed"),
        ("+7112000", "E.164"),
        ("+71120000", "too short"),
        ("+791612345678", "too short or too long"),
        ("+78091234567", "premium"),
        ("+78031234567", "premium"),
    ],
)
def test_everything_else_is_refused_with_a_reason(phone: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as refusal:
        dial_number(phone, ["7"])

    assert refusal.value.field == "phone"
    assert "9161234567" not in refusal.value.reason  # reasons go into logs


def test_without_an_allow_list_nothing_is_dialed() -> None:
    for prefixes in ([], [""]):
        with pytest.raises(InputError):
            dial_number("+79161234567", prefixes)


@given(st.text(max_size=20))
def test_whatever_is_typed_only_digits_come_out(phone: str) -> None:
    try:
        number = dial_number(phone, ["7", "1"])
    except InputError:
        return
    assert number.isascii() and number.isdigit()
