"""What the PBX itself wrote down: one view of the simulated PBX's records and of a real Asterisk's CDRs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from dialer.embedded.asterisk import FarSideCall
from dialer.simulator.pbx.records import read_calls

#: Q.850 causes of the trunk: such a dial uses up no attempt.
_TRUNK_CAUSES = frozenset({34, 38, 41, 42})
_CONGESTION = "CONGESTION"


@dataclass(slots=True)
class PbxBook:
    """Calls by number (digits without the plus sign)."""

    calls: Counter[str] = field(default_factory=Counter)
    #: Those of them that the trunk refused.
    refused: Counter[str] = field(default_factory=Counter)
    #: Dials by channel id, as far as the PBX keeps it.
    dials: Counter[str] = field(default_factory=Counter)


def book_of_simulator(records: Path) -> PbxBook:
    """Every dial is written down as it happens, and survives the PBX."""
    book = PbxBook()
    for dial in read_calls(records) if records.is_file() else []:
        book.calls[dial.number] += 1
        book.dials[dial.channel_id] += 1
        if dial.answered_at is None and dial.cause in _TRUNK_CAUSES:
            book.refused[dial.number] += 1
    return book


def book_of_asterisk(calls: Iterable[FarSideCall]) -> PbxBook:
    """CDRs of the callees' side: one for each call that ended before its Asterisk did; the diary has the others."""
    book = PbxBook()
    for call in calls:
        book.calls[call.number] += 1
        if call.disposition == _CONGESTION:
            book.refused[call.number] += 1
    return book
