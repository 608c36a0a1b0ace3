"""The calls that go on now, for the emergency stop."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.domain.outcome import Outcome
from dialer.ledger.claims import noted_outcome

_OPEN_CALLS = text("SELECT id, decision, data FROM attempts WHERE ended_at IS NULL AND claimed_at IS NOT NULL")


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A claimed attempt that has not ended; `noted`: how it ends if it ends now, when a decision is known."""

    attempt_id: str
    noted: Outcome | None


async def open_calls(tx: AsyncConnection) -> list[OpenCall]:
    """All calls of all campaigns and nodes."""
    return [OpenCall(row.id, noted_outcome(row.decision, row.data)) for row in await tx.execute(_OPEN_CALLS)]
