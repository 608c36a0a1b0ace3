"""Campaigns by API: scopes, the life of a campaign, problems that name the field."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.web.conftest import client_of
from tests.support.factories import make_campaign

if TYPE_CHECKING:
    from fastapi import FastAPI
    from httpx2 import AsyncClient

    from dialer.ledger.store import Ledger

URL = "/api/v1/campaigns"


async def test_a_campaign_is_created_changed_started_paused_resumed_and_stopped(control: AsyncClient) -> None:
    wanted = {"name": "Ночной обзвон", "lines": 7, "window": {"start": "09:30"}, "cron": "0 22 * * *"}
    made = await control.post(URL, json=wanted)
    place = made.headers["Location"]

    changed = await control.patch(place, json={"cron": None, "window": {"weekdays": [5, 1, 1]}})
    states = [(await control.post(f"{place}/{verb}")).json()["state"] for verb in ("start", "pause", "resume", "stop")]

    assert made.status_code == 201
    assert made.json()["next_opening_at"].endswith("22:00:00+03:00")
    assert changed.json()["next_opening_at"] is None
    plan = changed.json()["plan"]
    assert (plan["lines"], plan["cron"], plan["script"]) == (7, None, "delivery")
    assert plan["window"] == {
        "start": "09:30:00",
        "end": "21:00:00",
        "timezone": "Europe/Moscow",
        "weekdays": [1, 5],
        "valid_from": None,
        "valid_until": None,
    }
    assert states == ["running", "paused", "running", "stopped"]
    assert (await control.get(place)).json()["orders"]["new"] == 0
    assert [item["name"] for item in (await control.get(URL)).json()["items"]] == ["Ночной обзвон"]
    assert (await control.get(URL, params={"state": "running"})).json() == {"items": []}


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"name": "a", "lines": 0}, "lines"),
        ({"name": "a", "line": 5}, "line"),
        ({"name": "a", "window": {"start": "25:00"}}, "window.start"),
        ({"name": "a", "window": {"timezone": "Europe/Nowhere"}}, "timezone"),
        ({"name": "a", "cron": "every night"}, "cron"),
        ({"name": "a", "script": "../../etc/passwd"}, "script"),
        ({"name": "a/b"}, "name"),
        ({"name": "a\u0000"}, "name"),
        ({}, "name"),
    ],
)
async def test_a_wrong_field_is_named(control: AsyncClient, wanted: dict[str, object], field: str) -> None:
    answer = await control.post(URL, json=wanted)

    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["field"], problem["status"], problem["type"]) == (field, 422, "about:blank")
    assert problem["errors"][0]["reason"]


async def test_fields_that_contradict_each_other_are_named(control: AsyncClient) -> None:
    made = await control.post(URL, json={"name": "a", "window": {"start": "12:00", "end": "11:00"}})
    await control.post(URL, json={"name": "b", "window": {"start": "12:00"}})
    changed = await control.patch(f"{URL}/b", json={"window": {"end": "11:59"}})

    assert [(answer.status_code, answer.json()["field"]) for answer in (made, changed)] == [(409, "window.end")] * 2


async def test_a_name_that_is_taken_and_a_step_that_does_not_fit_are_conflicts(control: AsyncClient) -> None:
    await control.post(URL, json={"name": "a"})

    again = await control.post(URL, json={"name": "a"})
    resumed = await control.post(f"{URL}/a/resume")

    assert (again.status_code, resumed.status_code) == (409, 409)
    assert "exists already" in again.json()["detail"]


async def test_what_is_not_there_is_not_found(control: AsyncClient) -> None:
    for answer in (
        await control.get(f"{URL}/nobody"),
        await control.get(f"{URL}/nobody/report"),
        await control.post(f"{URL}/nobody/start"),
        await control.get("/nowhere"),
    ):
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["title"] == "Not Found"


async def test_json_that_is_none_is_a_bad_request(control: AsyncClient) -> None:
    answer = await control.post(URL, content=b'{"name": ', headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert answer.json()["status"] == 400


@pytest.mark.parametrize(
    ("token", "statuses"),
    [
        (None, (401, 401, 401)),
        ("wrong", (401, 401, 401)),
        ("", (401, 401, 401)),
        ("read-token", (200, 403, 403)),
        ("enqueue-token", (200, 200, 403)),
        ("control-token", (200, 200, 201)),
    ],
)
async def test_each_scope_includes_the_smaller_ones(
    app: FastAPI, ledger: Ledger, token: str | None, statuses: tuple[int, ...]
) -> None:
    campaign = await make_campaign(ledger)
    rows = {"orders": [{"order_id": "1", "phone": "8 916 123-45-67", "amount": 10}]}

    async with client_of(app, token) as client:
        looked = await client.get(URL)
        enqueued = await client.post(f"{URL}/{campaign.name}/batches", json=rows)
        created = await client.post(URL, json={"name": "new"})

    assert (looked.status_code, enqueued.status_code, created.status_code) == statuses
    if statuses[0] == 401:
        assert looked.headers["WWW-Authenticate"].startswith("Bearer")


async def test_the_report_is_the_report(ledger: Ledger, reader: AsyncClient) -> None:
    campaign = await make_campaign(ledger, 3)

    report = (await reader.get(f"{URL}/{campaign.name}/report")).json()

    assert (report["orders"], report["decided"], report["confirmation_rate"]) == (3, 0, None)
