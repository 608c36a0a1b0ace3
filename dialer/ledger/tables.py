"""The ledger's tables: the truth about every campaign, order, attempt and message to the shop.

Rules that must hold whatever the workers do are constraints here, not code elsewhere:

- one order per (campaign, order_id);
- attempt id = channel id, so it is the primary key;
- one attempt per (order, number) among those that count; one open attempt per order;
- one live order per phone number, across all campaigns;
- one outbox row per order.

Indexes are partial and small, so that a tick costs the same with ten thousand orders and with a million. Campaigns
and batches are never deleted, and orders, attempts and outbox rows name them without a foreign key: its check would
cost an import a third of its time and make every writer lock the campaign's row. The audit looks after it.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from dialer.domain.campaign import CampaignState
from dialer.domain.order import LIVE_STATES, OrderState
from dialer.ledger.stored import Stored

#: E.164 with the plus sign: nothing else is ever dialed.
_E164 = r"phone ~ '^\+[1-9][0-9]{6,14}$'"


def _one_of(values: list[str]) -> str:
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"


#: SQL list of the states from which an order can be released.
RELEASABLE_SQL = _one_of([OrderState.NEW, OrderState.WAITING])
#: SQL list of the states in which an order occupies a line.
LIVE_SQL = _one_of(sorted(LIVE_STATES))

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def _moment(name: str, *, required: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=not required)


campaigns = Table(
    "campaigns",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("plan", Stored, nullable=False),
    _moment("created_at", required=True),
    _moment("started_at"),
    _moment("ended_at"),
    #: The last cron opening that was acted upon: makes late and doubled ticks harmless.
    _moment("opened_at"),
    #: Token bucket of `calls_per_second`.
    Column("rate_tokens", Double, nullable=False, server_default=text("0")),
    _moment("rate_at"),
    CheckConstraint(f"state IN {_one_of(list(CampaignState))}", name="state"),
)

batches = Table(
    "batches",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("campaign_id", ForeignKey(campaigns.c.id), nullable=False),
    #: Where the orders came from: a file's name or "api".
    Column("source", Text, nullable=False),
    Column("accepted", Integer, nullable=False, server_default=text("0")),
    Column("duplicates", Integer, nullable=False, server_default=text("0")),
    _moment("created_at", required=True),
    #: A caller's own key for the request: whoever repeats it gets the first answer.
    Column("idempotency_key", Text),
    #: SHA-256 of the request's body: a key may not be used for another request.
    Column("request_digest", Text),
    Column("answer", Stored),
)
Index(
    "uq_batches_idempotency",
    batches.c.campaign_id,
    batches.c.idempotency_key,
    unique=True,
    postgresql_where=text("idempotency_key IS NOT NULL"),
)

orders = Table(
    "orders",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("campaign_id", Integer, nullable=False),
    Column("batch_id", BigInteger),
    #: The shop's number of the order.
    Column("order_id", Text, nullable=False),
    #: E.164 with the plus sign.
    Column("phone", Text, nullable=False),
    Column("amount", Numeric(14, 2), nullable=False),
    Column("customer_name", Text),
    Column("delivery_date", Date),
    Column("delivery_window", Text),
    Column("address", Text),
    #: The recipient's IANA zone; empty: the campaign's.
    Column("timezone", Text, nullable=False, server_default=text("''")),
    Column("attributes", Stored, nullable=False, server_default=text("'{}'")),
    Column("state", Text, nullable=False, server_default=text("'new'")),
    #: When the next attempt may be released (meaningful in states new and waiting).
    _moment("due_at", required=True),
    #: Attempts used up so far.
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    Column("decision", Text),
    #: Disposition of the last attempt that ended.
    Column("disposition", Text),
    Column("skip_reason", Text),
    _moment("created_at", required=True),
    _moment("ended_at"),
    UniqueConstraint("campaign_id", "order_id"),
    CheckConstraint(f"state IN {_one_of(list(OrderState))}", name="state"),
    CheckConstraint(_E164, name="phone"),
    CheckConstraint("(state = 'decided') = (decision IS NOT NULL)", name="decision"),
    CheckConstraint("(state = 'skipped') = (skip_reason IS NOT NULL)", name="skip_reason"),
)
Index(
    "ix_orders_due",
    orders.c.campaign_id,
    orders.c.timezone,
    orders.c.due_at,
    postgresql_where=text(f"state IN {RELEASABLE_SQL}"),
)
Index("uq_orders_live_phone", orders.c.phone, unique=True, postgresql_where=text(f"state IN {LIVE_SQL}"))
Index("ix_orders_live", orders.c.campaign_id, postgresql_where=text(f"state IN {LIVE_SQL}"))

attempts = Table(
    "attempts",
    metadata,
    #: A UUID; also the channelId of the call.
    Column("id", Text, primary_key=True),
    Column("order_pk", ForeignKey(orders.c.id), nullable=False),
    Column("campaign_id", Integer, nullable=False),
    Column("number", SmallInteger, nullable=False),
    #: The Asterisk node that the attempt is bound to.
    Column("node", Text, nullable=False),
    #: False once it has ended in a way that does not use up one of the order's attempts.
    Column("counted", Boolean, nullable=False, server_default=text("true")),
    #: The recipient's own date at release: which day's cap the dial counts against.
    Column("day", Date, nullable=False),
    Column("worker", Text),
    _moment("published_at", required=True),
    _moment("claimed_at"),
    _moment("answered_at"),
    _moment("ended_at"),
    #: Until when its worker vouches for it.
    _moment("lease_until"),
    Column("disposition", Text),
    Column("decision", Text),
    Column("cause", SmallInteger),
    Column("talk_s", Double, nullable=False, server_default=text("0")),
    Column("data", Stored, nullable=False, server_default=text("'{}'")),
    #: Names of the recording and the transcript.
    Column("artifacts", Stored, nullable=False, server_default=text("'{}'")),
    CheckConstraint("(ended_at IS NULL) = (disposition IS NULL)", name="disposition"),
)
Index(
    "uq_attempts_order_number",
    attempts.c.order_pk,
    attempts.c.number,
    unique=True,
    postgresql_where=text("counted"),
)
Index("uq_attempts_open", attempts.c.order_pk, unique=True, postgresql_where=text("ended_at IS NULL"))
Index(
    "ix_attempts_lease",
    attempts.c.lease_until,
    postgresql_where=text("ended_at IS NULL AND claimed_at IS NOT NULL"),
)
Index(
    "ix_attempts_unclaimed",
    attempts.c.published_at,
    postgresql_where=text("ended_at IS NULL AND claimed_at IS NULL"),
)
Index("ix_attempts_order", attempts.c.order_pk)
Index("ix_attempts_ended", attempts.c.campaign_id, attempts.c.ended_at)
#: What the purge looks for.
FILES_SQL = "artifacts ? 'recording' OR artifacts ? 'transcript'"
Index("ix_attempts_files", attempts.c.ended_at, postgresql_where=text(FILES_SQL))

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("order_pk", ForeignKey(orders.c.id), nullable=False, unique=True),
    Column("campaign_id", Integer, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    #: `confirmation_data` of the PATCH.
    Column("data", Stored, nullable=False, server_default=text("'{}'")),
    Column("idempotency_key", Text, nullable=False, unique=True),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    #: When it may be sent next; while a sender holds it, when that sender is given up.
    _moment("due_at", required=True),
    _moment("created_at", required=True),
    _moment("delivered_at"),
    _moment("dead_at"),
    Column("last_error", Text),
    CheckConstraint("delivered_at IS NULL OR dead_at IS NULL", name="end"),
)
Index(
    "ix_outbox_due",
    outbox.c.due_at,
    postgresql_where=text("delivered_at IS NULL AND dead_at IS NULL"),
)
Index(
    "ix_outbox_pending_order",
    outbox.c.order_id,
    postgresql_where=text("delivered_at IS NULL AND dead_at IS NULL"),
)
Index("ix_outbox_dead", outbox.c.id, postgresql_where=text("dead_at IS NOT NULL"))

do_not_call = Table(
    "do_not_call",
    metadata,
    Column("phone", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    _moment("added_at", required=True),
    CheckConstraint(_E164, name="phone"),
)

#: How often a number was dialed on one of its own days: the daily cap.
phone_days = Table(
    "phone_days",
    metadata,
    Column("day", Date, primary_key=True),
    Column("phone", Text, primary_key=True),
    Column("dials", SmallInteger, nullable=False),
)

#: The breaker of each Asterisk node's trunk.
trunks = Table(
    "trunks",
    metadata,
    Column("name", Text, primary_key=True),
    #: Trunk failures in a row.
    Column("failures", Integer, nullable=False, server_default=text("0")),
    _moment("paused_until"),
    #: Taken out of service by ops: live calls end by themselves, nothing new is dialed.
    Column("drained", Boolean, nullable=False, server_default=text("false")),
)

#: How each call worker's speech and language providers fare, as the worker last reported it.
providers = Table(
    "providers",
    metadata,
    Column("worker", Text, primary_key=True),
    #: "hearing", "speaking" or "model".
    Column("provider", Text, primary_key=True),
    Column("healthy", Boolean, nullable=False),
    #: Since when it has been so.
    _moment("since", required=True),
    _moment("reported_at", required=True),
)
