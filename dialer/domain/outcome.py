"""How attempts end (disposition, telephony) and what customers want (decision)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Disposition(StrEnum):
    """How one attempt ended."""

    #: Answered, and the conversation came to a decision or to a call_later.
    ANSWERED = "answered"
    #: Q.850 17.
    BUSY = "busy"
    #: Q.850 18, 19, or our own ring timeout.
    NO_ANSWER = "no_answer"
    #: Q.850 21.
    REJECTED = "rejected"
    #: A machine answered.
    VOICEMAIL = "voicemail"
    #: The customer answered and hung up before a decision.
    HUNG_UP = "hung_up"
    #: The worker or the PBX was lost in mid-attempt.
    LOST = "lost"
    #: Q.850 34, 38, 41, 42, or SIP 5xx: the trunk's fault, not the customer's.
    TRUNK_FAILURE = "trunk_failure"
    #: Q.850 1, 28.
    INVALID_NUMBER = "invalid_number"
    #: Released but never dialed: the campaign was paused, the window closed, or the order was settled meanwhile.
    NOT_DIALED = "not_dialed"


#: Dispositions that do not use up one of the order's attempts.
UNCOUNTED = frozenset({Disposition.TRUNK_FAILURE, Disposition.NOT_DIALED})

_BY_CAUSE: dict[int, Disposition] = {
    1: Disposition.INVALID_NUMBER,
    28: Disposition.INVALID_NUMBER,
    17: Disposition.BUSY,
    18: Disposition.NO_ANSWER,
    19: Disposition.NO_ANSWER,
    21: Disposition.REJECTED,
    34: Disposition.TRUNK_FAILURE,
    38: Disposition.TRUNK_FAILURE,
    41: Disposition.TRUNK_FAILURE,
    42: Disposition.TRUNK_FAILURE,
}


def disposition_of_cause(cause: int) -> Disposition:
    """The disposition of a call that ended before answer, by its numeric hangup cause (ITU-T Q.850).

    Causes outside the table count as `no_answer`: the customer was not reached and the ladder goes on; except
    the network-side classes 3x-4x (congestion, no resource), which are the trunk's.
    """
    known = _BY_CAUSE.get(cause)
    if known is not None:
        return known
    return Disposition.TRUNK_FAILURE if 34 <= cause <= 47 else Disposition.NO_ANSWER


class Decision(StrEnum):
    """What the customer wanted."""

    CONFIRMED = "confirmed"
    #: Confirmed with a new address (`address` in the data).
    ADDRESS_CHANGED = "address_changed"
    #: Confirmed with a new delivery date (`delivery_date` in the data, ISO).
    DATE_CHANGED = "date_changed"
    CANCELLED = "cancelled"
    #: A person has to call: asked for, not understood, or the new data could not be verified.
    NEEDS_OPERATOR = "needs_operator"
    WRONG_PERSON = "wrong_person"
    DO_NOT_CALL = "do_not_call"


#: Decisions that count as a confirmed order in every report.
CONFIRMING = frozenset({Decision.CONFIRMED, Decision.ADDRESS_CHANGED, Decision.DATE_CHANGED})

#: `status` of the PATCH to the orders API, by decision. Unreachable orders are sent as "unreachable".
STATUS_OF_DECISION: dict[Decision, str] = {
    Decision.CONFIRMED: "confirmed",
    Decision.ADDRESS_CHANGED: "confirmed",
    Decision.DATE_CHANGED: "confirmed",
    Decision.CANCELLED: "cancelled",
    Decision.NEEDS_OPERATOR: "needs_operator",
    Decision.WRONG_PERSON: "wrong_person",
    Decision.DO_NOT_CALL: "do_not_call",
}
STATUS_UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended, as the call reports it to the ledger.

    `decision` is set only with disposition `answered`. `call_later_s` (seconds from now, answered without a
    decision) asks for a retry at that time. `data` becomes `confirmation_data` (address, delivery_date, ...).
    """

    disposition: Disposition
    decision: Decision | None = None
    data: dict[str, Any] = field(default_factory=dict)
    cause: int | None = None
    call_later_s: float | None = None
    talk_s: float = 0.0
