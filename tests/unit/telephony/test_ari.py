"""The ARI client's errors, and the events' way back after a loss, against a small HTTP server."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from dialer.errors import AriError, AriUnavailableError, ConflictError, MediaError
from dialer.settings import AriSettings
from dialer.telephony.ari import AriClient
from dialer.telephony.events import RECONCILED, VANISHED, AriEvents
from dialer.telephony.media import WebSocketOffer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FakeAri:
    """Answers every request by one function, and events WebSockets by holding them."""

    def __init__(self) -> None:
        self.answer: Handler = _not_found
        self.sockets: list[web.WebSocketResponse] = []
        self.opened = asyncio.Semaphore(0)
        self.refuse_events = 0
        self.logins: set[str | None] = set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.logins.add(request.headers.get("Authorization"))
        if request.path != "/ari/events":
            return await self.answer(request)
        if self.refuse_events:
            self.refuse_events -= 1
            return web.json_response({"message": "Unauthorized"}, status=401)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        self.opened.release()
        async for _ in socket:
            pass
        return socket


async def _not_found(_request: web.Request) -> web.StreamResponse:
    return web.json_response({"message": "Channel not found"}, status=404)


def answers(status: int, body: Any = None) -> Handler:
    """Answer everything alike."""

    async def handler(_request: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status)

    return handler


@pytest.fixture
async def server() -> AsyncIterator[tuple[FakeAri, AriSettings]]:
    fake = FakeAri()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", fake.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    settings = AriSettings(
        url=f"http://127.0.0.1:{port}/ari",
        password="s3cret",
        request_timeout_s=2.0,
        reconnect_min_s=0.01,
        reconnect_max_s=0.02,
    )
    yield fake, settings
    await runner.cleanup()


@pytest.fixture
async def ari(server: tuple[FakeAri, AriSettings]) -> AsyncIterator[AriClient]:
    client = AriClient(server[1], "app")
    yield client
    await client.close()


async def test_a_refusal_carries_its_status_and_words(server: tuple[FakeAri, AriSettings], ari: AriClient) -> None:
    server[0].answer = answers(422, {"message": "Channel not in Stasis application"})

    with pytest.raises(AriError, match="not in Stasis") as refusal:
        await ari.add_to_bridge("b", "a", "m")

    assert refusal.value.status == 422
    assert refusal.value.permanent


async def test_a_live_id_is_a_conflict(server: tuple[FakeAri, AriSettings], ari: AriClient) -> None:
    server[0].answer = answers(409, {"message": "Channel with given unique ID already exists"})

    with pytest.raises(ConflictError):
        await ari.create_channel("a", "PJSIP/1@trunk", {})


async def test_what_is_gone_is_no_error(ari: AriClient) -> None:
    assert not await ari.hangup("a")
    assert not await ari.destroy_bridge("b")
    assert await ari.channel("a") is None


async def test_a_bridge_that_is_just_being_destroyed_is_as_good_as_gone(
    server: tuple[FakeAri, AriSettings], ari: AriClient
) -> None:
    server[0].answer = answers(409, {"message": "Bridge not in Stasis application"})

    assert not await ari.destroy_bridge("b")


async def test_an_old_asterisk_is_named(server: tuple[FakeAri, AriSettings], ari: AriClient) -> None:
    server[0].answer = answers(200, {"id": "m", "channelvars": {}})

    with pytest.raises(MediaError, match="older than"):
        await WebSocketOffer.make(ari, "m", {})


async def _hang(_request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def _broken_json(_request: web.Request) -> web.StreamResponse:
    return web.Response(text="{", content_type="application/json")


async def _reset(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@pytest.mark.parametrize("answer", [_hang, _broken_json, _reset])
async def test_every_library_error_becomes_ours(server: tuple[FakeAri, AriSettings], answer: Handler) -> None:
    fake, settings = server
    fake.answer = answer
    client = AriClient(settings.model_copy(update={"request_timeout_s": 0.2}), "app")
    try:
        with pytest.raises(AriUnavailableError):
            await client.channel("a")
    finally:
        await client.close()


async def test_nobody_there_is_unavailable() -> None:
    client = AriClient(AriSettings(url="http://127.0.0.1:9/ari", request_timeout_s=1.0), "app")
    try:
        with pytest.raises(AriUnavailableError):
            await client.hangup("a")
        with pytest.raises(MediaError):
            await client.open_media("x")
    finally:
        await client.close()


async def test_the_login_is_sent_and_never_told(server: tuple[FakeAri, AriSettings], ari: AriClient) -> None:
    server[0].answer = answers(401, {"message": "Unauthorized"})

    with pytest.raises(AriError) as refusal:
        await ari.dial("a", 30)

    assert server[0].logins == {"Basic ZGlhbGVyOnMzY3JldA=="}
    assert "s3cret" not in str(refusal.value)
    assert "s3cret" not in repr(ari.__dict__)


async def test_events_find_their_listener_and_come_back_after_a_loss(
    server: tuple[FakeAri, AriSettings], ari: AriClient
) -> None:
    fake, settings = server
    events = AriEvents(ari, settings, random.Random(1))
    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    events.listen("gone", told.put_nowait)
    events.listen("not made yet", told.put_nowait)
    events.start()
    await events.wait_connected(5)
    events.confirm("gone")

    await fake.sockets[0].send_str(json.dumps({"type": "StasisStart", "channel": {"id": "gone"}}))
    await fake.sockets[0].send_str(json.dumps({"type": "StasisStart", "channel": {"id": "another's"}}))
    await fake.sockets[0].send_str(json.dumps({"type": "Dial", "dialstatus": "RINGING", "peer": {"id": "gone"}}))
    assert [(await told.get())["type"], (await told.get())["type"]] == ["StasisStart", "Dial"]

    fake.refuse_events = 2
    await fake.sockets[0].close()
    assert (await asyncio.wait_for(told.get(), 5))["type"] == VANISHED
    await events.wait_connected(5)

    fake.answer = answers(200, {"id": "gone", "state": "Up"})
    await fake.sockets[1].close()
    reconciled = await asyncio.wait_for(told.get(), 5)
    assert (reconciled["type"], reconciled["channel"]["state"]) == (RECONCILED, "Up")
    assert told.empty()  # a channel that is not made yet cannot have ended
    await events.close()


@pytest.mark.parametrize(
    "nonsense", ["{torn", "[]", "null", '"x"', "{}", '{"channel": 7}', '{"channel": {"id": "a"}}', '{"channel": {}}']
)
async def test_an_event_that_is_none_deafens_nobody(
    server: tuple[FakeAri, AriSettings], ari: AriClient, nonsense: str
) -> None:
    # Given
    fake, settings = server
    events = AriEvents(ari, settings, random.Random(1))
    told: asyncio.Queue[str] = asyncio.Queue()
    events.listen("a", lambda event: told.put_nowait(event["type"]))
    events.start()
    await events.wait_connected(5)
    # When
    await fake.sockets[0].send_str(nonsense)
    await fake.sockets[0].send_str(json.dumps({"type": "StasisStart", "channel": {"id": "a"}}))
    # Then the next one is heard, on the same connection
    assert await asyncio.wait_for(told.get(), 5) == "StasisStart"
    assert len(fake.sockets) == 1
    await events.close()


async def test_one_channel_has_one_listener(server: tuple[FakeAri, AriSettings], ari: AriClient) -> None:
    events = AriEvents(ari, server[1])
    first: list[Any] = []
    second: list[Any] = []
    events.listen("a", first.append)

    with pytest.raises(ConflictError):
        events.listen("a", second.append)
    events.forget("a", second.append)

    with pytest.raises(ConflictError):
        events.listen("a", second.append)


async def test_without_events_nobody_waits_for_ever(ari: AriClient) -> None:
    events = AriEvents(ari, AriSettings())

    with pytest.raises(AriUnavailableError):
        await events.wait_connected(0.01)


async def test_an_asterisk_that_is_starting_is_unavailable_and_refuses_nothing(
    server: tuple[FakeAri, AriSettings],
) -> None:
    # Given
    fake, settings = server
    fake.answer = answers(503, {"message": "Asterisk not booted"})
    client = AriClient(settings, "test")
    # When, then
    with pytest.raises(AriUnavailableError):
        await client.hangup("a-1")
    await client.close()
