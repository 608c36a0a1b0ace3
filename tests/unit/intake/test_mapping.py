"""Orders from JSON go through the same checks as rows of a CSV."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.order import Order
from dialer.intake import Rejected, order_from_mapping


def test_a_full_order() -> None:
    order = order_from_mapping(
        {
            "order_id": 45678,
            "phone": "8 916 123-45-67",
            "total": 3200.5,
            "customer_name": None,
            "delivery_date": "2026-11-25",
            "delivery_window": "10-14",
            "city": "Омск",
            "gift": True,
            "attributes": {"note": "звонить", "city": "не этот"},
        }
    )

    assert isinstance(order, Order)
    assert (order.order_id, order.phone, order.amount) == ("45678", "+79161234567", Decimal("3200.50"))
    assert order.delivery_window == "10:00-14:00"
    assert order.attributes == {"city": "Омск", "gift": "true", "note": "звонить"}


@pytest.mark.parametrize(
    ("mapping", "fields"),
    [
        ({}, ["order_id", "phone", "amount"]),
        ({"order_id": "1", "phone": "89161234567"}, ["amount"]),
        ({"order_id": ["1"], "phone": "89161234567", "amount": 5}, ["order_id"]),
        ({"order_id": True, "phone": "89161234567", "amount": 5}, ["order_id"]),
        ({"order_id": "1", "phone": "89161234567", "amount": float("nan")}, ["amount"]),
        ({"order_id": "1", "phone": "89161234567", "amount": 5, "attributes": [1]}, ["attributes"]),
        ({"order_id": "1", "phone": "89161234567", "amount": 5, "extra": {"a": 1}}, ["extra"]),
        ({"order_id": "1", "phone": "x@y", "amount": -1}, ["phone", "amount"]),
    ],
)
def test_what_is_wrong_is_named(mapping: dict[str, Any], fields: list[str]) -> None:
    rejected = order_from_mapping(mapping)

    assert isinstance(rejected, Rejected)
    assert [field for field, _ in rejected.problems] == fields


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["order_id", "phone", "amount", "attributes", "customer_name", "delivery_date", "timezone", "x"])


@given(st.dictionaries(KEYS | st.text(max_size=10), JSON, max_size=8))
def test_no_json_object_raises(mapping: dict[str, Any]) -> None:
    assert isinstance(order_from_mapping(mapping), Order | Rejected)
