"""What is taken out of the ledger: names of files whose time has run out, and an order's personal data on request."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.domain.order import LIVE_STATES, OrderState
from dialer.domain.privacy import tombstone

#: The kinds of files that an attempt has, by their key in its artifacts.
FileKind = Literal["recording", "transcript"]

_EXPIRED = text(
    """
    SELECT id, artifacts ->> CAST(:kind AS text) AS path, decision FROM attempts
    WHERE (artifacts ? 'recording' OR artifacts ? 'transcript') AND artifacts ? CAST(:kind AS text)
        AND ended_at < :before AND id <> ALL(CAST(:without AS text[]))
    ORDER BY ended_at LIMIT :limit
    """
)
_FORGET_FILES = text(
    """
    UPDATE attempts a SET artifacts = (a.artifacts - CAST(:kind AS text))
        || CASE WHEN gone.refusal = '' THEN '{}' ELSE jsonb_build_object('refusal', gone.refusal) END
    FROM unnest(CAST(:ids AS text[]), CAST(:refusals AS text[])) AS gone (id, refusal) WHERE a.id = gone.id
    """
)
_LOCK = text(
    """
    SELECT o.id FROM orders o JOIN campaigns c ON c.id = o.campaign_id
    WHERE o.order_id = :order_id AND (CAST(:campaign AS text) IS NULL OR c.name = :campaign)
    ORDER BY o.id FOR UPDATE OF o
    """
)
#: After the lock, in a statement of its own: a settlement that was waited for has left its message to the shop.
_FIND = text(
    """
    SELECT o.id, o.state, o.phone, b.id IS NOT NULL AND b.delivered_at IS NULL AND b.dead_at IS NULL AS untold
    FROM orders o LEFT JOIN outbox b ON b.order_pk = o.id WHERE o.id = ANY(:pks) ORDER BY o.id
    """
)
_FILES = text(
    """
    SELECT artifacts ->> 'recording' AS recording, artifacts ->> 'transcript' AS transcript
    FROM attempts WHERE order_pk = :pk
    """
)
_ERASE_ORDER = text(
    """
    UPDATE orders SET phone = :tombstone, customer_name = NULL, delivery_date = NULL, delivery_window = NULL,
        address = NULL, attributes = '{}',
        state = CASE WHEN state IN ('new', 'waiting') THEN 'skipped' ELSE state END,
        skip_reason = CASE WHEN state IN ('new', 'waiting') THEN 'erased' ELSE skip_reason END,
        ended_at = CASE WHEN state IN ('new', 'waiting') THEN CAST(:now AS timestamptz) ELSE ended_at END
    WHERE id = :pk
    """
)
_ERASE_ATTEMPTS = text(
    "UPDATE attempts SET data = '{}', artifacts = artifacts - 'recording' - 'transcript' - 'error' WHERE order_pk = :pk"
)
_ERASE_OUTBOX = text("UPDATE outbox SET data = '{}', last_error = NULL WHERE order_pk = :pk")
_ERASE_DAYS = text(
    "DELETE FROM phone_days WHERE phone = :phone AND NOT EXISTS (SELECT 1 FROM orders WHERE phone = :phone)"
)


@dataclass(frozen=True, slots=True)
class ExpiredFile:
    """A file whose time has run out; `path` is relative to `home`."""

    attempt_id: str
    path: str
    decision: str | None


@dataclass(frozen=True, slots=True)
class ErasableOrder:
    """An order that somebody wants to be forgotten."""

    pk: int
    state: OrderState
    phone: str
    #: The shop has not been told of its outcome yet.
    untold: bool

    @property
    def live(self) -> bool:
        """Whether it is being called."""
        return self.state in LIVE_STATES


async def expired_files(
    tx: AsyncConnection, kind: FileKind, before: datetime, *, without: Collection[str] = (), limit: int = 500
) -> list[ExpiredFile]:
    """Files of attempts that ended before then, the oldest first, but for the attempts named in `without`."""
    values = {"kind": kind, "before": before, "without": list(without), "limit": limit}
    return [ExpiredFile(row.id, row.path, row.decision) for row in await tx.execute(_EXPIRED, values)]


async def forget_files(tx: AsyncConnection, kind: FileKind, refusals: Mapping[str, str]) -> None:
    """Attempts lose their file of that kind, and keep the reason of refusal read from it ("" for none)."""
    values = {"kind": kind, "ids": list(refusals), "refusals": list(refusals.values())}
    await tx.execute(_FORGET_FILES, values)


async def find_erasable(tx: AsyncConnection, order_id: str, campaign: str | None) -> list[ErasableOrder]:
    """The shop's order in one campaign or in all; locked until the transaction ends."""
    pks = list((await tx.execute(_LOCK, {"order_id": order_id, "campaign": campaign})).scalars())
    rows = await tx.execute(_FIND, {"pks": pks})
    return [ErasableOrder(row.id, OrderState(row.state), row.phone, row.untold) for row in rows]


async def files_of(tx: AsyncConnection, order_pk: int) -> list[str]:
    """Recordings and transcripts of an order, relative to `home`."""
    rows = await tx.execute(_FILES, {"pk": order_pk})
    return [path for row in rows for path in (row.recording, row.transcript) if path]


async def erase(tx: AsyncConnection, order: ErasableOrder, now: datetime) -> None:
    """Take out everything personal; counts, states and times stay. What had not been called is skipped."""
    await tx.execute(_ERASE_ORDER, {"pk": order.pk, "tombstone": tombstone(order.pk), "now": now})
    await tx.execute(_ERASE_ATTEMPTS, {"pk": order.pk})
    await tx.execute(_ERASE_OUTBOX, {"pk": order.pk})
    await tx.execute(_ERASE_DAYS, {"phone": order.phone})
