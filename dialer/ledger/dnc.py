"""The do-not-call list. It is asked at release and again at the claim, so that an addition works at once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.errors import InputError
from dialer.ledger.tables import do_not_call

_E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_ADD = text(
    "INSERT INTO do_not_call (phone, reason, added_at) SELECT DISTINCT unnest(CAST(:phones AS text[])), :reason, "
    "CAST(:now AS timestamptz) ON CONFLICT (phone) DO NOTHING RETURNING phone"
)


@dataclass(frozen=True, slots=True)
class Forbidden:
    """A number that must not be called."""

    phone: str
    reason: str
    added_at: datetime


async def add(tx: AsyncConnection, phones: str | Iterable[str], *, reason: str, now: datetime) -> int:
    """Put one or many E.164 numbers on the list; returns how many were not on it. Raises InputError for the rest."""
    wanted = [phones] if isinstance(phones, str) else list(phones)
    for phone in wanted:
        if not _E164.fullmatch(phone):
            raise InputError("phone", f"not an E.164 number such as +79161234567: {phone!r}")
    return len((await tx.execute(_ADD, {"phones": wanted, "reason": reason, "now": now})).all())


async def remove(tx: AsyncConnection, phone: str) -> bool:
    """Take a number off the list; False if it was not on it."""
    return (await tx.execute(delete(do_not_call).where(do_not_call.c.phone == phone))).rowcount == 1


async def is_forbidden(tx: AsyncConnection, phone: str) -> bool:
    """Whether the number is on the list."""
    return (await tx.execute(select(do_not_call.c.phone).where(do_not_call.c.phone == phone))).first() is not None


async def list_phones(tx: AsyncConnection, *, after: str = "", limit: int = 1000) -> list[Forbidden]:
    """Numbers in order; the next page starts `after` the last one."""
    statement = select(do_not_call).where(do_not_call.c.phone > after).order_by(do_not_call.c.phone).limit(limit)
    return [Forbidden(row.phone, row.reason, row.added_at) for row in await tx.execute(statement)]
