"""Machines' clocks differ; PostgreSQL's is the only one that counts."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

from dialer import campaigns
from dialer.chaos.mischief_plan import build_clock_shim
from dialer.ledger import claims
from dialer.ledger.claims import Released
from dialer.ledger.store import Ledger
from tasks.campaigns import PLACE_CALL_EXPIRES_S
from tests.support.factories import NODE, make_order, make_plan
from tests.support.real_parts import missing
from workers.schedule import beat_schedule

HOUR = 3600
#: Claims the attempt named on its command line and prints its own clock and its lease.
CLAIM = """
import asyncio, sys, time
from dialer.ledger import claims
from dialer.ledger.store import Ledger, database_now

async def main():
    ledger = Ledger(sys.argv[1])
    async with ledger.begin() as tx:
        assert await claims.claim_attempt(tx, sys.argv[2], "skewed", now=await database_now(tx), lease_s=30)
    await ledger.close()

asyncio.run(main())
print(time.time())
"""


async def test_a_worker_whose_clock_is_an_hour_ahead_gets_no_longer_lease(
    ledger: Ledger, database_url: str, tmp_path: Path
) -> None:
    # Given a process whose clock is wrong, and an attempt for it
    shim = build_clock_shim(tmp_path)
    if shim is None:
        missing("no C compiler: the wrong clock is a small preloaded library")
    await campaigns.create_campaign(ledger, make_plan(name="c"))
    await campaigns.import_orders(ledger, "c", [[make_order(order_id="1")]])
    await campaigns.start(ledger, "c")
    released: list[Released] = []
    await campaigns.release_batch(ledger, node=NODE, publish=released.extend)
    env = {**os.environ, "LD_PRELOAD": str(shim), "SKEW_S": str(HOUR)}
    # When
    claimed = subprocess.run(  # noqa: ASYNC221 - nothing else happens meanwhile
        [sys.executable, "-c", CLAIM, database_url, released[0].attempt_id],
        env=env,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    # Then its lease runs out by PostgreSQL's clock
    now = await ledger.now()
    assert float(claimed.stdout) > (now + timedelta(seconds=HOUR / 2)).timestamp()
    async with ledger.begin() as tx:
        assert await claims.expired_attempts(tx, now) == []
        (expired,) = await claims.expired_attempts(tx, now + timedelta(seconds=31))
    assert expired.lease_until < now + timedelta(seconds=31)
    assert isinstance(expired.lease_until, datetime)


def test_no_message_expires_by_clocks_that_are_minutes_apart() -> None:
    # Celery compares the sender's clock with the receiver's.
    expiries = [entry["options"]["expires"] for entry in beat_schedule(1.0).values()]
    assert min([*expiries, PLACE_CALL_EXPIRES_S]) >= 600
