"""Orders, attempts, transcripts, recordings, the do-not-call list: what is shown, and to whom."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from dialer.domain.outcome import Decision, Disposition, Outcome
from tests.support.factories import CONFIRMED, NO_ANSWER, make_campaign, make_order, order_of, release
from tests.support.stories import tell

if TYPE_CHECKING:
    from httpx2 import AsyncClient

    from dialer.ledger.store import Ledger
    from dialer.settings import Settings

NEW_ADDRESS = Outcome(Disposition.ANSWERED, Decision.ADDRESS_CHANGED, {"address": "Тула"}, talk_s=40.0)
FILES = {"recording": "calls/1/a.wav", "transcript": "calls/1/a.json"}


async def told(ledger: Ledger) -> None:
    """Three orders: confirmed at once, confirmed at the second call with a new address, still waiting."""
    stories = [[CONFIRMED], [NO_ANSWER, NEW_ADDRESS], [NO_ANSWER, NO_ANSWER]]
    orders = [make_order(order_id=f"N-{number}", phone=f"+791600000{number:02d}") for number in range(3)]
    await tell(ledger, list(zip(orders, stories, strict=True)), artifacts=FILES, name="night")


async def items(client: AsyncClient, url: str, **params: Any) -> list[dict[str, Any]]:
    answer = await client.get(url, params=params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_orders_are_filtered_and_paged(ledger: Ledger, reader: AsyncClient) -> None:
    await told(ledger)
    await make_campaign(ledger, 2, name="other")
    url = "/api/v1/orders"

    assert len(await items(reader, url)) == 5
    assert [item["order_id"] for item in await items(reader, url, campaign="night")] == ["N-0", "N-1", "N-2"]
    assert [item["order_id"] for item in await items(reader, url, state="waiting")] == ["N-2"]
    assert [item["order_id"] for item in await items(reader, url, decision="address_changed")] == ["N-1"]
    assert [item["campaign"] for item in await items(reader, url, order_id="N-2")] == ["night"]
    assert await items(reader, url, campaign="night", disposition="busy") == []
    first = (await reader.get(url, params={"campaign": "night", "limit": 2})).json()
    second = (await reader.get(url, params={"campaign": "night", "limit": 2, "after": first["next"]})).json()
    assert [item["order_id"] for item in [*first["items"], *second["items"]]] == ["N-0", "N-1", "N-2"]
    assert second["next"] is None
    assert (await reader.get(url, params={"campaign": "nobody"})).status_code == 404
    assert (await reader.get(url, params={"limit": 0})).json()["field"] == "limit"


async def test_phone_numbers_are_masked_unless_control_asks(
    ledger: Ledger, reader: AsyncClient, control: AsyncClient
) -> None:
    await told(ledger)
    url = "/api/v1/orders"

    assert {item["phone"] for item in await items(reader, url)} == {f"+7 916 ***-**-0{n}" for n in range(3)}
    assert (await reader.get(url, params={"unmask": True})).status_code == 403
    assert (await items(control, url))[0]["phone"] == "+7 916 ***-**-00"
    assert (await items(control, url, unmask=True))[0]["phone"] == "+79160000000"


async def test_orders_are_found_by_phone(ledger: Ledger, reader: AsyncClient) -> None:
    await told(ledger)

    found = await reader.post("/api/v1/orders/search", json={"phone": "8 (916) 000-00-01"})
    wrong = await reader.post("/api/v1/orders/search", json={"phone": "12"})

    assert [item["order_id"] for item in found.json()["items"]] == ["N-1"]
    assert wrong.status_code == 404


async def test_one_order_has_its_whole_story(ledger: Ledger, reader: AsyncClient) -> None:
    await told(ledger)
    pk = (await items(reader, "/api/v1/orders", order_id="N-1"))[0]["pk"]

    order = (await reader.get(f"/api/v1/orders/{pk}")).json()

    assert [(each["number"], each["disposition"]) for each in order["tries"]] == [(1, "no_answer"), (2, "answered")]
    assert (order["customer_name"], order["data"]) == ("Анна Иванова", {"address": "Тула"})
    assert order["delivery"] == "pending"
    assert (await reader.get("/api/v1/orders/999999")).status_code == 404


async def test_attempts_are_filtered_and_paged_with_live_ones_first(ledger: Ledger, reader: AsyncClient) -> None:
    await told(ledger)
    await make_campaign(ledger, 3, name="live")
    await release(ledger)
    url = "/api/v1/attempts"

    seen, after = [], None
    for _ in range(20):
        page = (await reader.get(url, params={"limit": 2} | ({"after": after} if after else {}))).json()
        seen += page["items"]
        after = page["next"]
        if after is None:
            break

    assert len({item["attempt_id"] for item in seen}) == len(seen) == len(await items(reader, url)) == 8
    ends = [item["ended_at"] for item in seen]
    assert ends[:3] == [None] * 3
    assert ends[3:] == sorted(ends[3:], reverse=True)
    assert len(await items(reader, url, live=True)) == 3
    assert len(await items(reader, url, live=False)) == 5
    assert len(await items(reader, url, campaign="night", disposition="no_answer")) == 3
    assert len(await items(reader, url, decision="confirmed")) == 1
    assert (await reader.get(url, params={"after": "~"})).json()["field"] == "after"


async def test_a_call_can_be_read_and_heard(ledger: Ledger, reader: AsyncClient, web_settings: Settings) -> None:
    await told(ledger)
    folder = web_settings.home / "calls" / "1"
    folder.mkdir(parents=True)
    lines = [{"at_s": 0.1, "who": "bot", "text": "Здравствуйте!"}, {"at_s": 2.5, "who": "customer", "text": "Да"}]
    (folder / "a.json").write_text(json.dumps({"lines": lines}), "utf-8")
    (folder / "a.wav").write_bytes(bytes(range(200)))
    attempt_id = (await items(reader, "/api/v1/attempts", decision="confirmed"))[0]["attempt_id"]

    call = (await reader.get(f"/api/v1/attempts/{attempt_id}")).json()
    whole = await reader.get(call["recording_url"])
    part = await reader.get(call["recording_url"], headers={"Range": "bytes=10-19"})

    assert [(line["who"], line["text"]) for line in call["transcript"]] == [
        ("bot", "Здравствуйте!"),
        ("customer", "Да"),
    ]
    assert (whole.status_code, whole.headers["Content-Type"], len(whole.content)) == (200, "audio/wav", 200)
    assert (part.status_code, part.content) == (206, bytes(range(10, 20)))


async def test_files_that_are_gone_are_not_found(ledger: Ledger, reader: AsyncClient) -> None:
    await told(ledger)
    attempt_id = (await items(reader, "/api/v1/attempts", decision="confirmed"))[0]["attempt_id"]

    assert (await reader.get(f"/api/v1/attempts/{attempt_id}")).json()["transcript"] is None
    assert (await reader.get(f"/api/v1/attempts/{attempt_id}/recording")).status_code == 404
    assert (await reader.get("/api/v1/attempts/none/recording")).status_code == 404


async def test_nothing_outside_of_home_is_served(ledger: Ledger, reader: AsyncClient, web_settings: Settings) -> None:
    await told(ledger)
    (web_settings.home.parent / "secret.wav").write_bytes(b"secret")
    async with ledger.begin() as tx:
        await tx.execute(text("""UPDATE attempts SET artifacts = '{"recording": "../secret.wav"}'"""))
    attempt_id = (await items(reader, "/api/v1/attempts", decision="confirmed"))[0]["attempt_id"]

    assert (await reader.get(f"/api/v1/attempts/{attempt_id}/recording")).status_code == 404


async def test_numbers_go_on_the_do_not_call_list_and_off_it(ledger: Ledger, control: AsyncClient) -> None:
    url = "/api/v1/do-not-call"

    added = await control.post(url, json={"phones": ["8 916 123-45-67", "+7 916 123 45 67", "89160000001"]})
    page = (await control.get(url, params={"limit": 1})).json()
    rest = (await control.get(url, params={"limit": 1, "after": page["next"]})).json()
    removed = await control.post(f"{url}/remove", json={"phones": ["89160000001", "89160000002"]})
    mixed = await control.post(url, json={"phones": ["12", "89160000009"]})

    assert (added.json(), removed.json()) == ({"changed": 2, "rejected": []}, {"changed": 1, "rejected": []})
    assert [item["phone"] for item in [*page["items"], *rest["items"]]] == ["+79160000001", "+79161234567"]
    assert (mixed.json()["changed"], [bad["index"] for bad in mixed.json()["rejected"]]) == (1, [0])
    assert len((await control.get(url)).json()["items"]) == 2


async def test_the_do_not_call_list_is_shown_to_control_only(reader: AsyncClient, enqueuer: AsyncClient) -> None:
    shown = [(await client.get("/api/v1/do-not-call")).status_code for client in (reader, enqueuer)]

    assert shown == [403, 403]


async def test_an_order_of_a_live_campaign_tells_when_it_is_called_next(ledger: Ledger, reader: AsyncClient) -> None:
    campaign = await make_campaign(ledger, 1)
    row = await order_of(ledger, campaign)

    (item,) = await items(reader, "/api/v1/orders", campaign=campaign.name)

    assert item["due_at"].replace("Z", "+00:00") == row.due_at.isoformat()
