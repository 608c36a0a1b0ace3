"""Claims and leases: one winner, rechecks at dial time, and what becomes of attempts that nobody vouches for."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from dialer import campaigns as use_cases
from dialer.domain.order import OrderState
from dialer.domain.policy import CallingWindow
from dialer.ledger import dnc
from dialer.ledger.claims import expired_attempts, mark_talking, renew_leases, republish_stale
from dialer.ledger.orders import attempts_of
from tests.support.factories import (
    LEASE_S,
    NO_ANSWER,
    NOW,
    TRUNK_FAILURE,
    WORKER,
    claim,
    make_campaign,
    make_order,
    order_of,
    release,
    release_and_claim,
    settle,
)

if TYPE_CHECKING:
    from dialer.ledger.campaigns import CampaignRow
    from dialer.ledger.store import Ledger

DAYTIME = CallingWindow(time(10, 0), time(21, 0), "Europe/Moscow")


async def test_of_many_workers_one_gets_the_attempt(ledger: Ledger) -> None:
    await make_campaign(ledger)
    (attempt_id,) = await release(ledger)

    claims = await asyncio.gather(*(claim(ledger, attempt_id, worker=f"worker-{n}") for n in range(10)))

    assert sum(job is not None for job in claims) == 1


async def test_a_job_carries_the_order_and_the_plan(ledger: Ledger) -> None:
    wanted = make_order(timezone="Asia/Omsk", attributes={"цвет": "синий"})
    campaign = await make_campaign(ledger, [wanted], ring_timeout_s=25.0, window=CallingWindow(time(0, 0), time(0, 0)))

    (job,) = await release_and_claim(ledger)

    assert job.order == wanted
    assert (job.campaign.id, job.campaign.plan, job.number) == (campaign.id, campaign.plan, 1)
    assert (await order_of(ledger, campaign)).state is OrderState.DIALING


async def test_an_unknown_or_settled_attempt_cannot_be_claimed(ledger: Ledger) -> None:
    await make_campaign(ledger)
    (job,) = await release_and_claim(ledger)
    await settle(ledger, job.attempt_id)

    assert await claim(ledger, "no-such-attempt") is None
    assert await claim(ledger, job.attempt_id) is None


async def _not_dialed(ledger: Ledger, campaign: CampaignRow) -> tuple[OrderState, str | None, datetime]:
    """State, skip reason and due time of an order whose one attempt must have ended as not_dialed."""
    order = await order_of(ledger, campaign)
    async with ledger.begin() as tx:
        (attempt,) = await attempts_of(tx, order.pk)
    assert (attempt.disposition, attempt.counted, order.attempts) == ("not_dialed", False, 0)
    return order.state, order.skip_reason, order.due_at


async def test_a_number_forbidden_after_the_release_is_not_dialed(ledger: Ledger) -> None:
    order = make_order()
    campaign = await make_campaign(ledger, [order])
    (attempt_id,) = await release(ledger)
    async with ledger.begin() as tx:
        await dnc.add(tx, order.phone, reason="asked", now=NOW)

    assert await claim(ledger, attempt_id) is None
    assert (await _not_dialed(ledger, campaign))[:2] == (OrderState.SKIPPED, "do_not_call")


async def test_a_window_that_closed_after_the_release_moves_the_order_to_its_next_opening(ledger: Ledger) -> None:
    evening = datetime(2026, 11, 23, 17, 59, tzinfo=UTC)
    campaign = await make_campaign(ledger, window=DAYTIME, now=evening)
    (attempt_id,) = await release(ledger, now=evening)

    assert await claim(ledger, attempt_id, now=evening + timedelta(minutes=2)) is None
    expected = (OrderState.WAITING, None, datetime(2026, 11, 24, 7, 0, tzinfo=UTC))
    assert await _not_dialed(ledger, campaign) == expected


@pytest.mark.parametrize(("state", "becomes"), [("paused", OrderState.WAITING), ("stopped", OrderState.SKIPPED)])
async def test_a_campaign_halted_while_the_message_travels_is_not_dialed(
    ledger: Ledger, state: str, becomes: OrderState
) -> None:
    campaign = await make_campaign(ledger)
    (attempt_id,) = await release(ledger)
    async with ledger.begin() as tx:
        await tx.execute(text("UPDATE campaigns SET state = :state"), {"state": state})

    assert await claim(ledger, attempt_id) is None
    assert (await _not_dialed(ledger, campaign))[0] is becomes


async def test_a_capped_number_and_a_paused_trunk_are_not_dialed(ledger: Ledger) -> None:
    first = await make_campaign(ledger, 5)
    ids = await release(ledger)
    for attempt_id in ids[:4]:
        await claim(ledger, attempt_id)
        await settle(ledger, attempt_id, TRUNK_FAILURE)
    assert await claim(ledger, ids[4], daily_cap=0) is None
    capped = await order_of(ledger, first)
    second = await make_campaign(ledger)
    (attempt_id,) = await release(ledger)
    async with ledger.begin() as tx:
        await tx.execute(text("UPDATE trunks SET paused_until = :until"), {"until": NOW + timedelta(seconds=20)})

    assert await claim(ledger, attempt_id) is None
    assert (await _not_dialed(ledger, second))[2] == NOW + timedelta(seconds=20)
    assert capped.state is OrderState.WAITING


async def test_talking_is_for_the_worker_that_holds_the_attempt(ledger: Ledger) -> None:
    campaign = await make_campaign(ledger)
    (job,) = await release_and_claim(ledger)

    async with ledger.begin() as tx:
        stranger = await mark_talking(tx, job.attempt_id, "somebody", NOW)
        own = await mark_talking(tx, job.attempt_id, WORKER, NOW)

    assert (stranger, own) == (False, True)
    assert (await order_of(ledger, campaign)).state is OrderState.TALKING


async def test_leases_are_renewed_for_what_is_still_ones_own(ledger: Ledger) -> None:
    await make_campaign(ledger, 3)
    mine, settled, foreign = await release(ledger)
    for attempt_id, worker in ((mine, WORKER), (settled, WORKER), (foreign, "worker-2")):
        await claim(ledger, attempt_id, worker=worker)
    await settle(ledger, settled)

    async with ledger.begin() as tx:
        kept = await renew_leases(tx, WORKER, [mine, settled, foreign], NOW + timedelta(seconds=90))
    async with ledger.begin() as tx:
        expired = await expired_attempts(tx, NOW + timedelta(seconds=LEASE_S + 1))

    assert kept == {mine}
    assert [attempt.attempt_id for attempt in expired] == [foreign]
    assert expired[0].worker == "worker-2"


async def test_attempts_that_nobody_claimed_are_published_again_once_per_grace_time(ledger: Ledger) -> None:
    await make_campaign(ledger, 2)
    claimed, forgotten = await release(ledger)
    await claim(ledger, claimed)

    async def republish(after_s: int) -> list[str]:
        async with ledger.begin() as tx:
            stale = await republish_stale(tx, NOW + timedelta(seconds=after_s), 20.0)
        return [attempt.attempt_id for attempt in stale]

    assert [await republish(second) for second in (19, 21, 25, 42)] == [[], [forgotten], [], [forgotten]]


async def _crash(ledger: Ledger, **options: Any) -> tuple[use_cases.UpkeepCounts, list[str]]:
    """Upkeep after a worker's death; what it did and whose channels it hung up."""
    hung_up: list[str] = []

    async def hangup(attempt_id: str) -> bool:
        hung_up.append(attempt_id)
        return True

    now = options.pop("now", NOW + timedelta(seconds=LEASE_S + 1))
    defaults: dict[str, Any] = {"hangup": hangup, "publish": lambda _: None, "grace_s": 1e6, "quiet_after_restart_s": 0}
    return await use_cases.upkeep(ledger, now=now, **(defaults | options)), hung_up


async def test_a_dead_workers_attempt_is_hung_up_and_lost_and_its_order_waits(ledger: Ledger) -> None:
    campaign = await make_campaign(ledger)
    (job,) = await release_and_claim(ledger)

    counts, hung_up = await _crash(ledger)

    order = await order_of(ledger, campaign)
    assert (counts.lost, hung_up) == (1, [job.attempt_id])
    assert (order.state, order.disposition, order.attempts) == (OrderState.WAITING, "lost", 1)
    assert order.due_at == NOW + timedelta(seconds=LEASE_S + 1 + 1800)
    assert not await settle(ledger, job.attempt_id)


async def test_two_upkeeps_at_once_lose_an_attempt_once(ledger: Ledger) -> None:
    await make_campaign(ledger, 5)
    await release_and_claim(ledger)

    done = await asyncio.gather(*(_crash(ledger) for _ in range(3)))

    assert sum(counts.lost for counts, _ in done) == 5


async def test_a_worker_that_settles_during_upkeeps_hangup_wins(ledger: Ledger) -> None:
    campaign = await make_campaign(ledger)
    await release_and_claim(ledger)

    async def hangup(attempt_id: str) -> bool:
        return await settle(ledger, attempt_id)

    counts, _ = await _crash(ledger, hangup=hangup)

    assert counts.lost == 0
    assert (await order_of(ledger, campaign)).decision == "confirmed"


async def test_a_silent_node_keeps_the_attempt_until_its_call_must_have_ended(ledger: Ledger) -> None:
    from dialer.errors import AriUnavailableError

    await make_campaign(ledger, max_call_s=100, ring_timeout_s=20)
    await release_and_claim(ledger)

    async def silent(_attempt_id: str) -> bool:
        raise AriUnavailableError("away")

    soon, _ = await _crash(ledger, hangup=silent)
    late, _ = await _crash(ledger, hangup=silent, now=NOW + timedelta(seconds=LEASE_S + 100 + 20 + 61))

    assert (soon.lost, soon.kept) == (0, 1)
    assert (late.lost, late.kept) == (1, 0)


async def test_upkeep_leaves_other_nodes_channels_to_their_own_upkeep(ledger: Ledger) -> None:
    await make_campaign(ledger)
    await release_and_claim(ledger)

    elsewhere, hung_up = await _crash(ledger, node="another")

    assert (elsewhere.lost, elsewhere.kept, hung_up) == (0, 1, [])


async def test_right_after_postgresqls_restart_no_attempt_is_given_up(ledger: Ledger) -> None:
    await make_campaign(ledger)
    await release_and_claim(ledger)

    counts, hung_up = await _crash(ledger, quiet_after_restart_s=1e9)

    assert (counts.lost, hung_up) == (0, [])


async def test_the_last_attempt_lost_makes_the_order_unreachable(ledger: Ledger) -> None:
    campaign = await make_campaign(ledger, retry_countdowns_s=())
    await release_and_claim(ledger)

    await _crash(ledger)

    assert (await order_of(ledger, campaign)).state is OrderState.UNREACHABLE


async def test_a_retry_after_no_answer_has_its_own_attempt(ledger: Ledger) -> None:
    campaign = await make_campaign(ledger)
    for hour in range(3):
        (job,) = await release_and_claim(ledger, now=NOW + timedelta(hours=hour))
        await settle(ledger, job.attempt_id, NO_ANSWER, now=NOW + timedelta(hours=hour))

    order = await order_of(ledger, campaign)
    async with ledger.begin() as tx:
        history = await attempts_of(tx, order.pk)

    assert [attempt.number for attempt in history] == [1, 2, 3]
