"""Which node takes the next attempt."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from dialer.ledger.places import Places
from dialer.ledger.trunks import OpenTrunk


def _taken(places: Places, count: int) -> list[str]:
    return [places.take() for _ in range(count)]


def test_equal_nodes_take_turns() -> None:
    places = Places([OpenTrunk("a", trial=False), OpenTrunk("b", trial=False)], {})

    assert _taken(places, 4) == ["a", "b", "a", "b"]


def test_the_emptier_node_comes_first() -> None:
    places = Places([OpenTrunk("a", trial=False, calls=3), OpenTrunk("b", trial=False, calls=1)], {"a": 5, "b": 5})

    assert Counter(_taken(places, 4)) == {"b": 3, "a": 1}


def test_full_nodes_leave_no_place() -> None:
    places = Places([OpenTrunk("a", trial=False, calls=5), OpenTrunk("b", trial=False, calls=9)], {"a": 5, "b": 5})

    assert places.left == 0


def test_a_node_on_trial_gets_one() -> None:
    places = Places([OpenTrunk("a", trial=False), OpenTrunk("b", trial=True)], {"a": 2})

    assert places.left == 3
    assert _taken(places, 3) == ["b", "a", "a"]


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 20), st.booleans()), min_size=1, max_size=6),
)
def test_no_node_is_ever_filled_over_its_limit(rows: list[tuple[int, int, bool]]) -> None:
    trunks = [OpenTrunk(f"n{number}", trial=trial, calls=calls) for number, (calls, _, trial) in enumerate(rows)]
    most = {f"n{number}": limit for number, (_, limit, _) in enumerate(rows)}
    places = Places(trunks, most)

    taken = Counter(_taken(places, places.left))

    for trunk in trunks:
        allowed = 1 if trunk.trial else max(0, most[trunk.node] - trunk.calls)
        assert taken[trunk.node] == allowed
