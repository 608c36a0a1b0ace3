"""Board, API, command line, report.html, tables and metrics against the ledger itself, while a campaign runs."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from dialer import campaigns
from dialer.cli import cli
from dialer.domain.outcome import Decision, Disposition, Outcome
from dialer.ledger.store import Ledger
from dialer.settings import settings
from dialer.web.app import create_app
from tests.integration.web.conftest import CONTROL, client_of
from tests.integration.web.test_health_and_metrics import samples
from tests.support.factories import CONFIRMED, NO_ANSWER, NOW, make_campaign, make_order, release_and_claim, settle
from tests.support.stories import ROUND, step_after

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from httpx2 import AsyncClient

    from dialer.settings import Settings

NAME = "night"
CANCELLED = Outcome(Disposition.ANSWERED, Decision.CANCELLED, talk_s=16.0)
HUNG_UP = Outcome(Disposition.HUNG_UP, talk_s=4.5)
#: Every round's outcomes, for as many orders as are called in it.
STORIES = [
    *[[CONFIRMED]] * 5,
    *[[NO_ANSWER, CONFIRMED]] * 3,
    *[[HUNG_UP, CANCELLED]] * 2,
    *[[NO_ANSWER] * 4] * 2,
    *[[Outcome(Disposition.ANSWERED, Decision.ADDRESS_CHANGED, {"address": "Тула"}, talk_s=31.0)]],
    *[[NO_ANSWER, NO_ANSWER, Outcome(Disposition.ANSWERED, Decision.NEEDS_OPERATOR, talk_s=50.0)]],
]
Numbers = dict[str, float]

_TRUTH = text(
    """
    SELECT (SELECT count(*) FROM orders) AS orders,
        (SELECT count(*) FROM orders WHERE state = 'decided') AS decided,
        (SELECT count(*) FROM orders WHERE state = 'unreachable') AS unreachable,
        (SELECT count(*) FROM orders WHERE state = 'waiting') AS waiting,
        (SELECT count(*) FROM orders WHERE state IN ('queued', 'dialing', 'talking')) AS live,
        (SELECT count(*) FROM orders WHERE decision IN ('confirmed', 'address_changed', 'date_changed')) AS confirmed,
        (SELECT count(*) FROM orders WHERE decision = 'cancelled') AS cancelled,
        (SELECT count(*) FROM attempts WHERE ended_at IS NOT NULL AND disposition <> 'not_dialed') AS ended,
        (SELECT count(*) FROM attempts WHERE disposition = 'no_answer') AS no_answer,
        (SELECT coalesce(sum(talk_s), 0) FROM attempts) AS talk_s,
        (SELECT count(*) FROM outbox WHERE delivered_at IS NULL AND dead_at IS NULL) AS pending
    """
)


async def _truth(ledger: Ledger) -> Numbers:
    async with ledger.begin() as tx:
        return {name: float(value) for name, value in (await tx.execute(_TRUTH)).mappings().one().items()}


def _of_report(report: dict[str, Any]) -> Numbers:
    counted = ("orders", "decided", "unreachable", "confirmed", "cancelled")
    states = report["states"]
    return {name: report[name] for name in counted} | {
        "waiting": states["waiting"],
        "live": states["queued"] + states["dialing"] + states["talking"],
        "ended": sum(step["attempts"] - step["live"] for step in report["funnel"]),
        "no_answer": report["dispositions"].get("no_answer", 0),
        "talk_s": report["total_talk_s"],
        "pending": report["deliveries"]["pending"],
    }


def _said(html: str) -> str:
    """A page's words, spaces of any kind alike."""
    body = re.sub(r"<(style|script|svg).*?</\1>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)).replace("\u202f", " ")


def _number_after(words: str, said: str) -> float:
    found = re.search(rf"{words} (\d+)", said)
    return float(found[1]) if found else 0.0


def _of_page(said: str, names: dict[str, str]) -> Numbers:
    goal = re.search(r"(\d+) из (\d+) реш", said)
    assert goal
    tile = re.search(r"Отменено (?:—|[\d,]+ %) (\d+) из", said)
    lost = re.search(r"Не дозвонились (?:—|[\d,]+ %) (\d+) из", said)
    assert tile
    assert lost
    return {
        "confirmed": float(goal[1]),
        "decided": float(goal[2]),
        "cancelled": float(tile[1]),
        "unreachable": float(lost[1]),
    } | {name: _number_after(words, said) for name, words in names.items()}


def _rows(table: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table.removeprefix("\ufeff")), delimiter=";"))


def _of_tables(orders: str, calls: str) -> Numbers:
    lines, dials = _rows(orders), _rows(calls)
    states = [line["state"] for line in lines]
    return {
        "orders": len(lines),
        "decided": states.count("decided"),
        "unreachable": states.count("unreachable"),
        "waiting": states.count("waiting"),
        "cancelled": sum(line["decision"] == "cancelled" for line in lines),
        "pending": sum(line["delivery"] == "pending" for line in lines),
        "ended": len(dials),
        "no_answer": sum(dial["disposition"] == "no_answer" for dial in dials),
        "talk_s": sum(float(dial["talk_s"].replace(",", ".")) for dial in dials),
    }


def _of_metrics(scraped: str) -> Numbers:
    found = samples(scraped)

    def total(name: str, *labels: str) -> float:
        keys = [key for key in found if key[0] == name and all(label in key for label in labels)]
        return sum(found[key] for key in keys)

    return {
        "orders": total("dialer_orders"),
        "decided": total("dialer_orders", "decided"),
        "unreachable": total("dialer_orders", "unreachable"),
        "waiting": total("dialer_orders", "waiting"),
        "live": total("dialer_lines_in_use"),
        "cancelled": total("dialer_decisions_total", "cancelled"),
        "ended": total("dialer_attempts_total"),
        "no_answer": total("dialer_attempts_total", "no_answer"),
        "talk_s": total("dialer_talk_seconds_total"),
        "pending": total("dialer_outbox_pending"),
    }


def _of_analytics(found: dict[str, Any]) -> Numbers:
    groups = found["groups"]
    totals = {
        name: {key: sum(bucket[key] for bucket in buckets) for key in ("attempts", "decided", "confirmed")}
        for name, buckets in groups.items()
    }
    assert len({json.dumps(total) for total in totals.values()}) == 1, "hours, weekdays, numbers, regions add up alike"
    total = totals["hour"]
    return {"ended": total["attempts"], "decided": total["decided"], "confirmed": total["confirmed"]}


def _by_command_line(folder: Path) -> dict[str, Numbers]:
    """What `dialer report` prints and saves."""
    html, orders, calls = (folder / name for name in ("r.html", "o.csv", "c.csv"))
    saved = ["--html", str(html), "--csv", str(orders), "--calls", str(calls)]
    ran = CliRunner().invoke(cli, ["report", NAME, "--json", *saved], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    words = {"waiting": "Ждут повторного звонка", "orders": "Заказов", "pending": "Решения ждут отправки"}
    return {
        "dialer report": _of_report(json.loads(ran.output)),
        "report.html": _of_page(_said(html.read_text("utf-8")), words),
        "saved tables": _of_tables(orders.read_text("utf-8"), calls.read_text("utf-8")),
    }


async def _faces(client: AsyncClient, folder: Path) -> dict[str, Numbers]:
    async def body(path: str) -> str:
        answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        return str(answer.text)

    api = f"/api/v1/campaigns/{NAME}"
    states = json.loads(await body(api))["orders"]
    await client.post("/board/login", data={"token": CONTROL})
    board = _said(await body("/board/campaigns/1?lang=ru"))
    words = {"waiting": "Ждёт повтора", "live": "Звонки сейчас", "no_answer": "Не ответил"}
    return {
        "campaign by API": {name: states[name] for name in ("decided", "unreachable", "waiting")},
        "report by API": _of_report(json.loads(await body(f"{api}/report"))),
        "analytics by API": _of_analytics(json.loads(await body(f"{api}/analytics"))),
        "tables by API": _of_tables(await body(f"{api}/orders.csv"), await body(f"{api}/calls.csv")),
        "metrics": _of_metrics(await body("/metrics")),
        "board": _of_page(board, words),
        **await asyncio.to_thread(_by_command_line, folder),
    }


async def _moments(ledger: Ledger) -> AsyncIterator[str]:
    """A campaign of four rounds, looked at before, within and after them."""
    stories = {f"N{number}": story for number, story in enumerate(STORIES)}
    await make_campaign(ledger, [make_order(order_id=name) for name in stories], name=NAME, lines=9)
    yield "imported"
    for number in range(4):
        now, dialed = NOW + number * ROUND, 0
        while jobs := await release_and_claim(ledger, now=now + timedelta(minutes=dialed)):
            for place, job in enumerate(jobs):
                if place == len(jobs) // 2:
                    yield f"half of {len(jobs)} calls of round {number + 1} are over"
                outcome = stories[job.order.order_id][job.number - 1]
                end = now + timedelta(minutes=dialed, seconds=30)
                await settle(ledger, job.attempt_id, outcome, step=step_after(outcome, job.number), now=end)
            dialed += 1
        if number == 1:
            await campaigns.pause(ledger, NAME, now)
            yield "paused"
            await campaigns.resume(ledger, NAME, now)
    yield "all done"


@pytest.mark.timeout(180)
async def test_every_face_tells_what_the_ledger_holds(
    database_url: str, ledger: Ledger, web_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIALER_DATABASE_URL", database_url)
    monkeypatch.setenv("DIALER_HOME", str(tmp_path))
    settings.cache_clear()
    told = []
    async for moment in _moments(ledger):
        # A new application each time: the board's and the metrics' figures are kept for a second.
        async with client_of(create_app(web_settings, ledger), CONTROL) as client:
            faces = await _faces(client, tmp_path)
        truth = await _truth(ledger)
        for face, numbers in faces.items():
            assert numbers == {name: truth[name] for name in numbers}, f"{face}, when {moment}"
        told.append(moment)
    settings.cache_clear()

    assert truth["decided"] == 12
    assert truth["unreachable"] == 2
    assert len(told) > 6
