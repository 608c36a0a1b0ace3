"""What `dialer campaign` says of a campaign: its plan in words, and what happens next."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date, time, timedelta

import pytest
from rich.console import Console

from dialer.cli._campaign_view import show_campaign, what_happens_next
from dialer.domain.campaign import CampaignPlan, CampaignState
from dialer.domain.order import OrderState
from dialer.domain.policy import CallingWindow
from dialer.ledger.campaigns import CampaignRow
from tests.support.factories import NOW

SOME = dict.fromkeys(OrderState, 0) | {OrderState.NEW: 40, OrderState.WAITING: 2}
EVENING = CallingWindow(time(18, 0), time(21, 0), weekdays=(1, 2, 3, 4, 5))


def campaign(state: CampaignState = CampaignState.DRAFT, **plan: object) -> CampaignRow:
    return CampaignRow(1, "ночь", state, replace(CampaignPlan(name="ночь"), **plan), NOW, None, None, None)  # type: ignore[arg-type]


def shown(row: CampaignRow) -> str:
    out = io.StringIO()
    show_campaign(Console(file=out, width=120), row, SOME, NOW)
    return out.getvalue()


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (campaign(), "To open it now: dialer campaign start ночь"),
        (campaign(cron="0 18 * * *"), "Opens by itself Mon 23 Nov 18:00 Europe/Moscow"),
        (campaign(CampaignState.RUNNING), "inside its calling window"),
        (campaign(CampaignState.RUNNING, window=EVENING), "closed in Europe/Moscow, and opens Mon 23 Nov 18:00"),
        (campaign(CampaignState.PAUSED), "dialer campaign resume ночь"),
        (campaign(CampaignState.STOPPED), "stopped for good"),
        (
            campaign(CampaignState.RUNNING, window=replace(EVENING, valid_until=NOW.date() - timedelta(days=1))),
            "last day is over",
        ),
        (
            campaign(window=replace(EVENING, valid_until=NOW.date() - timedelta(days=1))),
            "dialer campaign change ночь --valid-until",
        ),
    ],
)
def test_what_happens_next(row: CampaignRow, says: str) -> None:
    assert says in what_happens_next(row, SOME, NOW)


def test_a_campaign_without_orders_asks_for_them() -> None:
    nobody = dict.fromkeys(OrderState, 0)
    assert "dialer import FILE --campaign ночь" in what_happens_next(campaign(), nobody, NOW)


def test_the_plan_is_told_in_words() -> None:
    said = shown(
        campaign(
            cron="0 18 * * 1-5",
            window=replace(EVENING, valid_until=date(2026, 12, 31)),
            calls_per_second=2.0,
            caller_id="+74951234567",
            retry_countdowns_s=(1800.0, 7200.0, 90.0),
        )
    )
    for words in (
        "18:00 to 21:00, Mon to Fri",
        "at most 2 new calls per second",
        "30 min, 2 h, 90 s",
        "+74951234567",
        "... to 2026-12-31",
        "42 = 40 new + 2 waiting",
    ):
        assert words in said


def test_a_name_of_several_words_is_quoted_where_it_is_to_be_typed() -> None:
    row = replace(campaign(), name="ночь, повтор")
    assert what_happens_next(row, SOME, NOW).endswith("dialer campaign start 'ночь, повтор'")


def test_a_move_is_answered_without_the_plan() -> None:
    out = io.StringIO()
    show_campaign(Console(file=out, width=120), campaign(CampaignState.PAUSED), None, NOW, with_plan=False)
    assert out.getvalue().splitlines() == ["ночь  paused", "Places no calls until: dialer campaign resume ночь"]
