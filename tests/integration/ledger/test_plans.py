"""The queries of every tick use indexes, however many orders there are."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import TextClause, text

from dialer.domain.outcome import Disposition, Outcome
from dialer.domain.policy import CallAgain
from dialer.ledger import claims, outbox, recall, release, settlement, trunks
from dialer.ledger.store import Ledger
from tests.support.factories import NOW, make_campaign

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.database import DatabaseServer

ORDERS = 200_000
_FILL = (
    # half are finished, a quarter waits on the ladder, a quarter is new and due
    f"""
    INSERT INTO orders (campaign_id, order_id, phone, amount, timezone, state, due_at, attempts, decision, created_at)
    SELECT 1, 'P-' || n, '+7' || (9160000000 + n), 3200, (ARRAY['', '', 'Asia/Omsk'])[1 + n % 3],
        CASE WHEN n % 4 < 2 THEN 'decided' WHEN n % 4 = 2 THEN 'waiting' ELSE 'new' END,
        CAST(:now AS timestamptz) + CASE WHEN n % 4 = 2 THEN interval '1 hour' ELSE interval '0' END,
        1, CASE WHEN n % 4 < 2 THEN 'confirmed' END, :now
    FROM generate_series(1, {ORDERS}) n
    """,
    """
    INSERT INTO attempts (id, order_pk, campaign_id, number, node, day, published_at, claimed_at, ended_at, disposition)
    SELECT gen_random_uuid()::text, id, 1, 1, 'default', '2026-11-23', :now, :now, :now, 'no_answer'
    FROM orders WHERE state IN ('decided', 'waiting')
    """,
    """
    INSERT INTO outbox (order_pk, campaign_id, order_id, status, idempotency_key, due_at, created_at, delivered_at)
    SELECT id, 1, order_id, 'confirmed', order_id, :now, :now, CASE WHEN id % 100 > 0 THEN CAST(:now AS timestamptz) END
    FROM orders WHERE state = 'decided'
    """,
)
_IDS = [f"attempt-{number}" for number in range(100)]
_ENDINGS = [
    settlement._told(settlement.Ending(attempt_id, Outcome(Disposition.BUSY), CallAgain(NOW))) for attempt_id in _IDS
]
_QUERIES: dict[str, tuple[TextClause, dict[str, Any]]] = {
    "running campaigns": (release._RUNNING, {}),
    "zones": (release._ZONES, {"campaign": 1}),
    "due orders": (
        release.DUE_QUERY,
        {"campaign": 1, "zones": ["", "Asia/Omsk"], "days": [NOW.date()] * 2, "now": NOW, "wanted": 100},
    ),
    "queue": (
        release._QUEUE,
        {
            "campaign": 1,
            "now": NOW,
            "attempt_ids": _IDS,
            "order_pks": [1] * 100,
            "numbers": [1] * 100,
            "nodes": [""] * 100,
            "days": [NOW.date()] * 100,
        },
    ),
    "claim": (claims._CLAIM, {"ids": _IDS, "worker": "w", "now": NOW, "until": NOW, "node": None}),
    "renew": (claims._RENEW, {"ids": _IDS, "worker": "w", "until": NOW}),
    "settle": (
        settlement._SETTLE,
        {"endings": json.dumps(_ENDINGS), "ids": _IDS, "worker": "w", "expired_before": None, "now": NOW},
    ),
    "expired": (claims._EXPIRED, {"now": NOW, "limit": 100}),
    "republish": (claims._REPUBLISH, {"now": NOW, "before": NOW, "limit": 100}),
    "nodes": (trunks._STANDING, {"names": ["default"], "now": NOW}),
    "silent nodes": (trunks._SILENT_NODES, {"before": NOW}),
    "move attempts": (trunks._MOVE, {"ids": ["x"], "nodes": ["y"]}),
    "deliveries": (outbox._CLAIM, {"now": NOW, "until": NOW, "limit": 100}),
    "skip remaining": (recall._SKIP_REMAINING, {"campaign": 1, "reason": "x", "now": NOW, "limit": 100}),
    "done": (recall._LOCK_DONE, {}),
    "finish": (recall._FINISH, {"now": NOW, "ids": [1]}),
}


async def _fill(url: str) -> None:
    ledger = Ledger(url)
    await make_campaign(ledger, 0, lines=100)
    async with ledger.begin() as tx:
        for statement in _FILL:
            await tx.execute(text(statement), {"now": NOW} if ":now" in statement else {})
    async with ledger.begin() as tx:
        await tx.execute(text("ANALYZE"))
    await ledger.close()


@pytest.fixture(scope="module")
def filled(database_server: DatabaseServer) -> Iterator[str]:
    """A database with many orders, filled once."""
    with database_server.migrated() as url:
        asyncio.run(_fill(url))
        yield url


@pytest.mark.parametrize("name", _QUERIES)
async def test_a_ticks_query_reads_no_large_table_from_end_to_end(filled: str, name: str) -> None:
    query, values = _QUERIES[name]
    ledger = Ledger(filled)

    async with ledger.begin() as tx:
        plan = "\n".join((await tx.execute(text(f"EXPLAIN {query.text}"), values)).scalars())

    await ledger.close()
    for table in ("orders", "attempts", "outbox"):
        assert f"Seq Scan on {table}" not in plan, plan


async def test_a_release_finds_due_orders_among_many(filled: str) -> None:
    ledger = Ledger(filled)

    async with ledger.begin() as tx:
        released = await release.release_due(tx, now=NOW + timedelta(minutes=1), node="default")

    await ledger.close()
    assert len(released) == 100
