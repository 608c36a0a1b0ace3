"""Finished orders are called anew in a campaign of their own; orders, calls and analytics are taken away as tables."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from dialer.campaigns import Selection, redial
from dialer.cli import cli
from dialer.domain.campaign import CampaignState
from dialer.domain.order import OrderState
from dialer.domain.outcome import Decision, Disposition, Outcome
from dialer.errors import ConflictError, InputError, NotFoundError
from dialer.ledger.audit import audit
from dialer.ledger.campaigns import get_campaign
from dialer.ledger.orders import count_orders
from dialer.privacy import erase_order
from dialer.settings import settings
from tests.support.factories import CONFIRMED, NO_ANSWER, NOW, make_campaign, make_order
from tests.support.stories import tell

if TYPE_CHECKING:
    from pathlib import Path

    from httpx2 import AsyncClient

    from dialer.ledger.store import Ledger

CANCELLED = Outcome(Disposition.ANSWERED, Decision.CANCELLED, talk_s=16.0)
UNREACHABLE = [NO_ANSWER] * 4
AGAIN = "night, again"


async def _night(ledger: Ledger) -> None:
    """Two unreachable, two cancelled, one confirmed, one still waiting."""
    stories = [(make_order(order_id=f"U{n}"), UNREACHABLE) for n in (1, 2)]
    stories += [(make_order(order_id=f"C{n}"), [CANCELLED]) for n in (1, 2)]
    stories += [(make_order(order_id="OK"), [CONFIRMED]), (make_order(order_id="W"), [NO_ANSWER])]
    await tell(ledger, stories, name="night", artifacts={"cost_rub": 1.5})


async def _orders(ledger: Ledger, name: str) -> dict[OrderState, int]:
    async with ledger.begin() as tx:
        campaign = await get_campaign(tx, name)
        assert campaign is not None
        found = await count_orders(tx, campaign.id)
    return {state: count for state, count in found.items() if count}


async def test_by_default_the_unreachable_are_called_anew_and_the_first_campaign_stays_as_it_is(ledger: Ledger) -> None:
    await _night(ledger)
    before = await _orders(ledger, "night")

    first = await redial(ledger, "night", AGAIN, Selection(), NOW)
    second = await redial(ledger, "night", AGAIN, Selection(), NOW)

    assert (first.created, first.accepted, first.duplicates) == (True, 2, 0)
    assert (second.created, second.accepted, second.duplicates) == (False, 0, 2)
    assert await _orders(ledger, AGAIN) == {OrderState.NEW: 2}
    assert await _orders(ledger, "night") == before
    async with ledger.begin() as tx:
        made = await get_campaign(tx, AGAIN)
        assert made is not None
        assert made.state is CampaignState.DRAFT
    async with ledger.begin() as tx:
        assert (await audit(tx, NOW)).clean


@pytest.mark.parametrize(
    ("selection", "orders"),
    [
        (Selection(decisions=(Decision.CANCELLED,)), 2),
        (Selection(states=(OrderState.UNREACHABLE,), decisions=(Decision.CANCELLED,)), 4),
        (Selection(states=(OrderState.UNREACHABLE,), order_ids=("U1", "C1")), 1),
        (Selection(order_ids=("U1", "C1", "W", "nobody")), 2),
    ],
)
async def test_what_a_selection_means(ledger: Ledger, selection: Selection, orders: int) -> None:
    await _night(ledger)
    assert (await redial(ledger, "night", AGAIN, selection, NOW)).accepted == orders


@pytest.mark.parametrize(
    ("selection", "asks_the_shop"),
    [
        (Selection(), True),
        (Selection(states=(OrderState.UNREACHABLE,)), True),
        (Selection(decisions=(Decision.CANCELLED,)), False),
        (Selection(order_ids=("C1",)), False),
    ],
)
async def test_the_shop_which_holds_decided_orders_for_settled_is_not_asked_about_them(
    ledger: Ledger, selection: Selection, asks_the_shop: bool
) -> None:
    await _night(ledger)

    await redial(ledger, "night", AGAIN, selection, NOW)

    async with ledger.begin() as tx:
        made = await get_campaign(tx, AGAIN)
        first = await get_campaign(tx, "night")
    assert made is not None
    assert first is not None
    assert (made.plan.check_order, first.plan.check_order) == (asks_the_shop, True)


async def test_what_cannot_be_redialed_creates_nothing(ledger: Ledger) -> None:
    await _night(ledger)
    await make_campaign(ledger, name="stopped")
    async with ledger.begin() as tx:
        await tx.exec_driver_sql("UPDATE campaigns SET state = 'stopped' WHERE name = 'stopped'")

    with pytest.raises(InputError, match="another campaign"):
        await redial(ledger, "night", "night", Selection(), NOW)
    with pytest.raises(InputError, match="waiting is not final"):
        await redial(ledger, "night", AGAIN, Selection(states=(OrderState.WAITING,)), NOW)
    with pytest.raises(InputError, match="no finished order"):
        await redial(ledger, "night", AGAIN, Selection(order_ids=("W",)), NOW)
    with pytest.raises(NotFoundError, match="did you mean 'night'"):
        await redial(ledger, "nigth", AGAIN, Selection(), NOW)
    with pytest.raises(ConflictError, match="stopped"):
        await redial(ledger, "night", "stopped", Selection(), NOW)

    async with ledger.begin() as tx:
        assert await get_campaign(tx, AGAIN) is None


async def test_a_forgotten_customer_is_not_called_anew(ledger: Ledger, tmp_path: Path) -> None:
    await _night(ledger)
    async with ledger.begin() as tx:
        await tx.exec_driver_sql("UPDATE outbox SET delivered_at = now()")
    await erase_order(ledger, tmp_path, "U1")
    assert (await redial(ledger, "night", AGAIN, Selection(), NOW)).accepted == 1


async def test_redial_by_api_and_its_problems(ledger: Ledger, control: AsyncClient, enqueuer: AsyncClient) -> None:
    await _night(ledger)
    path = "/api/v1/campaigns/night/redial"

    done = await control.post(path, json={"into": AGAIN, "states": ["unreachable"], "decisions": ["cancelled"]})
    itself = await control.post(path, json={"into": "night"})

    assert done.json() == {"campaign": AGAIN, "created": True, "accepted": 4, "duplicates": 0}
    assert (itself.status_code, itself.json()["field"]) == (409, "into")
    assert (await enqueuer.post(path, json={"into": "x"})).status_code == 403
    assert (await control.post(path, json={"into": "a", "states": ["asleep"]})).json()["field"] == "states.0"


async def test_redial_by_the_boards_list(ledger: Ledger, stranger: AsyncClient) -> None:
    await _night(ledger)
    await stranger.post("/board/login", data={"token": "control-token"})
    page = await stranger.get("/board/campaigns/1/orders?state=decided&decision=cancelled")
    token = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert token
    form = {"csrf": token[1], "state": "decided", "decision": "cancelled", "order": "", "into": AGAIN}

    moved = await stranger.post("/board/campaigns/1/orders/redial", data=form)
    there = await stranger.get(moved.headers["Location"])
    wrong = await stranger.post("/board/campaigns/1/orders/redial", data=form | {"into": "a/b"})

    assert "2 заказа из этого списка" in page.text
    assert "orders/redial" not in (await stranger.get("/board/campaigns/1/orders?state=waiting")).text
    assert AGAIN in there.text
    assert await _orders(ledger, AGAIN) == {OrderState.NEW: 2}
    assert wrong.status_code == 409


def _table(text: str) -> list[dict[str, str]]:
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), delimiter=";"))


async def test_calls_as_a_table(ledger: Ledger, reader: AsyncClient, control: AsyncClient) -> None:
    await _night(ledger)

    calls = _table((await reader.get("/api/v1/campaigns/night/calls.csv")).text)
    orders = _table((await reader.get("/api/v1/campaigns/night/orders.csv")).text)
    figures = _table((await reader.get("/api/v1/campaigns/night/analytics.csv")).text)
    shown = _table((await control.get("/api/v1/campaigns/night/calls.csv?unmask=true")).text)

    assert len(calls) == 2 * 4 + 2 + 1 + 1
    assert [call["ended_at"] for call in calls] == sorted(call["ended_at"] for call in calls)
    assert {call["cost_rub"] for call in calls} == {"1,5"}
    assert {call["disposition"] for call in calls if call["order_id"] == "C1"} == {"answered"}
    assert all("***" in call["phone"] for call in calls)
    assert all(call["phone"].removeprefix("'").startswith("+7916") for call in shown)
    assert len(orders) == 6
    assert {line["group"] for line in figures} >= {"hour", "weekday", "attempt", "region", "cost_bot"}
    assert (await reader.get("/api/v1/campaigns/night/calls.csv?unmask=true")).status_code == 403
    assert (await reader.get("/api/v1/campaigns/day/calls.csv")).status_code == 404


async def test_pages_of_calls_lose_and_repeat_none(ledger: Ledger) -> None:
    from zoneinfo import ZoneInfo

    from dialer.reporting.call_records import call_page

    await _night(ledger)
    seen: list[str] = []
    after = None
    async with ledger.begin() as tx:
        while page := await call_page(tx, "night", ZoneInfo("Europe/Moscow"), after, count=5):
            seen += [row[0] for row in page.rows]
            after = page.after
    assert len(seen) == len(set(seen)) == 12


def test_the_same_by_command_line(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    from dialer.ledger.store import Ledger as OpenLedger

    async def fill() -> None:
        ledger = OpenLedger(database_url)
        await _night(ledger)
        await ledger.close()

    asyncio.run(fill())
    monkeypatch.setenv("DIALER_DATABASE_URL", database_url)
    settings.cache_clear()

    def run(*words: str) -> Any:
        result = CliRunner().invoke(cli, [*words], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    said = json.loads(run("campaign", "redial", "night", "--into", AGAIN, "--decision", "cancelled", "--json"))
    calls, figures = tmp_path / "calls.csv", tmp_path / "analytics.csv"
    run("report", "night", "--calls", str(calls), "--analytics", str(figures))
    settings.cache_clear()

    assert said == {"campaign": AGAIN, "created": True, "accepted": 2, "duplicates": 0}
    assert len(_table(calls.read_text("utf-8"))) == 12
    assert {line["group"] for line in _table(figures.read_text("utf-8"))} >= {"hour", "cost_operator"}
