"""Batches by API: one result per row, one effect per idempotency key."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.factories import make_campaign

if TYPE_CHECKING:
    from httpx2 import AsyncClient

    from dialer.ledger.store import Ledger

URL = "/api/v1/campaigns/night/batches"
CSV = {"Content-Type": "text/csv"}


def row(number: int, **values: Any) -> dict[str, Any]:
    return {"order_id": str(number), "phone": f"8 916 000-{number:04d}"[:15], "amount": "3 200,00"} | values


@pytest.fixture(autouse=True)
async def _campaign(ledger: Ledger) -> None:
    await make_campaign(ledger, [], name="night", running=False)


async def orders_of(client: AsyncClient) -> list[str]:
    return [item["order_id"] for item in (await client.get("/api/v1/orders")).json()["items"]]


async def test_every_row_has_its_own_result(enqueuer: AsyncClient) -> None:
    await enqueuer.post(URL, json={"orders": [row(1)]})

    rows = [row(1), row(2), row(3, phone="12", amount="many"), row(2), {"order_id": "4"}, row(5, comment="подъезд 2")]
    answer = await enqueuer.post(URL, json={"orders": rows})

    body = answer.json()
    assert answer.status_code == 200
    assert [result["status"] for result in body["rows"]] == [
        *("duplicate", "accepted", "rejected", "duplicate", "rejected", "accepted")
    ]
    assert (body["accepted"], body["duplicates"], body["rejected"], body["repeated"]) == (2, 2, 2, False)
    assert [problem["field"] for problem in body["rows"][2]["problems"]] == ["phone", "amount"]
    assert {problem["field"] for problem in body["rows"][4]["problems"]} == {"phone", "amount"}
    assert await orders_of(enqueuer) == ["1", "2", "5"]


async def test_csv_is_read_as_the_import_reads_it(enqueuer: AsyncClient) -> None:
    text = "номер заказа;телефон;сумма;имя\n1;8 916 123-45-67;3 200,00;Анна\n2;нет;5;\n"

    answer = await enqueuer.post(URL, content=text.encode("cp1251"), headers=CSV)

    assert [result["status"] for result in answer.json()["rows"]] == ["accepted", "rejected"]
    assert answer.json()["rows"][1]["line"] == 3
    assert answer.json()["rows"][1]["problems"][0]["field"] == "phone"


@pytest.mark.parametrize(
    ("content", "kind", "status", "field"),
    [
        (b"a;b\n1;2\n", "text/csv", 422, "header"),
        (b'{"orders": []}', "application/json", 422, "orders"),
        (b'{"orders": [5]}', "application/json", 422, "orders.0"),
        (b'{"orders": [{}], "more": 1}', "application/json", 422, "more"),
        (b'{"orders": ', "application/json", 400, "body"),
        (b"<orders/>", "text/xml", 415, None),
    ],
)
async def test_a_batch_that_is_none_is_refused(
    enqueuer: AsyncClient, content: bytes, kind: str, status: int, field: str | None
) -> None:
    answer = await enqueuer.post(URL, content=content, headers={"Content-Type": kind})

    assert (answer.status_code, answer.json().get("field")) == (status, field)


async def test_a_repeated_key_gets_the_first_answer_and_adds_nothing(enqueuer: AsyncClient) -> None:
    key = {"Idempotency-Key": "7f3a"}
    rows = {"orders": [row(1), row(2, phone="12")]}

    first = await enqueuer.post(URL, json=rows, headers=key)
    await enqueuer.post(URL, json={"orders": [row(3)]})
    again = await enqueuer.post(URL, json=rows, headers=key)

    assert again.json() == first.json() | {"repeated": True}
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await orders_of(enqueuer) == ["1", "3"]


async def test_a_key_belongs_to_one_request(enqueuer: AsyncClient) -> None:
    key = {"Idempotency-Key": "7f3a"}
    await enqueuer.post(URL, json={"orders": [row(1)]}, headers=key)

    other = await enqueuer.post(URL, json={"orders": [row(2)]}, headers=key)

    assert other.status_code == 409
    assert await orders_of(enqueuer) == ["1"]


async def test_the_same_key_sent_many_times_at_once_has_one_effect(enqueuer: AsyncClient) -> None:
    rows = {"orders": [row(number) for number in range(1, 6)]}

    answers = await asyncio.gather(
        *(enqueuer.post(URL, json=rows, headers={"Idempotency-Key": "once"}) for _ in range(6))
    )

    assert sorted(answer.json()["repeated"] for answer in answers) == [False, *[True] * 5]
    assert {answer.json()["batch_id"] for answer in answers} == {answers[0].json()["batch_id"]}
    assert len(await orders_of(enqueuer)) == 5


async def test_a_stopped_campaign_takes_no_orders(control: AsyncClient) -> None:
    await control.post("/api/v1/campaigns/night/stop")

    answer = await control.post(URL, json={"orders": [row(1)]})

    assert answer.status_code == 409


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_above_the_limit_is_refused(enqueuer: AsyncClient, announced: bool) -> None:
    async def pieces() -> Any:
        for _ in range(40):
            yield b" " * 2**15

    content: Any = b" " * (2**20 + 1) if announced else pieces()

    answer = await enqueuer.post(URL, content=content, headers=CSV)

    assert answer.status_code == 413
    assert "1 MB" in answer.json()["detail"]
