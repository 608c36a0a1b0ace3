"""The board without a browser: sessions, forms that only our pages can send, escaping, events, analytics."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from dialer import campaigns, reports
from dialer.calls import SETTLED_IN_SHOP
from dialer.domain.campaign import CampaignState
from dialer.domain.outcome import Decision, Disposition, Outcome
from dialer.domain.policy import GiveUp
from dialer.ledger.campaigns import get_campaign
from dialer.reporting.names import skip_reason
from dialer.web.board import events
from tests.integration.web.conftest import CONTROL, READ, client_of
from tests.support.factories import (
    CONFIRMED,
    NO_ANSWER,
    NOW,
    make_campaign,
    make_order,
    release_and_claim,
    settle,
)
from tests.support.stories import tell

if TYPE_CHECKING:
    from fastapi import FastAPI
    from httpx2 import AsyncClient, Response

    from dialer.ledger.store import Ledger
    from dialer.settings import Settings

CANCELLED = Outcome(Disposition.ANSWERED, Decision.CANCELLED, talk_s=16.0)
OPERATOR = Outcome(Disposition.ANSWERED, Decision.NEEDS_OPERATOR, {"reason": "silence"}, talk_s=60.0)
_STARTED = "UPDATE campaigns SET started_at = now() - interval '10 min', created_at = now() - interval '10 min'"
EVIL = '<script>alert("x")</script>'


async def log_in(client: AsyncClient, token: str = CONTROL, **form: str) -> Response:
    return await client.post("/board/login", data={"token": token, **form})


def csrf_of(page: Response) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found
    return found[1]


async def state_of(ledger: Ledger, name: str) -> CampaignState:
    async with ledger.begin() as tx:
        campaign = await get_campaign(tx, name)
    assert campaign is not None
    return campaign.state


async def test_without_a_session_every_page_leads_to_the_login(stranger: AsyncClient) -> None:
    for path in ("/board", "/board/campaigns/1", "/board/campaigns/1/orders", "/board/calls/x", "/board/orders/1"):
        answer = await stranger.get(path)
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith("/board/login?next=")
    assert (await stranger.get("/board/campaigns/1/events")).status_code == 401
    assert (await stranger.post("/board/campaigns/1/pause")).status_code == 303


async def test_the_session_cookie_cannot_be_read_or_sent_by_others(stranger: AsyncClient) -> None:
    answer = await log_in(stranger, READ, next="/board/campaigns/7")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/board/campaigns/7")
    cookie = answer.headers["Set-Cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert READ not in cookie


async def test_a_wrong_token_opens_nothing_and_many_are_slowed_down(stranger: AsyncClient) -> None:
    answers = [await log_in(stranger, "wrong") for _ in range(11)]

    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    assert "Set-Cookie" not in answers[0].headers
    assert (await log_in(stranger)).status_code == 429


async def test_buttons_need_the_sessions_own_form(app: FastAPI, ledger: Ledger) -> None:
    campaign = await make_campaign(ledger, 1, name="night")
    place = f"/board/campaigns/{campaign.id}"

    async with client_of(app, None) as client:
        await log_in(client)
        csrf = csrf_of(await client.get(place))
        forged = [
            await client.post(f"{place}/pause"),
            await client.post(f"{place}/pause", data={"csrf": "x"}),
            await client.post(f"{place}/pause", data={"csrf": csrf}, headers={"Origin": "http://evil.example"}),
        ]
        before = await state_of(ledger, "night")
        pressed = await client.post(f"{place}/pause", data={"csrf": csrf}, headers={"Origin": "http://dialer.test"})
        unknown = await client.post(f"{place}/explode", data={"csrf": csrf})

    assert [answer.status_code for answer in forged] == [403] * 3
    assert before is CampaignState.RUNNING
    assert (pressed.status_code, pressed.headers["Location"]) == (303, place)
    assert await state_of(ledger, "night") is CampaignState.PAUSED
    assert unknown.status_code == 404


async def test_logging_out_ends_the_session(app: FastAPI) -> None:
    async with client_of(app, None) as client:
        await log_in(client)
        csrf = csrf_of(await client.get("/board"))
        await client.post("/board/logout", data={"csrf": csrf})

        assert (await client.get("/board")).status_code == 303


async def test_what_shops_and_customers_write_is_escaped(app: FastAPI, ledger: Ledger, web_settings: Settings) -> None:
    named = {"transcript": "calls/1/a.json"}
    changed = Outcome(Disposition.ANSWERED, Decision.ADDRESS_CHANGED, {"address": EVIL}, talk_s=9.0)
    campaign = await tell(ledger, [(make_order(order_id=EVIL), [changed])], artifacts=named, name=EVIL)
    folder = web_settings.home / "calls" / "1"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text(json.dumps({"lines": [{"at_s": 0, "who": "customer", "text": EVIL}]}), "utf-8")

    async with client_of(app, None) as client:
        await log_in(client)
        attempt = (await client.get("/api/v1/attempts", headers={"Authorization": f"Bearer {READ}"})).json()["items"][0]
        base = f"/board/campaigns/{campaign.id}"
        addresses = ["/board", base, f"{base}/orders", f"{base}/analytics", f"/board/calls/{attempt['attempt_id']}"]
        addresses.append(f"/board/orders/{attempt['order_pk']}")
        pages = [await client.get(address) for address in addresses]

    for page in pages:
        assert page.status_code == 200, page.text
        assert EVIL not in page.text
        assert "&lt;script&gt;" in page.text
        assert " style=" not in page.text


async def test_phone_numbers_are_masked_on_every_page(app: FastAPI, ledger: Ledger) -> None:
    campaign = await tell(ledger, [(make_order(phone="+79161234567"), [NO_ANSWER])], name="night")

    async with client_of(app, None) as client:
        await log_in(client)
        page = await client.get(f"/board/campaigns/{campaign.id}/orders")

    assert "+7 916 ***-**-67" in page.text
    assert "1234567" not in page.text


async def test_the_boards_numbers_are_the_reports(app: FastAPI, ledger: Ledger) -> None:
    campaign = await tell(ledger, [*((make_order(), [CONFIRMED]) for _ in range(7)), (make_order(), [CANCELLED])])
    async with ledger.begin() as tx:
        report = await reports.campaign_report(tx, campaign.name, NOW)

    snapshot = await app.state.snapshots.campaign(campaign.id)

    assert snapshot.report.as_json() | {"generated_at": 0} == report.as_json() | {"generated_at": 0}


async def test_events_carry_only_what_has_changed(
    ledger: Ledger, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "EVERY_S", 0)
    answers = [{"a": "1", "b": "1"}, {"a": "1", "b": "1"}, {"a": "1", "b": "2\n<b>"}]

    async with client_of(app, None) as client:
        await log_in(client)
        cookie = f"dialer_session={client.cookies['dialer_session']}".encode()
    scope: dict[str, Any] = {"type": "http", "app": app, "headers": [(b"cookie", cookie)], "query_string": b""}

    async def read() -> events.Regions:
        if not answers:
            raise asyncio.CancelledError
        return answers.pop(0)

    from starlette.requests import Request

    sent: list[str] = []
    with pytest.raises(asyncio.CancelledError):
        async for piece in events.stream(Request(scope), read).body_iterator:
            sent.append(str(piece))

    assert sent[0].startswith("retry:")
    assert [json.loads(piece.partition("data: ")[2]) for piece in sent[1:]] == [{"a": "1", "b": "1"}, {"b": "2\n<b>"}]
    assert all(piece.endswith("\n\n") and piece.count("\n\n") == 1 for piece in sent)


async def test_analytics_add_up_to_the_report(ledger: Ledger, web_settings: Settings, control: AsyncClient) -> None:
    stories = [[CONFIRMED], [NO_ANSWER, CONFIRMED], [NO_ANSWER, NO_ANSWER], [OPERATOR], [CANCELLED]]
    zones = ["Asia/Omsk", None, None, "Asia/Omsk", None]
    made = [(make_order(timezone=zone), story) for zone, story in zip(zones, stories, strict=True)]
    artifacts = {"sources": {"rules": 2, "llm": 1}, "cost_rub": 0.5}
    campaign = await tell(ledger, made, artifacts=artifacts, name="night")
    async with ledger.begin() as tx:
        report = await reports.campaign_report(tx, "night", NOW)
        found = await reports.campaign_analytics(tx, "night", web_settings.home)

    for group in found.groups.values():
        assert sum(bucket.attempts for bucket in group) == report.attempts == 7
        assert sum(bucket.decided for bucket in group) == report.decided == 4
        assert sum(bucket.confirmed for bucket in group) == report.confirmed == 2
    # NOW is a Monday, 12:00 in Moscow and 15:00 in Omsk; the second round comes two hours later.
    assert {bucket.key: bucket.attempts for bucket in found.hours if bucket.attempts} == {"12": 3, "14": 2, "15": 2}
    assert found.weekdays[0].attempts == 7
    assert found.regions[1].key == "Asia/Omsk"
    assert found.operator_reasons == {"silence": 1}
    assert found.sources == {"rules": 14, "llm": 7}
    assert found.cost.bot_rub == pytest.approx(3.5)
    assert found.cost.per_confirmed(found.cost.bot_rub) == 1.75
    assert found.cost.operator_rub > found.cost.bot_rub
    assert (await control.get("/api/v1/campaigns/night/analytics")).json()["cost"]["bot"]["total_rub"] == 3.5
    await log_in(control)
    file = await control.get(f"/board/campaigns/{campaign.id}/analytics.csv")
    rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig")), delimiter=";"))
    assert sum(int(row["attempts"]) for row in rows if row["group"] == "hour") == 7


async def test_errors_are_pages_in_the_readers_language(app: FastAPI) -> None:
    async with client_of(app, None) as client:
        await log_in(client)
        russian = await client.get("/board/campaigns/999")
        english = await client.get("/board/campaigns/999?lang=en")

    assert (russian.status_code, english.status_code) == (404, 404)
    assert "Такой страницы нет" in russian.text
    assert "There is no such page" in english.text


@pytest.mark.parametrize(
    ("language", "stopped", "last_call"),
    [("ru", "кампания остановлена", "Номер не существует"), ("en", "campaign stopped", "Invalid number")],
)
async def test_why_an_order_was_not_called_is_told_in_the_readers_language(
    app: FastAPI, ledger: Ledger, language: str, stopped: str, last_call: str
) -> None:
    # Given an order without a number that exists, and one that a stop has left out
    await make_campaign(ledger, [make_order(), make_order()], name="night", lines=1)
    (job,) = await release_and_claim(ledger)
    await settle(ledger, job.attempt_id, Outcome(Disposition.INVALID_NUMBER, cause=1), step=GiveUp())
    await campaigns.stop(ledger, "night")
    async with client_of(app, None) as client:
        await log_in(client)
        # When
        orders = (await client.get(f"/board/campaigns/1/orders?lang={language}", follow_redirects=True)).text
        pages = [(await client.get(f"/board/orders/{pk}", follow_redirects=True)).text for pk in (1, 2)]
    # Then
    assert stopped in orders
    assert any(stopped in page for page in pages)
    assert any(last_call in page for page in pages)
    assert not any(code in page for code in ("invalid_number", ">stopped<") for page in (orders, *pages))


def test_every_reason_for_not_calling_has_its_words() -> None:
    reasons = ["stopped", "expired", "do_not_call", *(f"settled in the shop: {status}" for status in SETTLED_IN_SHOP)]

    assert not [reason for reason in reasons if re.search("[a-z]", skip_reason(reason, "ru"))]


async def test_an_order_is_found_by_its_number_in_any_campaign(ledger: Ledger, stranger: AsyncClient) -> None:
    await make_campaign(ledger, [make_order(order_id="A-1"), make_order(order_id="A-2")], name="first")
    await make_campaign(ledger, [make_order(order_id="A-2")], name=EVIL)
    await log_in(stranger)

    once = await stranger.get("/board/orders?order=%20A-1")
    twice = await stranger.get("/board/orders?order=A-2")
    never = await stranger.get(f"/board/orders?order={EVIL}")

    assert once.headers["Location"] == "/board/orders/1"
    assert "25.11.2026, 10:00-14:00" in (await stranger.get("/board/orders/1")).text
    assert twice.text.count('href="/board/orders/') == 2
    assert EVIL not in twice.text
    assert EVIL not in never.text
    assert "Таких заказов нет" in never.text
    assert (await stranger.get("/board/orders?order=")).headers["Location"] == "/board"


async def test_the_board_says_what_keeps_a_campaign_from_calling(ledger: Ledger, app: FastAPI) -> None:
    await make_campaign(ledger, 1, name="night", now=await ledger.now())

    async def told(*statements: str) -> str:
        async with ledger.begin() as tx:
            for statement in statements:
                await tx.exec_driver_sql(statement)
        app.state.snapshots.forget()
        async with client_of(app, None) as client:
            await log_in(client)
            page = (await client.get("/board/campaigns/1?lang=ru")).text
        return re.sub(r"\s+", " ", " ".join(re.findall(r'class="notice[^>]*>([^<]+)<', page)))

    assert await told() == ""
    assert "1 заказ, хотя линии свободны" in await told("UPDATE orders SET due_at = now() - interval '5 min'", _STARTED)
    lost = await told(
        "INSERT INTO trunks (name, failures, paused_until) VALUES ('default', 5, now() + interval '5 min')",
        "INSERT INTO providers (worker, provider, healthy, since, reported_at) "
        "VALUES ('calls@a', 'hearing', false, now() - interval '5 min', now())",
    )
    assert "Линия связи default отдыхает" in lost
    assert "Распознавание речи: сбой. Новых звонков нет." in lost
    assert "линии свободны" not in lost
    assert "Пауза" in await told("UPDATE campaigns SET state = 'paused'")
