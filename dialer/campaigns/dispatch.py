"""The dispatcher's tick."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from dialer.ledger import claims, providers
from dialer.ledger.claims import Released
from dialer.ledger.store import Ledger, database_now

#: Puts attempts on their nodes' queues (ids only).
Publish = Callable[[Sequence[Released]], None]

log = structlog.get_logger(__name__)


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

    While speech providers are unhealthy it slows and then stops (`ledger.providers`), and says so.
    `node`: the Asterisk nodes to spread them over, as in `ledger.release.release_due`.
    """
    async with ledger.begin() as tx:
        moment = now or await database_now(tx)
        standings = await providers.standings(tx, moment)
        flow = providers.worst(standings)
        most = providers.release_limit(flow, limit)
        released = await claims.release_due(tx, now=moment, node=node, limit=most, daily_cap=daily_cap)
    _told.say(flow, [standing.provider for standing in standings if standing.unhealthy])
    if released:
        publish(released)
    return len(released)


@dataclass(slots=True)
class _Told:
    """What this process has last said about the flow of calls: a change is said once."""

    flow: providers.Flow = providers.Flow.FULL

    def say(self, flow: providers.Flow, unhealthy: list[str]) -> None:
        if flow is self.flow:
            return
        self.flow = flow
        match flow:
            case providers.Flow.FULL:
                log.info("release_back_to_full")
            case providers.Flow.SLOW:
                log.warning("release_slowed", unhealthy=unhealthy)
            case providers.Flow.STOPPED:
                log.error("release_stopped", unhealthy=unhealthy)


_told = _Told()
