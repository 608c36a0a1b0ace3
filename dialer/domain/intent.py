"""What a customer's words were taken to mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Action(StrEnum):
    """The closed set of meanings; nothing a customer says can produce anything else."""

    CONFIRM = "confirm"
    CANCEL = "cancel"
    CHANGE_ADDRESS = "change_address"
    CHANGE_DATE = "change_date"
    REPEAT_INFO = "repeat_info"
    OPERATOR = "operator"
    CALL_LATER = "call_later"
    WRONG_PERSON = "wrong_person"
    DO_NOT_CALL = "do_not_call"
    UNKNOWN = "unknown"


class Expect(StrEnum):
    """What the bot has just asked: the same words mean different things after different questions."""

    CONFIRM_ORDER = "confirm_order"
    ASK_ADDRESS = "ask_address"
    VERIFY_ADDRESS = "verify_address"
    ASK_DATE = "ask_date"
    VERIFY_DATE = "verify_date"
    #: "Did I get it right: cancel the order?"  yes -> CANCEL, no -> CONFIRM is NOT implied: UNKNOWN.
    VERIFY_CANCEL = "verify_cancel"
    #: "When shall we call again?"
    ASK_TIME = "ask_time"


class Source(StrEnum):
    """Who understood."""

    RULES = "rules"
    LLM = "llm"
    DTMF = "dtmf"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Reading:
    """One utterance understood.

    `entities` keys: `address` (normalised text), `date` (ISO), `time_window` (text), `correction` (the part
    that was corrected), `delay_s` (call_later, seconds). `confidence` is 0..1; below the threshold the bot asks back.
    """

    action: Action
    entities: dict[str, str] = field(default_factory=dict)
    source: Source = Source.NONE
    confidence: float = 0.0
