"""The orders API client against the simulated shop: what is acknowledged, refused, and worth another try."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from dialer.errors import ConfigError, OrdersApiError
from dialer.orders_api import OrdersApi
from dialer.settings import OrdersApiSettings
from dialer.simulator.shop import SimulatedShop
from dialer.simulator.shop_faults import Fault, FaultPlan

TOKEN = "shop-token"


def api_of(shop: SimulatedShop, *, token: str = TOKEN, timeout_s: float = 5.0) -> OrdersApi:
    return OrdersApi(OrdersApiSettings(url=shop.url + "/", token=SecretStr(token), timeout_s=timeout_s))


@pytest.fixture
async def shop() -> AsyncIterator[SimulatedShop]:
    async with SimulatedShop(token=TOKEN) as shop:
        yield shop


@pytest.fixture
async def api(shop: SimulatedShop) -> AsyncIterator[OrdersApi]:
    api = api_of(shop)
    yield api
    await api.close()


async def test_a_decision_arrives_as_the_brief_writes_it(shop: SimulatedShop, api: OrdersApi) -> None:
    await api.update_order("45678", "confirmed", {"address": "улица Лесная, 5"}, "key-1")

    order = shop.order("45678")
    assert order is not None
    assert (order.status, order.confirmation_data) == ("confirmed", {"address": "улица Лесная, 5"})
    assert [entry["key"] for entry in shop.effects] == ["key-1"]


@pytest.mark.parametrize("order_id", ["А-17/3 №5", "../admin", "a?b=c#d", "50%", "x y;z", "..a", "%2e%2e"])
async def test_any_order_id_stays_one_path_segment(shop: SimulatedShop, api: OrdersApi, order_id: str) -> None:
    await api.update_order(order_id, "confirmed", {}, "key-1")

    assert [effect["order_id"] for effect in shop.effects] == [order_id]


async def test_a_repeated_key_has_one_effect_and_the_same_answer(shop: SimulatedShop, api: OrdersApi) -> None:
    for _ in range(3):
        await api.update_order("1", "cancelled", {}, "key-1")

    assert len(shop.effects) == 1
    assert [entry["http_status"] for entry in shop.log if entry["kind"] == "request"] == [200, 200, 200]


@pytest.mark.parametrize("fault", [Fault("drop_after"), Fault("late", hang_s=60.0)], ids=["lost", "too late"])
async def test_an_answer_that_does_not_come_is_asked_for_again_without_a_second_effect(
    shop: SimulatedShop, fault: Fault
) -> None:
    shop.faults = FaultPlan(next=deque([fault]))
    api = api_of(shop, timeout_s=0.5)

    with pytest.raises(OrdersApiError) as lost:
        await api.update_order("1", "confirmed", {}, "key-1")
    await api.update_order("1", "confirmed", {}, "key-1")
    await api.close()

    assert not lost.value.permanent
    assert len(shop.effects) == 1


async def test_the_shops_record_can_be_asked(shop: SimulatedShop, api: OrdersApi) -> None:
    shop.preset("7", "paid")

    assert (await api.get_order("7") or {})["status"] == "paid"
    assert (await api.get_order("8") or {})["status"] == "new"


async def test_an_unknown_order_is_none_for_get_and_permanent_for_patch() -> None:
    async with SimulatedShop(strict=True) as shop:
        api = api_of(shop)

        assert await api.get_order("9") is None
        with pytest.raises(OrdersApiError) as refused:
            await api.update_order("9", "confirmed", {}, "key-1")
        await api.close()

    assert (refused.value.status, refused.value.permanent) == (404, True)


@pytest.mark.parametrize(
    ("status", "permanent"),
    [
        *[(status, True) for status in (301, 400, 401, 403, 404, 422)],
        *[(status, False) for status in (408, 409, 425, 429, 500, 502, 503)],
    ],
)
async def test_only_refusals_that_will_not_pass_are_permanent(
    shop: SimulatedShop, api: OrdersApi, status: int, permanent: bool
) -> None:
    shop.faults = FaultPlan(next=deque([Fault("status", status)]))

    with pytest.raises(OrdersApiError) as refused:
        await api.update_order("1", "confirmed", {}, "key-1")

    assert (refused.value.status, refused.value.permanent) == (status, permanent)
    assert shop.effects == []


@pytest.mark.parametrize(("asked_s", "heard_s"), [(7.0, 7.0), (None, None), (9e9, None)])
async def test_retry_after_is_handed_on(
    shop: SimulatedShop, api: OrdersApi, asked_s: float | None, heard_s: float | None
) -> None:
    shop.faults = FaultPlan(next=deque([Fault("status", 429, retry_after_s=asked_s)]))

    with pytest.raises(OrdersApiError) as refused:
        await api.update_order("1", "confirmed", {}, "key-1")

    assert refused.value.retry_after_s == heard_s


async def test_silence_ends_at_the_timeout(shop: SimulatedShop) -> None:
    shop.faults = FaultPlan(next=deque([Fault("hang")]))
    api = api_of(shop, timeout_s=0.1)

    with pytest.raises(OrdersApiError, match=r"no answer within 0\.1 s") as late:
        await api.update_order("1", "confirmed", {}, "key-1")
    await api.close()

    assert (late.value.status, late.value.permanent) == (None, False)


async def test_a_dropped_connection_and_a_closed_port_may_pass(shop: SimulatedShop, api: OrdersApi) -> None:
    shop.faults = FaultPlan(next=deque([Fault("drop")]))

    with pytest.raises(OrdersApiError) as dropped:
        await api.update_order("1", "confirmed", {}, "key-1")
    gone = OrdersApi(OrdersApiSettings(url="http://127.0.0.1:1"))
    with pytest.raises(OrdersApiError) as refused:
        await gone.get_order("1")
    await gone.close()

    assert not dropped.value.permanent
    assert not refused.value.permanent


async def test_a_wrong_token_is_refused_and_never_named(shop: SimulatedShop) -> None:
    api = api_of(shop, token="wrong-secret")

    with pytest.raises(OrdersApiError) as refused:
        await api.update_order("1", "confirmed", {"address": "Лесная"}, "key-1")
    await api.close()

    assert refused.value.status == 401
    assert "wrong-secret" not in str(refused.value)
    assert "Лесная" not in str(refused.value)
    assert shop.effects == []


def test_an_address_that_is_no_url_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match=r"orders_api\.url"):
        OrdersApi(OrdersApiSettings(url="shop.example"))


async def test_seeded_faults_lose_and_double_nothing(shop: SimulatedShop, api: OrdersApi) -> None:
    """Given a shop that fails half of the time, when every delivery is repeated until acknowledged."""
    shop.faults = FaultPlan(seed=7, error_rate=0.2, busy_rate=0.1, drop_rate=0.1, drop_after_rate=0.2)

    for number in range(60):
        while True:
            try:
                await api.update_order(str(number), "confirmed", {}, f"key-{number}")
                break
            except OrdersApiError as error:
                assert not error.permanent

    assert [effect["order_id"] for effect in shop.effects] == [str(number) for number in range(60)]
    assert sum(1 for entry in shop.log if entry["kind"] == "request") > 80


async def test_control_endpoints_preset_orders_and_faults(shop: SimulatedShop, api: OrdersApi) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.put(shop.url + "/_orders", json={"5": "cancelled"}) as answer:
            assert answer.status == 200
        async with session.post(shop.url + "/_faults", json={"next": [{"kind": "status", "status": 503}]}) as answer:
            assert answer.status == 200
        async with session.post(shop.url + "/_faults", json={"error_rate": 7}) as answer:
            assert answer.status == 400

    with pytest.raises(OrdersApiError):
        await api.get_order("5")
    assert (await api.get_order("5") or {})["status"] == "cancelled"


def test_the_shop_as_a_process_announces_itself_logs_and_ends_on_sigterm(tmp_path: Path) -> None:
    ready, log, orders = tmp_path / "ready.json", tmp_path / "shop.jsonl", tmp_path / "orders.json"
    orders.write_text('{"2": "paid"}')
    command = [sys.executable, "-m", "dialer.simulator.shop", "--log", log, "--ready", ready, "--orders", orders]
    process = subprocess.Popen(command, env={**os.environ, "SHOP_TOKEN": TOKEN})
    try:
        url = json.loads(wait_for(ready, timeout_s=20))["url"]
        paid = asyncio.run(deliver_and_ask(url))
    finally:
        process.send_signal(signal.SIGTERM)
        exit_code = process.wait(10)

    entries = [json.loads(line) for line in log.read_text().splitlines()]
    assert exit_code == 0
    assert paid["status"] == "paid"
    assert [(entry["kind"], entry["method"]) for entry in entries] == [
        ("effect", "PATCH"),
        ("request", "PATCH"),
        ("request", "GET"),
    ]


def wait_for(path: Path, timeout_s: float) -> str:
    """The file's text once another process has written it."""
    deadline = time.monotonic() + timeout_s
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} was not written"
        time.sleep(0.02)
    return path.read_text()


async def deliver_and_ask(url: str) -> dict[str, Any]:
    api = OrdersApi(OrdersApiSettings(url=url, token=SecretStr(TOKEN)))
    await api.update_order("1", "confirmed", {}, "key-1")
    record = await api.get_order("2")
    await api.close()
    return record or {}
