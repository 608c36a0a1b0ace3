"""A call worker's providers: probed while they are lost, and reported to the ledger for the dispatcher."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from dialer.errors import LedgerError, ProviderError
from dialer.ledger import providers
from dialer.ledger.store import Ledger, database_now

log = structlog.get_logger(__name__)

#: How often health is reported.
REPORT_BEAT_S = 2.0


@dataclass(frozen=True, slots=True)
class Watched:
    """One provider ("hearing", "speaking", "model"): its health, and a request that shows whether it is back.

    `probe` raises ProviderError; while the provider's breaker is open that costs nothing.
    """

    name: str
    healthy: Callable[[], bool]
    probe: Callable[[], Awaitable[None]] | None = None


async def watch_providers(
    ledger: Ledger, worker: str, watched: Sequence[Watched], beat_s: float = REPORT_BEAT_S
) -> None:
    """Report for ever; returns at once when there is nothing to watch."""
    while watched:
        await asyncio.gather(*(_probe(one) for one in watched if not one.healthy()))
        healths = {one.name: one.healthy() for one in watched}
        try:
            async with ledger.begin() as tx:
                await providers.report(tx, worker, healths, await database_now(tx))
        except LedgerError:
            log.warning("provider_health_not_reported")
        await asyncio.sleep(beat_s)


async def _probe(one: Watched) -> None:
    """Its failure is the guard's news, not ours."""
    if one.probe is not None:
        with suppress(ProviderError):
            await one.probe()
