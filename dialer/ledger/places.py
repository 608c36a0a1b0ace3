"""Which node takes the next attempt: the one with the most free lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dialer.ledger.trunks import OpenTrunk

#: Free lines of a node without a limit of its own: such nodes share evenly, and come before limited ones.
_PLENTY = 1_000_000


class Places:
    """The free places of the open nodes during one release. Pure; not thread-safe."""

    def __init__(self, trunks: Sequence[OpenTrunk], most: Mapping[str, int]) -> None:
        """`most` simultaneous calls of each node; 0, or nothing said: no limit."""
        self._trials = [trunk.node for trunk in trunks if trunk.trial]
        self._free = {
            trunk.node: max(0, (most.get(trunk.node) or _PLENTY) - trunk.calls) for trunk in trunks if not trunk.trial
        }

    @property
    def left(self) -> int:
        """How many attempts fit."""
        return len(self._trials) + sum(self._free.values())

    def take(self) -> str:
        """The node for one attempt: first one each for those on trial, then the emptiest; ties go by order."""
        if self._trials:
            return self._trials.pop(0)
        node = max(self._free, key=self._free.__getitem__)
        self._free[node] -= 1
        return node
