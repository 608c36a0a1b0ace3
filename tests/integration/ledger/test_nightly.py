"""Nightly campaigns over several days: openings, closing windows, first and last days."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from dialer import campaigns
from dialer.campaigns import close_expired
from dialer.domain.campaign import CampaignPlan, CampaignState
from dialer.domain.order import OrderState
from dialer.domain.policy import CallAgain, CallingWindow, next_step
from dialer.errors import ConflictError
from dialer.ledger.store import Ledger
from tests.support.factories import (
    NO_ANSWER,
    make_campaign,
    make_order,
    make_plan,
    order_of,
    release,
    release_and_claim,
    settle,
)

if TYPE_CHECKING:
    from dialer.ledger.campaigns import CampaignRow

MOSCOW = ZoneInfo("Europe/Moscow")
EVENING = CallingWindow(time(18), time(21))


def moscow(day: int, hour: int, minute: int = 0) -> datetime:
    """An instant of November 2026; the 23rd is a Monday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=MOSCOW)


async def make_nightly(ledger: Ledger, batch: Any = 1, **plan: Any) -> CampaignRow:
    """Opens at 18:00 in Moscow, calls until 21:00; created on Monday at noon."""
    options = {"cron": "0 18 * * *", "window": EVENING} | plan
    return await make_campaign(ledger, batch, running=False, now=moscow(23, 12), **options)


async def state_of(ledger: Ledger, campaign: CampaignRow) -> CampaignState:
    return (await campaigns.find_campaign(ledger, campaign.name)).state


async def call_all(ledger: Ledger, campaign: CampaignRow, now: datetime, outcome: Any = None) -> int:
    """Call whatever is due, as a worker does; how many."""
    jobs = await release_and_claim(ledger, now=now)
    for job in jobs:
        if outcome is None:
            await settle(ledger, job.attempt_id, now=now)
            continue
        step = next_step(
            outcome,
            attempt_number=job.number,
            now=now,
            countdowns_s=campaign.plan.retry_countdowns_s,
            window=campaign.plan.window,
        )
        await settle(ledger, job.attempt_id, outcome, step=step, now=now)
    return len(jobs)


async def test_orders_that_came_by_day_are_called_in_the_evening(ledger: Ledger) -> None:
    campaign = await make_nightly(ledger, 2)
    await campaigns.import_orders(ledger, campaign.name, [[make_order()]], now=moscow(23, 15))

    by_day = await release(ledger, now=moscow(23, 17, 59))
    await campaigns.open_due(ledger, moscow(23, 18))

    assert by_day == []
    assert len(await release(ledger, now=moscow(23, 18))) == 3


async def test_a_retry_due_after_closing_waits_for_the_next_evening(ledger: Ledger) -> None:
    campaign = await make_nightly(ledger)
    await campaigns.open_due(ledger, moscow(23, 18))
    await call_all(ledger, campaign, moscow(23, 20, 50), NO_ANSWER)

    too_late = await release(ledger, now=moscow(23, 21, 20))
    next_day = await release(ledger, now=moscow(24, 12))
    await campaigns.open_due(ledger, moscow(24, 18))

    assert (await order_of(ledger, campaign)).due_at == moscow(24, 18)
    assert await state_of(ledger, campaign) is CampaignState.RUNNING
    assert (too_late, next_day) == ([], [])
    assert len(await release(ledger, now=moscow(24, 18))) == 1


async def test_orders_that_come_while_the_evening_lasts_are_called_at_once(ledger: Ledger) -> None:
    campaign = await make_nightly(ledger)
    await campaigns.open_due(ledger, moscow(23, 18))
    await call_all(ledger, campaign, moscow(23, 18))
    await campaigns.finish_done(ledger, moscow(23, 18))

    await campaigns.import_orders(ledger, campaign.name, [[make_order()]], now=moscow(23, 20))

    assert await state_of(ledger, campaign) is CampaignState.RUNNING
    assert len(await release(ledger, now=moscow(23, 20))) == 1


async def test_orders_that_come_after_closing_wait_for_the_next_opening(ledger: Ledger) -> None:
    campaign = await make_nightly(ledger)
    await campaigns.open_due(ledger, moscow(23, 18))
    await call_all(ledger, campaign, moscow(23, 18))
    await campaigns.finish_done(ledger, moscow(23, 18))

    await campaigns.import_orders(ledger, campaign.name, [[make_order()]], now=moscow(23, 21))

    assert await state_of(ledger, campaign) is CampaignState.DRAFT
    assert await campaigns.open_due(ledger, moscow(24, 18)) == [campaign.name]


async def test_a_campaign_opened_at_night_calls_when_the_day_begins(ledger: Ledger) -> None:
    campaign = await make_nightly(ledger, cron="0 22 * * *", window=CallingWindow(time(10), time(21)))
    await campaigns.open_due(ledger, moscow(23, 22))
    await campaigns.import_orders(ledger, campaign.name, [[make_order()]], now=moscow(24, 9))

    at_night = await release(ledger, now=moscow(23, 22))

    assert at_night == []
    assert len(await release(ledger, now=moscow(24, 10))) == 2


async def test_an_opening_outlives_the_beat_that_acted_upon_it(ledger: Ledger, database_url: str) -> None:
    campaign = await make_nightly(ledger)
    await campaigns.open_due(ledger, moscow(23, 18))
    await call_all(ledger, campaign, moscow(23, 18))
    await campaigns.finish_done(ledger, moscow(23, 18))

    restarted = Ledger(database_url)
    again = [await campaigns.open_due(restarted, moscow(23, 18, minute)) for minute in (0, 1, 59)]
    await restarted.close()

    assert again == [[], [], []]


async def test_nights_missed_by_a_dead_beat_open_the_campaign_once(ledger: Ledger) -> None:
    campaign = await make_nightly(ledger)

    opened = await asyncio.gather(*(campaigns.open_due(ledger, moscow(26, 11)) for _ in range(4)))

    assert [names for names in opened if names] == [[campaign.name]]
    assert (await campaigns.find_campaign(ledger, campaign.name)).opened_at == moscow(25, 18)


@pytest.mark.parametrize(
    ("cron", "first", "nights"),
    [
        # The night of 25 October 2026 has the hour from 02:00 twice, that of 29 March 2026 does not have it.
        ("30 2 * * *", datetime(2026, 10, 23, 12, tzinfo=UTC), ["24 00:30", "25 00:30", "26 01:30"]),
        ("30 2 * * *", datetime(2026, 3, 27, 12, tzinfo=UTC), ["28 01:30", "29 01:30", "30 00:30"]),
        ("0 22 * * *", datetime(2026, 10, 23, 22, tzinfo=UTC), ["24 20:00", "25 21:00", "26 21:00"]),
        ("0 22 * * *", datetime(2026, 3, 27, 22, tzinfo=UTC), ["28 21:00", "29 20:00", "30 20:00"]),
    ],
)
async def test_every_night_has_one_opening_when_clocks_change(
    ledger: Ledger, cron: str, first: datetime, nights: list[str]
) -> None:
    window = CallingWindow(time(0), time(0), "Europe/Berlin")
    campaign = await make_campaign(ledger, 0, running=False, now=first, cron=cron, window=window)

    remembered = []
    for tick in range(3 * 24 * 2):
        await campaigns.open_due(ledger, first + timedelta(minutes=30 * tick))
        remembered.append((await campaigns.find_campaign(ledger, campaign.name)).opened_at)

    openings = sorted({moment for moment in remembered if moment is not None})
    assert remembered[-1] == openings[-1]
    assert [f"{opening.astimezone(UTC):%d %H:%M}" for opening in openings] == nights


def test_an_opening_in_the_first_pass_of_an_hour_is_known_in_its_second() -> None:
    window = CallingWindow(time(0), time(0), "Europe/Berlin")
    plan = make_plan(cron="30 2 * * *", window=window)

    last = campaigns.last_opening(plan, datetime(2026, 10, 25, 1, 10, tzinfo=UTC))

    assert last == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


class TestDays:
    """A campaign with a first and a last day: Tuesday the 24th and Wednesday the 25th."""

    window = CallingWindow(time(18), time(21), valid_from=date(2026, 11, 24), valid_until=date(2026, 11, 25))

    async def test_days_come_back_as_they_were_written(self, ledger: Ledger) -> None:
        campaign = await make_nightly(ledger, window=self.window)

        assert (await campaigns.find_campaign(ledger, campaign.name)).plan.window == self.window

    async def test_neither_cron_nor_ops_begin_before_the_first_day(self, ledger: Ledger) -> None:
        campaign = await make_nightly(ledger, window=self.window)

        early = await campaigns.open_due(ledger, moscow(23, 18))
        await campaigns.start(ledger, campaign.name, moscow(23, 18))

        assert early == []
        assert await release(ledger, now=moscow(23, 18)) == []
        assert len(await release(ledger, now=moscow(24, 18))) == 1

    async def test_who_was_not_reached_on_the_last_day_is_unreachable(self, ledger: Ledger) -> None:
        campaign = await make_nightly(ledger, window=self.window)
        await campaigns.open_due(ledger, moscow(25, 18))

        await call_all(ledger, campaign, moscow(25, 20, 45), NO_ANSWER)

        assert (await order_of(ledger, campaign)).state is OrderState.UNREACHABLE
        assert await campaigns.finish_done(ledger, moscow(25, 21)) == [campaign.name]

    async def test_what_was_never_called_is_skipped_when_the_last_day_is_over(self, ledger: Ledger) -> None:
        campaign = await make_nightly(ledger, 3, window=self.window, lines=1)
        await campaigns.open_due(ledger, moscow(24, 18))
        await call_all(ledger, campaign, moscow(25, 20))

        before = await close_expired(ledger, moscow(25, 20, 59))
        after = await close_expired(ledger, moscow(25, 21))

        assert (before, after) == ([], [campaign.name])
        async with ledger.begin() as tx:
            from dialer.ledger.orders import list_orders

            rows = await list_orders(tx, campaign.id)
        assert sorted((row.state, row.skip_reason) for row in rows) == [
            (OrderState.DECIDED, None),
            (OrderState.SKIPPED, "expired"),
            (OrderState.SKIPPED, "expired"),
        ]

    async def test_each_zone_has_its_own_last_hour(self, ledger: Ledger) -> None:
        in_kaliningrad = make_order(timezone="Europe/Kaliningrad")
        campaign = await make_nightly(ledger, [in_kaliningrad, make_order()], window=self.window, lines=1)
        await campaigns.open_due(ledger, moscow(24, 18))

        at_nine = await close_expired(ledger, moscow(25, 21, 30))

        (attempt_id,) = await release(ledger, now=moscow(25, 21, 30))
        assert at_nine == []
        assert await close_expired(ledger, moscow(25, 22)) == []
        await settle(ledger, attempt_id, worker=None, now=moscow(25, 22))
        assert await close_expired(ledger, moscow(25, 22)) == [campaign.name]

    async def test_a_campaign_that_never_opened_is_finished_too(self, ledger: Ledger) -> None:
        campaign = await make_nightly(ledger, window=self.window)

        assert await close_expired(ledger, moscow(26, 12)) == [campaign.name]
        assert await campaigns.open_due(ledger, moscow(26, 18)) == []
        assert (await order_of(ledger, campaign)).skip_reason == "expired"

    async def test_orders_after_the_last_day_are_refused_until_it_is_moved(self, ledger: Ledger) -> None:
        campaign = await make_nightly(ledger, window=self.window)

        with pytest.raises(ConflictError, match="last day"):
            await campaigns.import_orders(ledger, campaign.name, [[make_order()]], now=moscow(25, 21))
        await campaigns.change_plan(ledger, campaign.name, lambda plan: CampaignPlan(plan.name, cron=plan.cron))
        counts = await campaigns.import_orders(ledger, campaign.name, [[make_order()]], now=moscow(25, 21))

        assert counts.accepted == 1


def test_call_again_never_lies_after_the_last_day() -> None:
    step = next_step(NO_ANSWER, attempt_number=1, now=moscow(24, 20, 50), countdowns_s=(1800,), window=TestDays.window)

    assert step == CallAgain(moscow(25, 18))
