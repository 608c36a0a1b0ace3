"""Reports out of a real ledger: the numbers add up, and every form of the report says the same."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from rich.console import Console
from sqlalchemy import text

from dialer import reports
from dialer.cli.report import show_report
from dialer.domain.order import Order
from dialer.domain.outcome import Decision, Disposition, Outcome
from dialer.errors import InputError, NotFoundError
from dialer.ledger.claims import note_decision
from dialer.reporting.model import Report
from tests.support.factories import (
    CONFIRMED,
    NO_ANSWER,
    NOW,
    TRUNK_FAILURE,
    WORKER,
    make_campaign,
    make_order,
    release_and_claim,
)
from tests.support.stories import Story, tell

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from dialer.ledger.store import Ledger

BUSY = Outcome(Disposition.BUSY, cause=17)
HUNG_UP = Outcome(Disposition.HUNG_UP, talk_s=4.0)
CANCELLED = Outcome(Disposition.ANSWERED, Decision.CANCELLED, talk_s=16.0)
NEW_ADDRESS = Outcome(
    Disposition.ANSWERED, Decision.ADDRESS_CHANGED, {"address": "Тула, улица <Мира>, дом 1"}, talk_s=40.0
)
OPERATOR = Outcome(Disposition.ANSWERED, Decision.NEEDS_OPERATOR, talk_s=60.0)
AFTER = NOW + timedelta(days=1)


@asynccontextmanager
async def reported(ledger: Ledger, name: str = "Ночной обзвон") -> AsyncIterator[tuple[AsyncConnection, Report]]:
    async with ledger.begin() as tx:
        yield tx, await reports.campaign_report(tx, name, AFTER)


def stories(*each: tuple[int, Story]) -> list[tuple[Order, Story]]:
    """(how many orders, their story)."""
    return [(make_order(), list(story)) for count, story in each for _ in range(count)]


async def test_the_example_of_the_documentation(ledger: Ledger) -> None:
    """Given 100 orders, 80 of them decided and 10 given up, when asked, the rates have the documented denominators."""
    await tell(
        ledger,
        stories(
            (60, [CONFIRMED]),
            (8, [NO_ANSWER, NEW_ADDRESS]),
            (8, [BUSY, HUNG_UP, CANCELLED]),
            (4, [OPERATOR]),
            (10, [NO_ANSWER] * 4),
            (10, []),
        ),
    )

    async with reported(ledger) as (_, report):
        facts = report.as_json()

    assert (facts["orders"], facts["decided"], facts["unreachable"], facts["skipped"]) == (100, 80, 10, 0)
    assert (facts["confirmed"], facts["cancelled"], facts["needs_operator"]) == (68, 8, 4)
    assert facts["confirmation_rate"] == 0.85
    assert facts["cancellation_rate"] == 0.1
    assert facts["no_answer_rate"] == round(10 / 90, 4)
    assert facts["reach_rate"] == 0.8, "80 of 100 dialed orders were answered by somebody"
    assert facts["goal_reached"] is False, "the goal is more than 85%"


async def test_the_funnel_adds_up_to_the_ledgers_attempts(ledger: Ledger) -> None:
    await tell(ledger, stories((3, [CONFIRMED]), (2, [BUSY, NO_ANSWER, CONFIRMED]), (1, [NO_ANSWER] * 4)))

    async with reported(ledger) as (tx, report):
        in_ledger = (await tx.execute(text("SELECT count(*) FROM attempts"))).scalar_one()

    assert report.attempts == in_ledger == 3 + 2 * 3 + 4
    assert [(step.number, step.attempts, step.decided) for step in report.funnel] == [
        (1, 6, 3),
        (2, 3, 0),
        (3, 3, 2),
        (4, 1, 0),
    ]
    assert all(step.attempts == sum(step.dispositions.values()) + step.live for step in report.funnel)
    assert report.dispositions == {"answered": 5, "busy": 2, "no_answer": 6}


async def test_every_order_is_in_one_state_while_the_campaign_runs(ledger: Ledger) -> None:
    await tell(ledger, stories((2, [CONFIRMED]), (3, [NO_ANSWER]), (4, []), (1, [TRUNK_FAILURE])))

    async with reported(ledger) as (_, report):
        facts = report.as_json()

    assert facts["orders"] == 10
    assert facts["orders"] == facts["decided"] + facts["unreachable"] + facts["skipped"] + facts["in_progress"]
    assert facts["states"]["waiting"] == 4
    assert facts["states"]["dialing"] == 4
    assert facts["funnel"][0]["live"] == 4
    assert [retry["attempts"] for retry in facts["next_retries"]] == [1, 1, 1, 0]


async def test_a_campaign_without_calls_has_no_rates(ledger: Ledger) -> None:
    campaign = await make_campaign(ledger, 3)

    async with reported(ledger, campaign.name) as (_, report):
        facts = report.as_json()

    assert [facts[name] for name in ("confirmation_rate", "cancellation_rate", "no_answer_rate", "reach_rate")] == [
        None
    ] * 4
    assert facts["goal_reached"] is None
    assert facts["average_talk_s"] is None
    assert (facts["orders"], facts["attempts"]) == (3, 0)


async def test_another_campaigns_orders_are_not_counted(ledger: Ledger) -> None:
    await tell(ledger, stories((2, [CONFIRMED])), name="вчера")
    await tell(ledger, stories((3, [CANCELLED])), name="сегодня")

    async with reported(ledger, "сегодня") as (_, report):
        assert (report.orders, report.attempts, report.deliveries["pending"]) == (3, 3, 3)


async def test_an_unknown_campaign_is_not_found(ledger: Ledger) -> None:
    async with ledger.begin() as tx:
        with pytest.raises(NotFoundError, match="nothing"):
            await reports.campaign_report(tx, "nothing", AFTER)


async def test_talk_time_sources_latency_and_cost_come_from_the_attempts(ledger: Ledger) -> None:
    latency = {"end_pause": [100, 100], "reply": [200, 400]}
    recorded = {"sources": {"rules": 3, "llm": 1}, "latency_ms": latency, "cost_rub": 0.5}
    await tell(ledger, stories((2, [CONFIRMED]), (2, [NO_ANSWER, CANCELLED])), artifacts=recorded)

    async with reported(ledger) as (_, report):
        facts = report.as_json()

    assert facts["average_talk_s"] == 18.0, "no-answers do not count"
    assert facts["total_talk_s"] == 72.0
    assert facts["understanding_sources"] == {"rules": 18, "llm": 6}
    assert facts["latency_ms"]["reply"]["turns"] == 12
    assert facts["latency_ms"]["reply"]["p50"] == 300.0
    assert list(facts["latency_ms"]) == ["reply", "end_pause"], "the whole before its part"
    assert facts["cost_rub"] == 3.0


async def test_a_decision_counts_once_its_call_has_ended(ledger: Ledger) -> None:
    # Given one decided order, and one whose customer has decided in a call that goes on
    await tell(ledger, stories((1, [CONFIRMED])))
    await tell(ledger, stories((1, [])), name="live")
    (job,) = await release_and_claim(ledger, now=NOW)
    async with ledger.begin() as tx:
        assert await note_decision(tx, job.attempt_id, WORKER, Decision.CONFIRMED, {})
    # When
    async with reported(ledger, "live") as (_, report):
        (step,) = report.funnel
    # Then the ladder and the states agree
    assert (step.live, step.decided, report.decided) == (1, 0, 0)


class _Page(HTMLParser):
    """What a page shows and what it refers to."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.shown: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "srcset", "action", "data")]

    def handle_data(self, data: str) -> None:
        self.shown.append(data)


async def saved_page(ledger: Ledger, path: Path) -> _Page:
    async with reported(ledger) as (tx, report):
        await reports.save_html(tx, report, path, store_name="Твой выбор", home=path.parent, artifacts_base="../home")
    return page_of(path)


def page_of(path: Path) -> _Page:
    return _Page(path.read_text("utf-8"))


async def test_the_page_is_self_contained_escaped_and_masks_phones(ledger: Ledger, tmp_path: Path) -> None:
    hostile = make_order(order_id='<script>alert(1)</script>"', phone="+79161234567")
    files: dict[str, Any] = {"recording": "calls/1/a б.wav", "transcript": "javascript:alert(1)"}
    await tell(ledger, [(hostile, [NO_ANSWER, NEW_ADDRESS])], artifacts=files)

    page = await saved_page(ledger, tmp_path / "report.html")

    assert "script" not in page.tags
    assert '<script>alert(1)</script>"' in page.shown
    assert "Тула, улица <Мира>, дом 1" in page.shown
    assert any("+7 916 ***-**-67" in piece for piece in page.shown)
    assert not any("1234567" in piece for piece in page.shown)
    assert set(page.links) == {"../home/calls/1/a%20%D0%B1.wav", "../home/javascript%3Aalert%281%29"}


async def test_the_page_of_an_empty_campaign_says_so(ledger: Ledger, tmp_path: Path) -> None:
    await tell(ledger, [])

    page = await saved_page(ledger, tmp_path / "report.html")

    assert any("решений ещё нет" in piece.lower() for piece in page.shown)


async def test_the_csv_has_a_line_per_order_and_no_formulas(ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    hostile = make_order(order_id="=HYPERLINK(1)", amount=Decimal("1200.50"))
    await tell(ledger, [(hostile, [NO_ANSWER, NEW_ADDRESS]), *stories((1200, [CONFIRMED]))])

    async with reported(ledger) as (tx, report):
        count = await reports.save_csv(tx, report, path)

    raw = path.read_bytes()
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig")), delimiter=";"))
    assert raw.startswith(b"\xef\xbb\xbf")
    assert count == len(rows) == 1201
    assert len({row["order_id"] for row in rows}) == 1201
    assert rows[0]["order_id"] == "'=HYPERLINK(1)"
    assert rows[0]["phone"].startswith("'+7 916 ***")
    assert rows[0] | {"decision": "address_changed", "attempts": "2", "amount": "1200,50", "talk_s": "40,0"} == rows[0]
    assert rows[0]["new_address"] == "Тула, улица <Мира>, дом 1"


async def test_a_file_that_cannot_be_written_is_named(ledger: Ledger, tmp_path: Path) -> None:
    await tell(ledger, stories((1, [CONFIRMED])))

    async with reported(ledger) as (tx, report):
        with pytest.raises(InputError, match="no/such"):
            await reports.save_csv(tx, report, tmp_path / "no/such/file.csv")
        with pytest.raises(InputError, match="no/such"):
            reports.save_json(report, tmp_path / "no/such/file.json")


async def test_the_terminal_shows_the_goal_and_the_funnel(ledger: Ledger) -> None:
    await tell(ledger, stories((9, [CONFIRMED]), (1, [NO_ANSWER, CANCELLED])))
    console = Console(file=io.StringIO(), width=80, record=True)

    async with reported(ledger) as (_, report):
        show_report(report, console)

    shown = console.export_text()
    assert "confirmed 90.0%" in shown
    assert "goal reached" in shown
    assert "attempt 2" in shown
    assert "1 of 10 decided" in shown


async def _prepare(url: str) -> None:
    from dialer.ledger.store import Ledger

    ledger = Ledger(url)
    await tell(ledger, stories((3, [CONFIRMED]), (1, [CANCELLED])))
    await ledger.close()


def test_the_command_prints_json_and_saves_files(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    from dialer.cli.report import command
    from dialer.settings import settings

    asyncio.run(_prepare(database_url))
    monkeypatch.setenv("DIALER_DATABASE_URL", database_url)
    settings.cache_clear()
    page, table = tmp_path / "report.html", tmp_path / "orders.csv"

    result = CliRunner().invoke(command, ["Ночной обзвон", "--json", "--html", str(page), "--csv", str(table)])
    settings.cache_clear()

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["confirmation_rate"] == 0.75
    assert "75,0" in page.read_text("utf-8")
    assert len(table.read_text("utf-8-sig").splitlines()) == 5
