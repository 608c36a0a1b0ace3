"""What goes into the dialogue (events) and what comes out of it (actions)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from dialer.domain.intent import Expect, Reading
from dialer.domain.outcome import Decision


class Step(StrEnum):
    """Where the conversation stands: the question that is open."""

    CONFIRM_ORDER = "confirm_order"
    #: "Did I get it right: confirm the order?"
    VERIFY_CONFIRM = "verify_confirm"
    VERIFY_CANCEL = "verify_cancel"
    ASK_ADDRESS = "ask_address"
    VERIFY_ADDRESS = "verify_address"
    ASK_DATE = "ask_date"
    VERIFY_DATE = "verify_date"
    ASK_TIME = "ask_time"
    #: "Press 1 to confirm, 2 to cancel, 0 for an operator"; speech is still understood.
    KEYPAD = "keypad"
    #: The customer is being connected with an operator.
    TRANSFER = "transfer"
    #: The result is known; the closing words are being said and may still be corrected.
    CLOSING = "closing"


#: What understanding is told to expect at each step.
EXPECT_AT: dict[Step, Expect] = {
    Step.CONFIRM_ORDER: Expect.CONFIRM_ORDER,
    Step.VERIFY_CONFIRM: Expect.CONFIRM_ORDER,
    Step.VERIFY_CANCEL: Expect.VERIFY_CANCEL,
    Step.ASK_ADDRESS: Expect.ASK_ADDRESS,
    Step.VERIFY_ADDRESS: Expect.VERIFY_ADDRESS,
    Step.ASK_DATE: Expect.ASK_DATE,
    Step.VERIFY_DATE: Expect.VERIFY_DATE,
    Step.ASK_TIME: Expect.ASK_TIME,
    Step.KEYPAD: Expect.CONFIRM_ORDER,
    Step.TRANSFER: Expect.CONFIRM_ORDER,
    Step.CLOSING: Expect.CONFIRM_ORDER,
}


@dataclass(frozen=True, slots=True)
class Answered:
    """The customer picked up and can hear the bot."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The customer said something.

    `question_heard` is False when the words came before the open question had begun to be heard: a "yes" at that
    moment ("yes, hello?") answers nothing.
    """

    reading: Reading
    question_heard: bool = True


@dataclass(frozen=True, slots=True)
class Silence:
    """The step's answer time ran out without a word."""


@dataclass(frozen=True, slots=True)
class Digit:
    """A key was pressed."""

    digit: str


@dataclass(frozen=True, slots=True)
class HearingFailed:
    """The recogniser is away: from here on only keys can be trusted."""


@dataclass(frozen=True, slots=True)
class MachineDetected:
    """A machine answered; with `leave_message` it has beeped and listens."""

    leave_message: bool = False


@dataclass(frozen=True, slots=True)
class VoiceFailed:
    """The bot cannot speak any more: no voice, not even the fallback's."""


@dataclass(frozen=True, slots=True)
class TransferEnded:
    """The attempt to reach an operator is over."""

    reached: bool


@dataclass(frozen=True, slots=True)
class TimeUp:
    """The call is about to reach its hard cap."""


@dataclass(frozen=True, slots=True)
class Hangup:
    """The customer's side ended the call."""


Event = (
    Answered | Heard | Silence | Digit | HearingFailed | MachineDetected | VoiceFailed | TransferEnded | TimeUp | Hangup
)


@dataclass(frozen=True, slots=True)
class Say:
    """Say a prompt of the script, rendered with `values` over the order's own."""

    prompt: str
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listen:
    """Wait for an answer, with the step's timings, once everything has been said."""

    step: Step


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on with what was being said: the customer's words did not answer it."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Connect the customer with an operator."""


@dataclass(frozen=True, slots=True)
class Result:
    """What the conversation came to. Without a decision: `call_later_s`, voicemail, or simply hung up."""

    decision: Decision | None = None
    data: dict[str, Any] = field(default_factory=dict)
    call_later_s: float | None = None
    voicemail: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """Let the last words be heard, then end the call."""

    result: Result


Move = Say | Listen | Resume | Transfer | End
