"""The calls that go on now, for the emergency stop."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_OPEN_CALLS = text("SELECT id FROM attempts WHERE ended_at IS NULL AND claimed_at IS NOT NULL")


async def open_calls(tx: AsyncConnection) -> list[str]:
    """The claimed attempts that have not ended, of all campaigns and nodes."""
    return list((await tx.execute(_OPEN_CALLS)).scalars())
