"""The audit is clean after honest work, and names each kind of corruption."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from dialer.domain.policy import GiveUp
from dialer.ledger.audit import RULES, AuditReport, audit
from dialer.ledger.claims import mark_talking
from tests.support.factories import (
    NO_ANSWER,
    NOW,
    TRUNK_FAILURE,
    WORKER,
    claim,
    make_campaign,
    release,
    release_and_claim,
    settle,
)

if TYPE_CHECKING:
    from dialer.ledger.store import Ledger

#: Rule -> statements that break it (constraints are dropped first: the audit must not lean on them).
_CORRUPTIONS = {
    "orders in an unknown state": "UPDATE orders SET state = 'limbo' WHERE state = 'new'",
    "orders without their campaign": "UPDATE orders SET campaign_id = 999 WHERE state = 'new'",
    "orders twice in one campaign": "UPDATE orders SET order_id = 'same' WHERE state IN ('new', 'waiting')",
    "batches that accepted more or fewer orders than there are": "DELETE FROM orders WHERE state = 'new'",
    "final orders without an end, or others with one": "UPDATE orders SET ended_at = NULL WHERE state = 'unreachable'",
    "decided orders without a decision, or others with one": "UPDATE orders SET decision = NULL",
    "decided or unreachable orders without an outbox row": "DELETE FROM outbox WHERE status = 'confirmed'",
    "outbox rows whose order is neither decided nor unreachable": (
        "UPDATE orders SET state = 'waiting' WHERE state = 'unreachable'"
    ),
    "orders with more than one outbox row": (
        "INSERT INTO outbox (order_pk, campaign_id, order_id, status, idempotency_key, due_at, created_at) "
        "SELECT order_pk, campaign_id, order_id, status, 'again', due_at, created_at FROM outbox LIMIT 1"
    ),
    "outbox rows that tell the shop something else than the order's decision": (
        "UPDATE outbox SET status = 'cancelled' WHERE status = 'confirmed'"
    ),
    "decided orders without the attempt that decided them": "UPDATE attempts SET decision = NULL",
    "decisions of attempts that the order does not know": (
        "UPDATE attempts SET decision = 'cancelled' WHERE disposition = 'no_answer'"
    ),
    "live orders without exactly one open attempt": (
        "UPDATE attempts SET ended_at = published_at, disposition = 'lost' WHERE claimed_at IS NULL"
    ),
    "open attempts whose order is not live": "UPDATE orders SET state = 'waiting' WHERE state = 'queued'",
    "attempts whose claim contradicts the order's state": "UPDATE orders SET state = 'queued' WHERE state = 'talking'",
    "open attempts past their lease": (
        "UPDATE attempts SET lease_until = lease_until - interval '1 hour' WHERE ended_at IS NULL"
    ),
    "ended attempts without a disposition": "UPDATE attempts SET disposition = NULL WHERE disposition = 'answered'",
    "attempts counted against their disposition": (
        "UPDATE attempts SET counted = true WHERE disposition = 'trunk_failure'"
    ),
    "orders whose counted attempts are not numbered 1, 2, 3": (
        "UPDATE attempts SET number = 7 WHERE disposition = 'no_answer'"
    ),
    "orders that miscount their attempts": "UPDATE orders SET attempts = attempts + 1 WHERE state = 'decided'",
    "numbers with more than one live call": (
        "UPDATE orders SET phone = '+79169999999' WHERE state IN ('queued', 'talking')"
    ),
    "finished campaigns with orders to call": "UPDATE campaigns SET state = 'finished'",
}


async def _audit(ledger: Ledger) -> AuditReport:
    async with ledger.begin() as tx:
        return await audit(tx, NOW)


async def _one_order_in_each_state(ledger: Ledger) -> None:
    """new, queued, dialing, talking, waiting (after a trunk failure, too), decided, unreachable, skipped."""
    campaign = await make_campaign(ledger, 9, name="всё", lines=8)
    ids = await release(ledger)
    for attempt_id in ids[1:]:
        await claim(ledger, attempt_id)
    async with ledger.begin() as tx:
        assert await mark_talking(tx, ids[2], WORKER, NOW)
    await settle(ledger, ids[3], NO_ANSWER)
    await settle(ledger, ids[4], TRUNK_FAILURE)
    await settle(ledger, ids[5])
    await settle(ledger, ids[6], NO_ANSWER, step=GiveUp())
    async with ledger.begin() as tx:
        await tx.execute(
            text(
                "UPDATE orders SET state = 'skipped', skip_reason = 'do_not_call', ended_at = due_at "
                "WHERE id = (SELECT max(id) FROM orders WHERE campaign_id = :id AND state = 'waiting')"
            ),
            {"id": campaign.id},
        )


async def _break(ledger: Ledger, corruption: str) -> None:
    async with ledger.begin() as tx:
        constraints = await tx.execute(
            text(
                "SELECT conrelid::regclass::text AS holder, conname FROM pg_constraint "
                "WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'u')"
            )
        )
        for holder, name in constraints.all():
            await tx.execute(text(f"ALTER TABLE {holder} DROP CONSTRAINT {name} CASCADE"))
        for index in ("uq_orders_live_phone", "uq_attempts_order_number", "uq_attempts_open"):
            await tx.execute(text(f"DROP INDEX {index}"))
        await tx.execute(text(corruption))


async def test_a_ledger_at_work_is_clean_and_every_order_is_counted_once(ledger: Ledger) -> None:
    await _one_order_in_each_state(ledger)

    report = await _audit(ledger)

    assert report.violations == []
    assert report.clean
    assert report.counts == {
        "всё": {
            "imported": 9,
            "new": 1,
            "queued": 1,
            "dialing": 2,
            "talking": 1,
            "waiting": 1,
            "decided": 1,
            "unreachable": 1,
            "skipped": 1,
        }
    }
    assert report.outbox == {"delivered": 0, "dead": 0, "pending": 2}


def test_there_is_a_corruption_for_every_rule() -> None:
    assert _CORRUPTIONS.keys() == RULES.keys()


@pytest.mark.parametrize("rule", _CORRUPTIONS)
async def test_each_corruption_is_named(ledger: Ledger, rule: str) -> None:
    await _one_order_in_each_state(ledger)
    await _break(ledger, _CORRUPTIONS[rule])

    report = await _audit(ledger)

    assert not report.clean
    assert [violation for violation in report.violations if violation.startswith(f"{rule}: ")]


async def test_a_lost_order_breaks_conservation(ledger: Ledger) -> None:
    await _one_order_in_each_state(ledger)
    await _break(ledger, "DELETE FROM orders WHERE state = 'new'")

    report = await _audit(ledger)

    assert "campaign всё: imported 9 orders, but 8 are there" in report.violations


async def test_a_lease_that_has_just_run_out_is_left_to_upkeep(ledger: Ledger) -> None:
    await make_campaign(ledger)
    await release_and_claim(ledger)

    async with ledger.begin() as tx:
        soon = await audit(tx, NOW + timedelta(seconds=60))
    async with ledger.begin() as tx:
        late = await audit(tx, NOW + timedelta(seconds=600))

    assert soon.clean
    assert not late.clean
