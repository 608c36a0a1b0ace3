"""Cells to values: what is understood, what is refused, and that nothing is guessed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.errors import InputError
from dialer.intake.cells import clean_text, harmless_cell, tidy, without_guard
from dialer.intake.dates import parse_date, parse_timezone, parse_window
from dialer.intake.money import parse_amount
from dialer.intake.phones import parse_phone


@pytest.mark.parametrize(
    "cell",
    [
        "8 916 123-45-67",
        "+7 (916) 123-45-67",
        "79161234567",
        "9161234567",
        "8.916.123.45.67",
        "8\u00a0916\u00a0123\u00a045\u00a067",
        "+7–916–123–45–67",
        "\u202a+79161234567\u202c",
        "79161234567.0",
        " (916) 1234567 ",
    ],
)
def test_all_ways_to_write_a_russian_number_are_one_number(cell: str) -> None:
    assert parse_phone(cell) == "+79161234567"


def test_a_landline_is_fine_and_a_neighbour_under_the_same_code_too() -> None:
    assert parse_phone("8 (495) 123-45-67") == "+74951234567"
    assert parse_phone("+7 701 123-45-67") == "+77011234567"


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", "не указан"),
        ("79161234567@x&PJSIP/900", "допустимы только"),
        ("79161234567&PJSIP/900", "допустимы только"),
        ("PJSIP/900", "допустимы только"),
        ("+7916123456７", "допустимы только"),
        ("٠٩١٦١٢٣٤٥٦٧", "допустимы только"),
        ("8 916 123 45 67, 8 916 123 45 68", "несколько"),
        ("8 916 123 45 67 / 8 926 123 45 68", "несколько"),
        ("89161234567 89161234568", "несколько"),
        ("+7 916 123 45 67 +7 916 123 45 68", "несколько"),
        ("8 916 123 45 67 доб. 12", "добавочный"),
        ("8 495 123 45 67 ext 5", "добавочный"),
        ("7,91612E+10", "текстовый формат"),
        ("нет телефона", "не номер"),
        ("112", "короткий"),
        ("102", "короткий"),
        ("123-45-67", "короткий"),
        ("0000000000", "не бывает"),
        ("+7 930 000-00-00", "не бывает"),
        ("8 800 555-35-35", "бесплатный"),
        ("8 809 123-45-67", "платный"),
        ("+375 29 123-45-67", "+375"),
        ("+1 900 123 4567", "+1"),
        ("810 375 29 123-45-67", "с плюсом"),
        ("9" * 60, "слишком длинно"),
        ("+7 916 123 45 6\x007", "допустимы только"),
    ],
)
def test_what_is_no_customers_number_is_refused_with_a_reason(cell: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason.replace("+", r"\+")) as refused:
        parse_phone(cell)
    assert refused.value.field == "phone"


def test_other_countries_can_be_allowed() -> None:
    assert parse_phone("+375 29 123-45-67", ("7", "375")) == "+375291234567"


@given(st.text(max_size=60))
def test_no_text_becomes_an_unsafe_number(cell: str) -> None:
    try:
        number = parse_phone(cell)
    except InputError:
        return
    assert number.isascii()
    assert number.startswith("+7")
    assert number[1:].isdigit()
    assert len(number) == 12


@pytest.mark.parametrize(
    ("cell", "amount"),
    [
        ("3 200,00", "3200.00"),
        ("3\u00a0200,00", "3200.00"),
        ("3\u2009200", "3200.00"),
        ("3\u202f200 ₽", "3200.00"),
        ("3200.00", "3200.00"),
        ("3200 руб.", "3200.00"),
        ("3200р", "3200.00"),
        ("1,234.56", "1234.56"),
        ("1.234,56", "1234.56"),
        ("1,234,567", "1234567.00"),
        ("1 234 567.8", "1234567.80"),
        ("3200.0000", "3200.00"),
        ("3200.500", "3200.50"),
        ("0,99", "0.99"),
    ],
)
def test_amounts(cell: str, amount: str) -> None:
    assert parse_amount(cell) == Decimal(amount)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", "не указана"),
        ("бесплатно", "не сумма"),
        ("1e5", "не сумма"),
        ("NaN", "не сумма"),
        ("Infinity", "не сумма"),
        ("=1+1", "не сумма"),
        ("٣٢٠٠", "не сумма"),
        ("-5", "отрицательной"),
        ("\u2212100", "отрицательной"),
        ("0", "нулю"),
        ("0,00", "нулю"),
        ("10 000 000,01", "больше"),
        ("9" * 39, "больше"),
        ("9" * 400, "не сумма"),
        ("3,200", "непонятно"),
        ("3.200", "непонятно"),
        ("3 20 0", "разряды"),
        ("1,2,3", "разряды"),
        ("3200.555", "копеек"),
        ("3200,", "копеек"),
    ],
)
def test_amounts_that_are_refused(cell: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as refused:
        parse_amount(cell)
    assert refused.value.field == "amount"


@given(st.text(alphabet="0123456789., '-eE+₽руб\u00a0", max_size=30))
def test_any_text_is_an_amount_within_limits_or_refused(cell: str) -> None:
    try:
        amount = parse_amount(cell)
    except InputError:
        return
    assert 0 < amount <= 10_000_000
    assert amount == amount.quantize(Decimal("0.01"))


@pytest.mark.parametrize(
    "cell",
    [
        "25.11.2026",
        "25.11.26",
        "25/11/2026",
        "25-11-2026",
        "2026-11-25",
        "2026-11-25T00:00:00",
        "2026-11-25 00:00:00.000",
        "25.11.2026 0:00:00",
        "25 ноября 2026",
        "25 Ноября 2026 г.",
        "25 нояб. 2026",
    ],
)
def test_dates(cell: str) -> None:
    assert parse_date(cell) == date(2026, 11, 25)


@pytest.mark.parametrize(
    ("cell", "month"),
    [("1 января 2027", 1), ("1 марта 2027", 3), ("1 мая 2027", 5), ("1 июня 2027", 6), ("1 июля 2027", 7)],
)
def test_months_by_name(cell: str, month: int) -> None:
    assert parse_date(cell) == date(2027, month, 1)


@pytest.mark.parametrize(
    "cell",
    [
        "31.02.2026",
        "29.02.2027",
        "11/25/2026",
        "00.11.2026",
        "25.11",
        "завтра",
        "46351",
        "25.11.1026",
        "2026",
        "25.11/2026",
    ],
)
def test_dates_that_are_refused(cell: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_date(cell)
    assert refused.value.field == "delivery_date"


@pytest.mark.parametrize(
    ("cell", "window"),
    [
        ("10:00-14:00", "10:00-14:00"),
        ("10-14", "10:00-14:00"),
        ("с 10 до 14", "10:00-14:00"),
        ("с 10:00 до 14:00", "10:00-14:00"),
        ("10.00 – 14.30", "10:00-14:30"),
        ("9:30—12", "09:30-12:00"),
        ("10-14 ч.", "10:00-14:00"),
        ("18-24", "18:00-00:00"),
        ("20:00-00:00", "20:00-00:00"),
    ],
)
def test_windows(cell: str, window: str) -> None:
    assert parse_window(cell) == window


@pytest.mark.parametrize("cell", ["14-10", "10-10", "25-26", "10:70-11:00", "утром", "до 18", "10", "10-14-18"])
def test_windows_that_are_refused(cell: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_window(cell)
    assert refused.value.field == "delivery_window"


@pytest.mark.parametrize(
    ("cell", "zone"),
    [
        ("Asia/Omsk", "Asia/Omsk"),
        ("asia/omsk", "Asia/Omsk"),
        ("МСК", "Europe/Moscow"),
        ("мск+2", "Asia/Yekaterinburg"),
        ("MSK-1", "Europe/Kaliningrad"),
        ("UTC+5", "Asia/Yekaterinburg"),
        ("+07:00", "Asia/Krasnoyarsk"),
    ],
)
def test_time_zones(cell: str, zone: str) -> None:
    assert parse_timezone(cell) == zone


@pytest.mark.parametrize("cell", ["../../etc/passwd", "Луна", "UTC+1", "МСК+20", "/", "localtime"])
def test_time_zones_that_are_refused(cell: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_timezone(cell)
    assert refused.value.field == "timezone"


def test_text_is_tidied_and_control_characters_are_refused() -> None:
    assert clean_text("customer_name", "  Анна\u00a0 \u200bПетровна\r\n", 100) == "Анна Петровна"
    for cell in ("Анна\x00", "Анна\x1b[31m", "Анна\x1c", "Анна\ufffd", "\ue000"):
        with pytest.raises(InputError):
            clean_text("customer_name", cell, 100)
    with pytest.raises(InputError, match="101"):
        clean_text("customer_name", "я" * 101, 100)


@given(st.text(max_size=40))
def test_no_cell_starts_a_formula_and_the_guard_can_be_taken_off(cell: str) -> None:
    safe = harmless_cell(cell)

    assert not safe.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert without_guard(safe) == cell or cell.startswith("'")
    assert tidy(tidy(cell)) == tidy(cell)
