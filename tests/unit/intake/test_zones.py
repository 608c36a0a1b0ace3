"""Where it rings decides when it may ring."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dialer.domain.policy import CallingWindow
from dialer.intake import order_from_mapping
from dialer.intake.zones import zone_of_number


@pytest.mark.parametrize(
    ("phone", "zone"),
    [
        ("+74951234567", "Europe/Moscow"),
        ("+73832223344", "Asia/Novosibirsk"),
        ("+74232223344", "Asia/Vladivostok"),
        ("+74012223344", "Europe/Kaliningrad"),
        ("+77272223344", "Asia/Almaty"),
        ("+493012345678", "Europe/Berlin"),
    ],
)
def test_a_landline_tells_its_zone(phone: str, zone: str) -> None:
    assert zone_of_number(phone) == zone


@pytest.mark.parametrize("phone", ["+79161234567", "+79241112233", "+79831234567"])
def test_a_mobile_number_leaves_its_zone_open(phone: str) -> None:
    assert zone_of_number(phone) is None


def test_import_takes_the_zone_from_the_number_unless_the_file_names_one() -> None:
    # Given
    row = {"order_id": "1", "phone": "8 (423) 222-33-44", "total": "100"}
    # When
    derived, named = order_from_mapping(row), order_from_mapping({**row, "timezone": "Asia/Omsk"})
    # Then
    assert getattr(derived, "timezone", None) == "Asia/Vladivostok"
    assert getattr(named, "timezone", None) == "Asia/Omsk"


def test_the_window_is_the_recipients() -> None:
    # Given noon in Moscow, which is seven in the evening in Vladivostok; four hours later it is night there
    window = CallingWindow()
    noon, four = datetime(2026, 11, 22, 9, tzinfo=UTC), datetime(2026, 11, 22, 13, tzinfo=UTC)
    zone = zone_of_number("+74232223344")
    # Then
    assert window.is_open(noon, zone)
    assert window.is_open(four)
    assert not window.is_open(four, zone)
