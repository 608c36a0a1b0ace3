"""The dispatcher's tick."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from dialer.ledger import claims
from dialer.ledger.claims import Released
from dialer.ledger.store import Ledger, database_now

#: Puts attempts on their nodes' queues (ids only).
Publish = Callable[[Sequence[Released]], None]


async def release_batch(
    ledger: Ledger,
    *,
    node: str | Sequence[str] | Mapping[str, int],
    publish: Publish,
    now: datetime | None = None,
    limit: int | None = None,
    daily_cap: int = claims.DAILY_CAP,
) -> int:
    """The dispatcher's tick: due orders become attempts; after the commit, publish them. Returns how many.

    `node`: the Asterisk nodes to spread them over, as in `ledger.release.release_due`.
    """
    async with ledger.begin() as tx:
        moment = now or await database_now(tx)
        released = await claims.release_due(tx, now=moment, node=node, limit=limit, daily_cap=daily_cap)
    if released:
        publish(released)
    return len(released)
