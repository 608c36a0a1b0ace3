"""A worker's hold on its calls: renewed while it lives, given up when it ends."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from dialer.calls.noting import recover_notes, retry_notes
from dialer.calls.ports import CallPorts
from dialer.errors import DialerError
from dialer.ledger import claims
from dialer.ledger.store import database_now

log = structlog.get_logger(__name__)

#: How often leases are renewed; also how soon a worker notices that an attempt was taken from it.
LEASE_BEAT_S = 1.0
#: How long one beat may take; the next one tries again.
BEAT_LIMIT_S = 8.0
#: How long hanging up may take when a worker's patience is over; Asterisk's own cap ends what is left.
ABANDON_S = 5.0


async def keep_leases(ports: CallPorts) -> None:
    """Renew the leases of all running attempts, for ever.

    Dropped is an attempt that is no longer ours, and one whose number has been put on the do-not-call list before
    anybody answered: upkeep settles it.

    The same beat tells the ledger of decisions that it missed while it was away.
    """
    recover_notes(ports)
    while True:
        await asyncio.sleep(LEASE_BEAT_S)
        try:
            async with asyncio.timeout(BEAT_LIMIT_S):
                await _renew(ports)
                await retry_notes(ports)
        except (DialerError, OSError) as error:
            log.warning("lease_beat_failed", attempts=len(ports.running), error=type(error).__name__)
        except Exception:  # without leases this worker would lose every call that it has
            log.exception("lease_beat_broken", attempts=len(ports.running))


async def _renew(ports: CallPorts) -> None:
    ids = set(ports.running)
    if not ids:
        return
    lease, asked_at = timedelta(seconds=ports.settings.calls.lease_s), ports.clock()
    async with ports.ledger.begin() as tx:
        ours = await claims.renew_leases(tx, ports.worker, ids, await database_now(tx) + lease)
        forbidden = await claims.forbidden_meanwhile(tx, ours)
    for attempt_id in ours & set(ports.running):
        ports.hold(attempt_id, asked_at)
    for attempt_id in (ids - ours) | forbidden:
        task = ports.running.get(attempt_id)
        if task is not None:
            task.cancel()


async def abandon(ports: CallPorts) -> None:
    """Hang up whatever still runs, at the end of a worker's patience; upkeep settles what is left open."""
    tasks = list(ports.running.values())
    for task in tasks:
        task.cancel()
    if tasks:
        log.warning("calls_abandoned", count=len(tasks))
        await asyncio.wait(tasks, timeout=ABANDON_S)
