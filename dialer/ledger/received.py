"""Batches by API in the ledger: who repeats a request with its key gets the first answer and adds nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.ledger.tables import batches


@dataclass(frozen=True, slots=True)
class EarlierBatch:
    """What was answered to the first request with a key."""

    id: int
    digest: str
    answer: dict[str, Any]


async def open_keyed_batch(
    tx: AsyncConnection, campaign_id: int, *, source: str, key: str, digest: str, now: datetime
) -> int | None:
    """A new batch under the caller's key; None if the key was used before.

    A second request with the key waits here until the first one's transaction has ended.
    """
    statement = insert(batches).values(
        campaign_id=campaign_id, source=source, created_at=now, idempotency_key=key, request_digest=digest
    )
    statement = statement.on_conflict_do_nothing(
        index_elements=[batches.c.campaign_id, batches.c.idempotency_key],
        index_where=batches.c.idempotency_key.is_not(None),
    )
    batch_id: int | None = (await tx.execute(statement.returning(batches.c.id))).scalar_one_or_none()
    return batch_id


async def find_keyed_batch(tx: AsyncConnection, campaign_id: int, key: str) -> EarlierBatch:
    """The batch that used the key first."""
    statement = select(batches.c.id, batches.c.request_digest, batches.c.answer).where(
        batches.c.campaign_id == campaign_id, batches.c.idempotency_key == key
    )
    row = (await tx.execute(statement)).one()
    return EarlierBatch(row.id, row.request_digest, row.answer)


async def keep_answer(tx: AsyncConnection, batch_id: int, answer: Mapping[str, Any]) -> None:
    """Remember what the request was answered."""
    await tx.execute(update(batches).where(batches.c.id == batch_id).values(answer=dict(answer)))
