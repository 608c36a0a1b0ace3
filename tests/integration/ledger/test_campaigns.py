"""What ops and beat do with campaigns."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from dialer import campaigns
from dialer.domain.campaign import CampaignState
from dialer.domain.order import OrderState
from dialer.domain.policy import CallingWindow
from dialer.errors import ConflictError, InputError, NotFoundError
from dialer.ledger.campaigns import list_campaigns
from dialer.ledger.claims import Released
from dialer.ledger.orders import count_orders
from tests.support.factories import (
    NODE,
    NOW,
    claim,
    make_campaign,
    make_order,
    make_plan,
    release,
    release_and_claim,
    settle,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dialer.ledger.store import Ledger


async def _count(ledger: Ledger, name: str, state: OrderState) -> int:
    campaign = await campaigns.find_campaign(ledger, name)
    async with ledger.begin() as tx:
        return (await count_orders(tx, campaign.id))[state]


async def test_a_plan_comes_back_as_it_was_written(ledger: Ledger) -> None:
    window = CallingWindow(time(9, 30), time(20, 15), "Asia/Omsk", (1, 2, 5))
    plan = make_plan(
        window=window,
        retry_countdowns_s=(60.0,),
        lines=7,
        calls_per_second=2.5,
        cron="0 22 * * *",
        caller_id="+74950000000",
        check_order=False,
        script="other",
        ring_timeout_s=20.0,
        max_call_s=90.0,
    )

    await campaigns.create_campaign(ledger, plan)

    assert (await campaigns.find_campaign(ledger, plan.name)).plan == plan


async def test_a_name_is_taken_once(ledger: Ledger) -> None:
    plan = make_plan()
    await campaigns.create_campaign(ledger, plan)

    with pytest.raises(ConflictError, match="exists already"):
        await campaigns.create_campaign(ledger, plan)


async def test_an_unknown_campaign_is_named(ledger: Ledger) -> None:
    with pytest.raises(NotFoundError, match="nobody"):
        await campaigns.start(ledger, "nobody")


async def test_a_changed_plan_holds_for_the_next_release(ledger: Ledger) -> None:
    campaign = await make_campaign(ledger, 5, lines=1)
    await release(ledger)

    await campaigns.change_plan(ledger, campaign.name, lambda plan: replace(plan, lines=3))

    assert len(await release(ledger)) == 2


@pytest.mark.parametrize("state", CampaignState)
@pytest.mark.parametrize("verb", ["start", "pause", "resume", "stop"])
async def test_campaigns_move_only_where_it_makes_sense(ledger: Ledger, state: CampaignState, verb: str) -> None:
    allowed = {
        "start": {"draft": "running", "finished": "running", "running": "running"},
        "pause": {"running": "paused", "paused": "paused"},
        "resume": {"paused": "running", "running": "running"},
        "stop": dict.fromkeys(CampaignState, "stopped"),
    }[verb]
    campaign = await make_campaign(ledger, running=False)
    from dialer.ledger.campaigns import set_state

    async with ledger.begin() as tx:
        await set_state(tx, campaign.id, state, only_from=set(CampaignState), now=NOW)

    if state in allowed:
        assert (await getattr(campaigns, verb)(ledger, campaign.name, NOW)).state == allowed[state]
    else:
        with pytest.raises(ConflictError, match=state):
            await getattr(campaigns, verb)(ledger, campaign.name, NOW)


async def test_a_pause_takes_back_what_was_not_dialed_and_leaves_live_calls(ledger: Ledger) -> None:
    campaign = await make_campaign(ledger, 5, lines=3)
    ids = await release(ledger)
    await claim(ledger, ids[0])

    await campaigns.pause(ledger, campaign.name, NOW)

    assert await _count(ledger, campaign.name, OrderState.DIALING) == 1
    assert await _count(ledger, campaign.name, OrderState.QUEUED) == 0
    assert await release(ledger) == []
    assert await claim(ledger, ids[1]) is None
    await campaigns.resume(ledger, campaign.name, NOW)
    assert len(await release(ledger)) == 2


async def test_a_stop_skips_what_is_not_being_called(ledger: Ledger) -> None:
    campaign = await make_campaign(ledger, 5, lines=3)
    ids = await release(ledger)
    await claim(ledger, ids[0])

    await campaigns.stop(ledger, campaign.name, NOW)
    await settle(ledger, ids[0])

    assert await _count(ledger, campaign.name, OrderState.SKIPPED) == 4
    assert await _count(ledger, campaign.name, OrderState.DECIDED) == 1


class TestCron:
    """The nightly campaign: `0 22 * * *` in Moscow is 19:00 UTC."""

    made = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    opening = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)

    async def _nightly(self, ledger: Ledger, **options: Any) -> str:
        campaign = await make_campaign(ledger, running=False, now=self.made, cron="0 22 * * *", **options)
        return campaign.name

    async def test_opens_at_its_time_and_not_at_one_before_its_creation(self, ledger: Ledger) -> None:
        name = await self._nightly(ledger)

        before = await campaigns.open_due(ledger, self.opening - timedelta(seconds=1))
        at = await campaigns.open_due(ledger, self.opening)

        assert (before, at) == ([], [name])
        assert (await campaigns.find_campaign(ledger, name)).state is CampaignState.RUNNING

    async def test_a_missed_tick_opens_it_late(self, ledger: Ledger) -> None:
        name = await self._nightly(ledger)

        assert await campaigns.open_due(ledger, self.opening + timedelta(hours=3)) == [name]

    async def test_two_beats_open_it_once(self, ledger: Ledger) -> None:
        name = await self._nightly(ledger)

        opened = await asyncio.gather(*(campaigns.open_due(ledger, self.opening) for _ in range(6)))

        assert [names for names in opened if names] == [[name]]

    async def test_a_beat_whose_clock_is_behind_does_not_open_it_again(self, ledger: Ledger) -> None:
        name = await self._nightly(ledger)
        await campaigns.open_due(ledger, self.opening)
        await campaigns.pause(ledger, name)
        await campaigns.resume(ledger, name)
        (job,) = await release_and_claim(ledger, now=self.opening)
        await settle(ledger, job.attempt_id, now=self.opening)
        assert await campaigns.finish_done(ledger, self.opening) == [name]

        again = [await campaigns.open_due(ledger, self.opening + timedelta(minutes=minute)) for minute in (-1, 0, 1)]

        assert again == [[], [], []]

    async def test_a_finished_campaign_opens_the_next_night(self, ledger: Ledger) -> None:
        name = await self._nightly(ledger)
        await campaigns.open_due(ledger, self.opening)
        (job,) = await release_and_claim(ledger, now=self.opening)
        await settle(ledger, job.attempt_id, now=self.opening)
        await campaigns.finish_done(ledger, self.opening)
        await campaigns.import_orders(ledger, name, [[make_order()]], now=self.opening + timedelta(hours=6))
        draft = (await campaigns.find_campaign(ledger, name)).state

        opened = await campaigns.open_due(ledger, self.opening + timedelta(days=1))

        assert (draft, opened) == (CampaignState.DRAFT, [name])

    async def test_paused_and_stopped_campaigns_stay_so(self, ledger: Ledger) -> None:
        paused, stopped = await self._nightly(ledger), await self._nightly(ledger)
        await campaigns.start(ledger, paused, self.made)
        await campaigns.pause(ledger, paused, self.made)
        await campaigns.stop(ledger, stopped, self.made)

        assert await campaigns.open_due(ledger, self.opening) == []


async def test_a_campaign_finishes_with_its_last_order_and_not_before_its_first(ledger: Ledger) -> None:
    empty = await make_campaign(ledger, 0)
    campaign = await make_campaign(ledger, 2)
    jobs = await release_and_claim(ledger)
    await settle(ledger, jobs[0].attempt_id)

    early = await campaigns.finish_done(ledger, NOW)
    await settle(ledger, jobs[1].attempt_id)
    late = await campaigns.finish_done(ledger, NOW)

    assert (early, late) == ([], [campaign.name])
    assert (await campaigns.find_campaign(ledger, empty.name)).state is CampaignState.RUNNING


async def test_attempts_are_published_after_the_commit(ledger: Ledger) -> None:
    await make_campaign(ledger, 3)
    published: list[Released] = []

    async def seen_by_others() -> int:
        async with ledger.begin() as tx:
            from sqlalchemy import text

            return int((await tx.execute(text("SELECT count(*) FROM attempts"))).scalar_one())

    released = await campaigns.release_batch(ledger, node=NODE, publish=published.extend, now=NOW)

    assert released == len(published) == await seen_by_others() == 3


async def test_what_the_broker_refused_is_published_by_upkeep(ledger: Ledger) -> None:
    from dialer.errors import BrokerError

    await make_campaign(ledger, 2)

    def refuse(_: Sequence[Released]) -> None:
        raise BrokerError("away")

    with pytest.raises(BrokerError):
        await campaigns.release_batch(ledger, node=NODE, publish=refuse, now=NOW)
    published: list[Released] = []

    async def no_channel(_: str) -> bool:
        return False

    later = NOW + timedelta(seconds=21)
    await campaigns.upkeep(ledger, hangup=no_channel, publish=published.extend, grace_s=20, now=later)

    assert len(published) == 2


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"lines": 0}, "lines"),
        ({"calls_per_second": -1}, "calls_per_second"),
        ({"retry_countdowns_s": (0.0,)}, "retry_countdowns_s"),
        ({"max_call_s": 1}, "max_call_s"),
        ({"ring_timeout_s": 1}, "ring_timeout_s"),
        ({"window": CallingWindow(time(21), time(10))}, "window"),
        ({"window": CallingWindow(timezone="Moon/Crater")}, "timezone"),
        ({"window": CallingWindow(weekdays=())}, "weekdays"),
        ({"window": CallingWindow(weekdays=(0, 1))}, "weekdays"),
        ({"cron": "every night"}, "cron"),
        ({"cron": "61 * * * *"}, "cron"),
        ({"cron": "0 22 30 2 *"}, "cron"),
        ({"caller_id": "the shop"}, "caller_id"),
        ({"window": CallingWindow(valid_from=date(2026, 2, 2), valid_until=date(2026, 2, 1))}, "valid_until"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_by_field(values: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        campaigns.check_plan(make_plan(**values))

    assert caught.value.field == field


@pytest.mark.parametrize("name", ["", " ", "a/b", "..", "night\n", "two  blanks", "n" * 101])
async def test_a_name_that_no_address_can_hold_is_refused_wherever_a_campaign_is_made(
    ledger: Ledger, name: str
) -> None:
    with pytest.raises(InputError, match="name: "):
        await campaigns.create_campaign(ledger, make_plan(name=name))
    with pytest.raises(InputError, match="name: "):
        await campaigns.import_orders(ledger, name, [], source="x.csv", create_if_missing=make_plan(name=name))

    async with ledger.begin() as tx:
        assert await list_campaigns(tx) == []


@pytest.mark.parametrize(
    ("moves", "refused", "way_out"),
    [
        ((), campaigns.resume, "start it"),
        ((), campaigns.pause, "only a running one"),
        ((campaigns.start, campaigns.pause), campaigns.start, "resume it"),
        ((campaigns.stop,), campaigns.start, "redial"),
    ],
)
async def test_a_move_that_the_state_forbids_says_what_to_do_instead(
    ledger: Ledger, moves: tuple[Any, ...], refused: Any, way_out: str
) -> None:
    await campaigns.create_campaign(ledger, make_plan(name="night"))
    for move in moves:
        await move(ledger, "night")

    with pytest.raises(ConflictError, match=way_out):
        await refused(ledger, "night")
