"""The API's types: the OpenAPI document is made from them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StringConstraints

from dialer.campaigns import RowStatus
from dialer.domain.campaign import CampaignState
from dialer.domain.order import OrderState

#: No control characters: they have no place in names, and PostgreSQL has no zero byte.
_PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
_CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
_LONGEST_PHONE = 40


def _cron_pattern() -> str:
    """Five fields, each a list of `*`, numbers and ranges with an optional step: `*/10 9-21 * * 1,3,5`."""
    ranges = ("[0-5]?[0-9]", "([01]?[0-9]|2[0-3])", "([1-9]|[12][0-9]|3[01])", "([1-9]|1[0-2])", "[0-7]")
    fields = []
    for number in ranges:
        item = rf"(\*|{number}(-{number})?)(/[1-9])?"
        fields.append(f"{item}(,{item})*")
    return f"^{' '.join(fields)}$"


_NAME = r"^[^\x00-\x1f\x7f/\s]+( [^\x00-\x1f\x7f/\s]+)*$"
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=_NAME)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=_PRINTABLE)]
Clock = Annotated[str, StringConstraints(pattern=_CLOCK)]
Phone = Annotated[str, StringConstraints(min_length=1, max_length=_LONGEST_PHONE, pattern=_PRINTABLE)]
CallerId = Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{2,15}$")]
Cron = Annotated[str, StringConstraints(max_length=100, pattern=_cron_pattern())]
Zone = Annotated[str, Field(json_schema_extra={"enum": sorted(available_timezones())})]


def _number(value: object) -> object:
    """JSON's numbers only; `4.0` is a whole one."""
    if isinstance(value, bool | str):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic reports ValueError as the field's
    return value


def _iso_date(value: object) -> object:
    """`2026-11-25` and no other form."""
    if value is not None and not (isinstance(value, str) and len(value) == len("2026-11-25")):
        raise ValueError("must be a date such as 2026-11-25")
    return value


Day = Annotated[date, BeforeValidator(_iso_date)]


class Strict(BaseModel):
    """Requests: a misspelt field is an error, not a setting that is silently ignored."""

    model_config = ConfigDict(extra="forbid")


class Window(Strict):
    """When customers may be called, in their own time zone."""

    start: Clock = Field("10:00", description="Calls may begin.")
    end: Clock = Field("21:00", description="No call begins from here on; equal to start: the whole day.")
    timezone: Zone = Field("Europe/Moscow", description="Of the cron, and of customers without their own.")
    weekdays: list[Annotated[int, Field(ge=1, le=7), BeforeValidator(_number)]] = Field(
        [1, 2, 3, 4, 5, 6, 7], description="Monday is 1.", min_length=1, max_length=7
    )
    valid_from: Day | None = Field(None, description="The first day of calling; null: no bound.")
    valid_until: Day | None = Field(None, description="The last day of calling; null: no bound.")


class PlanFields(Strict):
    """How to call. What is not given keeps its value, or the default in a new campaign."""

    script: Word | None = Field(None, description="Name of a file in config/scripts.", examples=["delivery"])
    window: Window | None = None
    retry_countdowns_s: list[Annotated[float, Field(gt=0, le=2_592_000, strict=True)]] | None = Field(
        None, description="Pauses before the second, third, ... attempt, in seconds.", max_length=20
    )
    lines: Annotated[int, Field(ge=1, le=100_000), BeforeValidator(_number)] | None = Field(
        None, description="Simultaneous calls."
    )
    calls_per_second: Annotated[float, Field(ge=0, le=10_000, strict=True)] | None = Field(
        None, description="0: no limit."
    )
    ring_timeout_s: Annotated[float, Field(ge=5, le=120, strict=True)] | None = None
    max_call_s: Annotated[float, Field(ge=10, le=3600, strict=True)] | None = None
    cron: Cron | None = Field(None, description="Opens the campaign by itself; null: never.", examples=["0 22 * * *"])
    caller_id: CallerId | None = Field(None, description="The number shown; null: the trunk's own.")
    check_order: StrictBool | None = Field(None, description="Ask the shop for the order before each call.")


class NewCampaign(PlanFields):
    """A campaign to create, as a draft."""

    name: Name = Field(description="Unique.", examples=["ночь-2026-11-23"])


class Campaign(BaseModel):
    """A campaign as it stands."""

    id: int
    name: str
    state: CampaignState
    plan: dict[str, Any] = Field(description="How to call, all fields of a new campaign.")
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    next_opening_at: datetime | None = Field(description="When its cron opens it next; null: it will not.")
    orders: dict[OrderState, int] = Field(description="How many orders stand in each state.")


class CampaignPage(BaseModel):
    """All campaigns, oldest first."""

    items: list[Campaign]


class RowProblem(BaseModel):
    """One thing that is wrong with a row."""

    field: str
    reason: str


class RowResult(BaseModel):
    """What became of one row of a batch."""

    row: int = Field(description="Counted from 1, header and empty lines left out.")
    line: int | None = Field(description="Line of the CSV, for rejected rows.")
    order_id: str | None
    status: RowStatus
    problems: list[RowProblem] = Field(description="For rejected rows: every problem.")


class BatchResult(BaseModel):
    """What became of a batch."""

    batch_id: int
    accepted: int
    duplicates: int
    rejected: int
    repeated: bool = Field(description="The Idempotency-Key was used before: this is the first answer again.")
    rows: list[RowResult]


class Attempt(BaseModel):
    """One dial of one order."""

    attempt_id: str
    campaign: str
    order_pk: int
    order_id: str
    number: int
    node: str
    counted: bool = Field(description="Whether it used up one of the order's attempts.")
    published_at: datetime
    claimed_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None = Field(description="null: it lives.")
    disposition: str | None
    decision: str | None
    cause: int | None = Field(description="Q.850 hangup cause.")
    talk_s: float
    has_recording: bool
    has_transcript: bool


class AttemptPage(BaseModel):
    """Attempts: live ones first, then the last ended first."""

    items: list[Attempt]
    next: str | None = Field(description="Send as `after` for the next page; null: this was the last one.")


class TranscriptLine(BaseModel):
    """Who said what, and how it was understood."""

    model_config = ConfigDict(extra="allow")

    at_s: float = Field(description="Seconds since answer.")
    who: str = Field(description="bot or customer")
    text: str
    action: str | None = None
    source: str | None = None
    confidence: float | None = None


class AttemptDetail(Attempt):
    """An attempt with what was said in it."""

    data: dict[str, Any] = Field(description="What the customer changed.")
    transcript: list[TranscriptLine] | None = Field(description="null: there is none, or its time has run out.")
    recording_url: str | None


class Order(BaseModel):
    """An order in a list."""

    pk: int = Field(description="The ledger's own key.")
    campaign: str
    order_id: str = Field(description="The shop's number.")
    phone: str = Field(description="Masked unless asked otherwise.")
    amount: Decimal
    state: OrderState
    decision: str | None
    disposition: str | None
    skip_reason: str | None
    attempts: int
    due_at: datetime | None = Field(description="When it is called next, while it waits for that.")
    created_at: datetime
    ended_at: datetime | None
    delivery: str | None = Field(description="Whether the shop knows: acknowledged, pending or dead.")


class OrderPage(BaseModel):
    """Orders as they arrived."""

    items: list[Order]
    next: int | None = Field(description="Send as `after` for the next page; null: this was the last one.")


class OrderDetail(Order):
    """An order with everything known about it."""

    customer_name: str | None
    delivery_date: date | None
    delivery_window: str | None
    address: str | None
    timezone: str | None
    attributes: dict[str, str]
    data: dict[str, Any] = Field(description="What the customer changed.")
    tries: list[Attempt]


class Erased(BaseModel):
    """What was removed with an order's personal data."""

    files: int = Field(description="Recordings and transcripts.")


class PhoneSearch(Strict):
    """A phone number travels in the body: addresses end up in logs."""

    phone: Phone = Field(examples=["+7 916 123-45-67"])


class NumbersToForbid(Strict):
    """Numbers for the do-not-call list, in any usual form."""

    phones: list[Phone] = Field(min_length=1, max_length=10_000, examples=[["8 916 123-45-67"]])
    reason: Word = Field("by API", description="Why, for whoever asks later.")


class NumbersToAllow(Strict):
    """Numbers to take off the do-not-call list."""

    phones: list[Phone] = Field(min_length=1, max_length=10_000)


class RejectedNumber(BaseModel):
    """A text that is no phone number."""

    index: int = Field(description="Its place in the request, from 0.")
    reason: str


class DncChange(BaseModel):
    """What became of the numbers; one bad one never stops the others."""

    changed: int = Field(description="How many were not on the list (added) or were on it (removed).")
    rejected: list[RejectedNumber]


class ForbiddenNumber(BaseModel):
    """A number that must not be called."""

    phone: str
    reason: str
    added_at: datetime


class DncPage(BaseModel):
    """The do-not-call list, by number."""

    items: list[ForbiddenNumber]
    next: str | None


class Health(BaseModel):
    """Whether the service can work."""

    status: str = Field(description="ok or failing")
    checks: dict[str, str] = Field(description="By part: ok, not configured, or what is wrong.")
