"""A decision is in the ledger before the customer hears it acknowledged: whoever dies then, it counts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dialer import campaigns
from dialer.calls import CallPorts
from dialer.calls.noting import note_decision, recover_notes, retry_notes
from dialer.calls.ports import Slip
from dialer.domain.order import OrderState
from dialer.domain.outcome import Decision, Disposition, Outcome
from dialer.domain.policy import CallAgain
from dialer.ledger import claims, dnc, outbox
from dialer.ledger.audit import audit
from dialer.ledger.claims import Released
from dialer.ledger.orders import attempts_of, get_order
from dialer.ledger.store import Ledger
from dialer.settings import Settings
from tests.support.factories import NODE, NOW, make_order, make_plan

WORKER = "worker-1"
AFTER_LEASE = NOW + timedelta(seconds=60)


async def _no_channel(_attempt_id: str) -> bool:
    return False


async def _talking(ledger: Ledger) -> tuple[int, str]:
    """A campaign whose one customer is on the phone; campaign and attempt."""
    campaign = await campaigns.create_campaign(ledger, make_plan(name="c"), NOW)
    await campaigns.import_orders(ledger, "c", [[make_order(order_id="1")]], now=NOW)
    await campaigns.start(ledger, "c", NOW)
    released: list[Released] = []
    await campaigns.release_batch(ledger, node=NODE, publish=released.extend, now=NOW)
    (attempt,) = released
    async with ledger.begin() as tx:
        assert await claims.claim_attempt(tx, attempt.attempt_id, WORKER, now=NOW, lease_s=30)
        assert await claims.mark_talking(tx, attempt.attempt_id, WORKER, now=NOW)
    return campaign.id, attempt.attempt_id


async def _upkeep(ledger: Ledger) -> None:
    await campaigns.upkeep(
        ledger, hangup=_no_channel, publish=lambda _: None, grace_s=20, now=AFTER_LEASE, quiet_after_restart_s=0
    )


async def test_the_decision_of_a_worker_that_died_counts(ledger: Ledger) -> None:
    # Given a decision that was noted, and a worker that is never heard of again
    campaign, attempt = await _talking(ledger)
    async with ledger.begin() as tx:
        assert await claims.note_decision(tx, attempt, WORKER, Decision.ADDRESS_CHANGED, {"address": "Лесная, 5"})
    # When
    await _upkeep(ledger)
    # Then the order is decided, and the shop is told
    async with ledger.begin() as tx:
        order = await get_order(tx, campaign, "1")
        (delivery,) = await outbox.claim_deliveries(tx, AFTER_LEASE, 10)
    assert order is not None
    assert (order.state, order.decision) == (OrderState.DECIDED, Decision.ADDRESS_CHANGED)
    assert (delivery.status, delivery.data) == ("confirmed", {"address": "Лесная, 5"})


async def test_a_decision_that_was_taken_back_does_not_count(ledger: Ledger) -> None:
    # Given
    campaign, attempt = await _talking(ledger)
    async with ledger.begin() as tx:
        await claims.note_decision(tx, attempt, WORKER, Decision.CONFIRMED, {})
        await claims.note_decision(tx, attempt, WORKER, None, {})
    # When
    await _upkeep(ledger)
    # Then
    async with ledger.begin() as tx:
        order = await get_order(tx, campaign, "1")
    assert order is not None
    assert (order.state, order.disposition) == (OrderState.WAITING, Disposition.LOST)


async def test_the_settlement_has_the_last_word(ledger: Ledger) -> None:
    # Given
    campaign, attempt = await _talking(ledger)
    async with ledger.begin() as tx:
        await claims.note_decision(tx, attempt, WORKER, Decision.CONFIRMED, {})
        step = CallAgain(NOW + timedelta(hours=1))
        # When
        await claims.settle_attempt(
            tx, attempt_id=attempt, worker=WORKER, outcome=Outcome(Disposition.HUNG_UP), step=step, now=NOW
        )
    # Then
    async with ledger.begin() as tx:
        order = await get_order(tx, campaign, "1")
        assert order is not None
        (settled,) = await attempts_of(tx, order.pk)
    assert (settled.decision, order.decision, order.state) == (None, None, OrderState.WAITING)


async def test_nobody_notes_anything_in_another_workers_attempt(ledger: Ledger) -> None:
    _, attempt = await _talking(ledger)
    async with ledger.begin() as tx:
        assert not await claims.note_decision(tx, attempt, "worker-2", Decision.CANCELLED, {})


async def test_an_emergency_stop_keeps_noted_decisions(ledger: Ledger) -> None:
    # Given
    campaign, attempt = await _talking(ledger)
    async with ledger.begin() as tx:
        await claims.note_decision(tx, attempt, WORKER, Decision.CANCELLED, {})
    # When
    stopped = await campaigns.stop_all(ledger, _no_channel, now=NOW)
    # Then
    async with ledger.begin() as tx:
        order = await get_order(tx, campaign, "1")
    assert stopped.calls == 1
    assert order is not None
    assert order.decision == Decision.CANCELLED


async def test_the_audit_is_content_with_an_open_attempt_that_has_a_note(ledger: Ledger) -> None:
    _, attempt = await _talking(ledger)
    async with ledger.begin() as tx:
        await claims.note_decision(tx, attempt, WORKER, Decision.CONFIRMED, {})
    async with ledger.begin() as tx:
        assert (await audit(tx, NOW)).clean


async def test_an_attempt_that_was_handed_back_is_published_at_once(ledger: Ledger) -> None:
    # Given an attempt that reached a worker which was told to end
    await campaigns.create_campaign(ledger, make_plan(name="c"), NOW)
    await campaigns.import_orders(ledger, "c", [[make_order(order_id="1")]], now=NOW)
    await campaigns.start(ledger, "c", NOW)
    released: list[Released] = []
    await campaigns.release_batch(ledger, node=NODE, publish=released.extend, now=NOW)
    async with ledger.begin() as tx:
        assert await claims.hand_back(tx, released[0].attempt_id)
    # When the next upkeep comes, long before the grace time
    again: list[Released] = []
    await campaigns.upkeep(ledger, hangup=_no_channel, publish=again.extend, grace_s=20, now=NOW + timedelta(seconds=1))
    # Then
    assert again == released


def _ports(ledger: Ledger, home: Path) -> CallPorts:
    """A call worker's ports, as far as notes need them."""
    nothing: Any = None
    return CallPorts(ledger, nothing, nothing, nothing, None, Settings(home=home), WORKER)


async def test_a_note_waits_on_paper_while_postgresql_is_away(ledger: Ledger, tmp_path: Path) -> None:
    # Given a decision that the ledger could not be told of, and a worker that died then
    campaign, attempt = await _talking(ledger)
    away = Ledger("postgresql://nobody@127.0.0.1:9/nowhere")
    job: Any = SimpleNamespace(attempt_id=attempt)
    died = _ports(away, tmp_path)
    await note_decision(died, job, Decision.CONFIRMED, {"address": "Лесная, 5"})
    await away.close()
    (slip,) = (tmp_path / "undelivered-notes").iterdir()
    assert slip.stat().st_mode & 0o777 == 0o600
    # When another process takes its place
    successor = _ports(ledger, tmp_path)
    recover_notes(successor)
    await retry_notes(successor)
    # Then the decision counts, and the slip is gone
    await _upkeep(ledger)
    async with ledger.begin() as tx:
        order = await get_order(tx, campaign, "1")
    assert order is not None
    assert order.decision == Decision.CONFIRMED
    assert not slip.exists()


async def test_a_slip_that_cannot_be_read_stops_nobody(ledger: Ledger, tmp_path: Path) -> None:
    # Given
    (tmp_path / "undelivered-notes").mkdir()
    (tmp_path / "undelivered-notes" / "a.json").write_text("{torn")
    # When, then
    ports = _ports(ledger, tmp_path)
    recover_notes(ports)
    assert ports.unnoted == {}


async def test_a_decision_that_is_noted_while_upkeep_hangs_up_counts(ledger: Ledger) -> None:
    # Given an attempt whose worker is late, and comes back while upkeep is hanging up
    campaign, _ = await _talking(ledger)

    async def hang_up(attempt_id: str) -> bool:
        async with ledger.begin() as tx:
            assert await claims.note_decision(tx, attempt_id, WORKER, Decision.CANCELLED, {})
        return True

    # When
    await campaigns.upkeep(
        ledger, hangup=hang_up, publish=lambda _: None, grace_s=20, now=AFTER_LEASE, quiet_after_restart_s=0
    )
    # Then
    async with ledger.begin() as tx:
        order = await get_order(tx, campaign, "1")
    assert order is not None
    assert order.decision == Decision.CANCELLED


async def _told_too_late(ledger: Ledger, home: Path, attempt: str, decision: Decision) -> None:
    """A slip of a worker that died, found when upkeep has already settled its attempt as lost."""
    await _upkeep(ledger)
    ports = _ports(ledger, home)
    ports.unnoted[attempt] = Slip(decision, {"address": "Лесная, 5"}, WORKER)
    await retry_notes(ports)
    assert ports.unnoted == {}


async def test_a_decision_that_is_told_after_its_attempt_was_given_up_counts(ledger: Ledger, tmp_path: Path) -> None:
    # Given, when
    campaign, attempt = await _talking(ledger)
    await _told_too_late(ledger, tmp_path, attempt, Decision.ADDRESS_CHANGED)
    # Then the shop is told, and the customer is not called again
    async with ledger.begin() as tx:
        order = await get_order(tx, campaign, "1")
        (delivery,) = await outbox.claim_deliveries(tx, datetime.now(UTC) + timedelta(days=1), 10)
    assert order is not None
    assert (order.state, order.attempts) == (OrderState.DECIDED, 1)
    assert (delivery.status, delivery.data, delivery.idempotency_key) == (
        "confirmed",
        {"address": "Лесная, 5"},
        attempt,
    )
    async with ledger.begin() as tx:
        assert (await audit(tx, AFTER_LEASE)).violations == []


async def test_who_asked_not_to_be_called_is_not_called_however_late_the_ledger_hears(
    ledger: Ledger, tmp_path: Path
) -> None:
    # Given, when
    _, attempt = await _talking(ledger)
    await _told_too_late(ledger, tmp_path, attempt, Decision.DO_NOT_CALL)
    # Then
    async with ledger.begin() as tx:
        assert len(await dnc.list_phones(tx)) == 1


async def test_a_decision_comes_too_late_when_the_customer_is_being_called_again(
    ledger: Ledger, tmp_path: Path
) -> None:
    # Given an order whose next attempt has begun
    campaign, attempt = await _talking(ledger)
    await _upkeep(ledger)
    await campaigns.release_batch(ledger, node=NODE, publish=lambda _: None, now=AFTER_LEASE + timedelta(hours=1))
    # When
    await _told_too_late(ledger, tmp_path, attempt, Decision.CONFIRMED)
    # Then the call that is under way decides
    async with ledger.begin() as tx:
        order = await get_order(tx, campaign, "1")
    assert order is not None
    assert order.state is OrderState.QUEUED


async def test_an_emergency_stop_does_not_wait_for_a_node_that_is_silent(ledger: Ledger) -> None:
    # Given a node that answers only when the test lets it
    campaign, _ = await _talking(ledger)
    answers = asyncio.Event()

    async def hang_up(_attempt_id: str) -> bool:
        await answers.wait()
        return True

    # When
    stopping = asyncio.create_task(campaigns.stop_all(ledger, hang_up, now=NOW))

    async def ended() -> bool:
        async with ledger.begin() as tx:
            order = await get_order(tx, campaign, "1")
        return order is not None and order.state is OrderState.SKIPPED

    # Then the ledger has ended the call, so that its worker hangs it up
    async with asyncio.timeout(10):
        while not await ended():  # noqa: ASYNC110 - PostgreSQL has no event for it
            await asyncio.sleep(0.01)
    assert not stopping.done()
    answers.set()
    assert (await stopping).calls == 1
