"""What the dispatcher releases: due orders, up to the free lines, inside the window, one live call per number."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

import pytest

from dialer.domain.order import OrderState
from dialer.domain.policy import CallingWindow
from dialer.errors import InputError
from dialer.ledger import dnc
from dialer.ledger.claims import release_due
from dialer.ledger.orders import count_orders
from tests.support.factories import (
    NO_ANSWER,
    NODE,
    NOW,
    TRUNK_FAILURE,
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


async def _states(ledger: Ledger, campaign: CampaignRow) -> Counter[OrderState]:
    async with ledger.begin() as tx:
        return +Counter(await count_orders(tx, campaign.id))


async def test_lines_bound_what_is_live_and_a_finished_call_frees_one(ledger: Ledger) -> None:
    campaign = await make_campaign(ledger, 5, lines=2)

    first = await release_and_claim(ledger)
    assert await release(ledger) == []
    await settle(ledger, first[0].attempt_id)

    assert len(first) == 2
    assert len(await release(ledger)) == 1
    assert await _states(ledger, campaign) == {
        OrderState.NEW: 2,
        OrderState.QUEUED: 1,
        OrderState.DIALING: 1,
        OrderState.DECIDED: 1,
    }


async def test_campaigns_that_do_not_run_release_nothing(ledger: Ledger) -> None:
    await make_campaign(ledger, 3, running=False)

    assert await release(ledger) == []


async def test_retries_are_released_when_they_are_due_and_not_before(ledger: Ledger) -> None:
    await make_campaign(ledger)
    (job,) = await release_and_claim(ledger)
    await settle(ledger, job.attempt_id, NO_ANSWER)

    early = await release(ledger, now=NOW + timedelta(minutes=59))
    (again,) = await release_and_claim(ledger, now=NOW + timedelta(minutes=60))

    assert early == []
    assert again.number == 2


async def test_a_trunk_failure_does_not_use_up_a_number(ledger: Ledger) -> None:
    await make_campaign(ledger)
    (job,) = await release_and_claim(ledger)
    await settle(ledger, job.attempt_id, TRUNK_FAILURE)

    (again,) = await release_and_claim(ledger, now=NOW + timedelta(hours=1))

    assert (job.number, again.number) == (1, 1)


async def test_each_customers_own_zone_decides_whether_the_window_is_open(ledger: Ledger) -> None:
    # 06:00 UTC: 09:00 in Moscow, 16:00 in Vladivostok
    early = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
    moscow, vladivostok = make_order(), make_order(timezone="Asia/Vladivostok")
    campaign = await make_campaign(ledger, [moscow, vladivostok], window=DAYTIME, now=early)

    released = await release(ledger, now=early)

    assert len(released) == 1
    assert (await order_of(ledger, campaign, vladivostok.order_id)).state is OrderState.QUEUED
    assert (await order_of(ledger, campaign, moscow.order_id)).state is OrderState.NEW
    assert len(await release(ledger, now=early + timedelta(hours=1))) == 1


async def test_an_unknown_zone_does_not_enter_the_ledger(ledger: Ledger) -> None:
    with pytest.raises(InputError, match="timezone"):
        await make_campaign(ledger, [make_order(timezone="Moon/Crater")])


async def test_one_number_has_one_live_call_across_campaigns(ledger: Ledger) -> None:
    phone = "+79165550000"
    await make_campaign(ledger, [make_order(phone=phone) for _ in range(3)])
    await make_campaign(ledger, [make_order(phone=phone) for _ in range(3)])

    jobs = await release_and_claim(ledger)
    assert await release(ledger) == []
    await settle(ledger, jobs[0].attempt_id)

    assert len(jobs) == 1
    assert len(await release(ledger)) == 1


async def test_many_orders_of_one_number_do_not_hold_up_the_others(ledger: Ledger) -> None:
    crowd = [make_order(phone="+79165550000") for _ in range(20)]
    campaign = await make_campaign(ledger, [*crowd, *(make_order() for _ in range(5))], lines=3)

    await release(ledger)

    assert (await _states(ledger, campaign))[OrderState.QUEUED] == 3


async def test_forbidden_numbers_are_skipped_and_others_take_their_place(ledger: Ledger) -> None:
    forbidden, free = make_order(), make_order()
    campaign = await make_campaign(ledger, [forbidden, free], lines=1)
    async with ledger.begin() as tx:
        await dnc.add(tx, forbidden.phone, reason="asked", now=NOW)

    (job,) = await release_and_claim(ledger)

    skipped = await order_of(ledger, campaign, forbidden.order_id)
    assert job.order.order_id == free.order_id
    assert (skipped.state, skipped.skip_reason) == (OrderState.SKIPPED, "do_not_call")


async def test_a_number_at_its_daily_cap_waits_for_its_next_day(ledger: Ledger) -> None:
    campaign = await make_campaign(ledger, window=DAYTIME)
    for hour in range(2):
        (job,) = await release_and_claim(ledger, now=NOW + timedelta(hours=hour))
        await settle(ledger, job.attempt_id, NO_ANSWER, now=NOW + timedelta(hours=hour))

    capped = await release(ledger, now=NOW + timedelta(hours=2), daily_cap=2)

    order = await order_of(ledger, campaign)
    assert capped == []
    assert order.due_at == datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
    assert len(await release(ledger, now=order.due_at, daily_cap=2)) == 1


async def test_calls_per_second_are_kept_and_a_late_tick_catches_up_a_little(ledger: Ledger) -> None:
    await make_campaign(ledger, 100, lines=100, calls_per_second=5)

    ticks = [len(await release(ledger, now=NOW + timedelta(seconds=second))) for second in (0, 1, 2, 2, 60)]

    assert ticks == [1, 5, 5, 0, 10]


async def test_a_slow_rate_makes_whole_calls_in_the_end(ledger: Ledger) -> None:
    await make_campaign(ledger, 10, calls_per_second=0.5)

    ticks = [len(await release(ledger, now=NOW + timedelta(seconds=second))) for second in range(6)]

    assert ticks == [1, 0, 1, 0, 1, 0]


async def test_a_bounded_release_is_shared_fairly(ledger: Ledger) -> None:
    large = await make_campaign(ledger, 50, lines=50)
    small = await make_campaign(ledger, 2, lines=50)
    other = await make_campaign(ledger, 50, lines=50)

    await release(ledger, limit=20)

    live = [(await _states(ledger, campaign))[OrderState.QUEUED] for campaign in (large, small, other)]
    assert live[1] == 2
    assert live[0] + live[2] == 18
    assert abs(live[0] - live[2]) <= 1


async def test_attempts_are_shared_among_the_nodes(ledger: Ledger) -> None:
    await make_campaign(ledger, 10)

    async with ledger.begin() as tx:
        released = await release_due(tx, now=NOW, node=["east", "west"])

    assert Counter(attempt.node for attempt in released) == {"east": 5, "west": 5}


async def test_two_ticks_at_once_release_nothing_twice(ledger: Ledger) -> None:
    campaign = await make_campaign(ledger, 50, lines=20)

    ticks = await asyncio.gather(*(release(ledger) for _ in range(8)))

    released = [attempt_id for tick in ticks for attempt_id in tick]
    assert len(released) == len(set(released)) == 20
    assert (await _states(ledger, campaign))[OrderState.QUEUED] == 20


async def test_a_broken_trunk_is_paused_then_tried_with_one_call_then_used_again(ledger: Ledger) -> None:
    await make_campaign(ledger, 20, lines=5)
    for job in await release_and_claim(ledger):
        await settle(ledger, job.attempt_id, TRUNK_FAILURE)

    paused = await release(ledger, now=NOW + timedelta(seconds=5))
    trial = await release_and_claim(ledger, now=NOW + timedelta(seconds=16))
    meanwhile = await release(ledger, now=NOW + timedelta(seconds=17))
    await settle(ledger, trial[0].attempt_id, NO_ANSWER)
    mended = await release(ledger, now=NOW + timedelta(seconds=18))

    assert (paused, len(trial), meanwhile, len(mended)) == ([], 1, [], 5)


async def test_a_trunk_that_fails_its_trial_rests_longer(ledger: Ledger) -> None:
    await make_campaign(ledger, 20, lines=5)
    for job in await release_and_claim(ledger):
        await settle(ledger, job.attempt_id, TRUNK_FAILURE)
    (trial,) = await release_and_claim(ledger, now=NOW + timedelta(seconds=16))

    await settle(ledger, trial.attempt_id, TRUNK_FAILURE, now=NOW + timedelta(seconds=16))

    assert await release(ledger, now=NOW + timedelta(seconds=40)) == []
    assert len(await release(ledger, now=NOW + timedelta(seconds=47))) == 1


async def test_a_sound_node_takes_the_calls_of_a_broken_one(ledger: Ledger) -> None:
    await make_campaign(ledger, 20, lines=5)
    for job in await release_and_claim(ledger):
        await settle(ledger, job.attempt_id, TRUNK_FAILURE)

    async with ledger.begin() as tx:
        released = await release_due(tx, now=NOW, node=[NODE, "spare"])

    assert {attempt.node for attempt in released} == {"spare"}
