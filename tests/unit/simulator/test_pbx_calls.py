"""Dialing on the simulated PBX: answer, failure, cancel, and the far side's records."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from dialer.simulator.pbx import SimulatedPbx, contract_callees, read_calls
from tests.unit.simulator.bare_ari import APP, BareAri, ari


@pytest.mark.parametrize(
    ("number", "cause"), [("79000000017", 17), ("79000000021", 21), ("79000000034", 34), ("79000000001", 1)]
)
async def test_a_refused_call_ends_with_its_cause(client: BareAri, number: str, cause: int) -> None:
    await client.originate(number, "a-1")
    destroyed = await client.event("ChannelDestroyed", channel_id="a-1")
    assert destroyed["cause"] == cause
    assert "StasisStart" not in client.kinds("a-1")
    assert client.pbx.calls[0].cause == cause
    assert client.pbx.calls[0].answered_at is None
    assert client.pbx.live_channels == []


async def test_nobody_picks_up_until_the_ring_timeout(client: BareAri) -> None:
    await client.originate("79000000019", "a-1", ring_s=1)
    destroyed = await client.event("ChannelDestroyed", channel_id="a-1")
    assert destroyed["cause"] == 19
    assert client.kinds("a-1")[0] == "ChannelStateChange"


async def test_an_answered_call_enters_stasis_and_ends_when_the_customer_hangs_up(client: BareAri) -> None:
    await client.originate("79000000106", "a-1")
    await client.event("ChannelDestroyed", channel_id="a-1")
    assert client.kinds("a-1") == [
        "ChannelStateChange",
        "StasisStart",
        "ChannelHangupRequest",
        "StasisEnd",
        "ChannelDestroyed",
    ]
    assert client.events[-1]["cause"] == 16
    assert "tech_cause" not in client.events[-1]
    (record,) = client.pbx.calls
    assert record.answered_at is not None
    assert (record.number, record.cause) == ("79000000106", 16)


async def test_a_live_channel_id_cannot_be_dialed_twice_but_a_dead_one_can(client: BareAri) -> None:
    await client.originate("79000000019", "a-1")
    status, answer = await client.originate("79000000100", "a-1")
    assert (status, answer["message"]) == (409, "Channel with given unique ID already exists")
    assert (await client.request("DELETE", "channels/a-1"))[0] == 204
    status, _ = await client.originate("79000000100", "a-1")
    assert status == 200
    assert [call.number for call in client.pbx.calls] == ["79000000019", "79000000100"]


async def test_the_dialer_cancels_a_ringing_call(client: BareAri) -> None:
    await client.originate("79000000019", "a-1")
    await client.event("ChannelStateChange", channel_id="a-1")
    status, _ = await client.request("DELETE", "channels/a-1?reason_code=16")
    destroyed = await client.event("ChannelDestroyed", channel_id="a-1")
    assert (status, destroyed["cause"]) == (204, 16)
    request = await client.event("ChannelHangupRequest", channel_id="a-1")
    assert (request["cause"], request["soft"]) == (32, True)
    assert (await client.request("GET", "channels/a-1"))[0] == 404


async def test_channels_outlive_the_events_socket(client: BareAri) -> None:
    await client.originate("79000000100", "a-1")
    await client.event("StasisStart", channel_id="a-1")
    await client.pbx.drop_events(APP)
    _, channels = await client.request("GET", "channels")
    assert [channel["id"] for channel in channels] == ["a-1"]
    reader = await client.listen()
    await client.request("DELETE", "channels/a-1")
    await client.event("ChannelDestroyed", channel_id="a-1")
    assert client.socket is not None
    await client.socket.close()
    await reader


async def test_an_answered_call_of_an_absent_application_is_hung_up(client: BareAri) -> None:
    await client.pbx.drop_events(APP)
    await client.originate("79000000106", "a-1")
    reader = await client.listen()
    status, _ = await client.request("GET", "channels/a-1")
    assert status == 404
    assert client.socket is not None
    await client.socket.close()
    await reader


async def test_digits_arrive_in_order(client: BareAri) -> None:
    await client.originate("79000000102", "a-1")

    def digits() -> list[str]:
        return [event["digit"] for event in client.events if event["type"] == "ChannelDtmfReceived"]

    await client.until(lambda: len(digits()) == 3)
    assert digits() == ["1", "2", "0"]


async def test_the_absolute_timeout_ends_a_call_that_nobody_ends(client: BareAri) -> None:
    await client.request(
        "POST",
        "channels",
        endpoint="PJSIP/79000000100@trunk",
        app=APP,
        channelId="a-1",
        variables={"TIMEOUT(absolute)": "1"},
    )
    await client.event("StasisStart", channel_id="a-1")
    await client.event("ChannelDestroyed", channel_id="a-1")


async def test_wrong_credentials_are_refused(client: BareAri) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{client.pbx.ari_url}/channels") as response:
        assert response.status == 401


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "channels/none", 404),
        ("DELETE", "channels/none", 404),
        ("POST", "channels", 400),
        ("DELETE", "bridges/none", 404),
        ("POST", "channels/externalMedia?app=test", 400),
        ("GET", "asterisk/info", 200),
        ("GET", "nothing", 404),
    ],
)
async def test_refusals_carry_asterisks_status(client: BareAri, method: str, path: str, status: int) -> None:
    assert (await client.request(method, path))[0] == status


async def test_records_are_kept_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    async with SimulatedPbx(contract_callees, records=path) as pbx, ari(pbx) as client:
        await client.originate("79000000017", "a-1")
        await client.event("ChannelDestroyed", channel_id="a-1")
        await client.originate("79000000019", "a-2")
        assert [call.channel_id for call in read_calls(path)] == ["a-1", "a-2"]
        assert read_calls(path)[1].ended_at is None
    first, second = read_calls(path)
    assert (first.number, first.cause) == ("79000000017", 17)
    assert second.ended_at is not None


async def created(client: BareAri, number: str) -> None:
    """A channel in the application's hands, not dialed yet."""
    status, channel = await client.request(
        "POST", "channels/create", endpoint=f"PJSIP/{number}@trunk", app=APP, channelId="a-1"
    )
    assert (status, channel["state"]) == (200, "Down")
    await client.event("StasisStart", channel_id="a-1")


async def test_a_created_channel_is_in_the_application_before_it_is_dialed(client: BareAri) -> None:
    await created(client, "79000000105")
    assert client.pbx.calls == []
    assert (await client.request("POST", "channels/a-1/dial?timeout=20"))[0] == 204
    await client.until(lambda: "ANSWER" in dial_statuses(client))
    assert dial_statuses(client) == ["", "RINGING", "ANSWER"]
    assert client.kinds("a-1") == ["StasisStart", "ChannelStateChange", "ChannelStateChange"]
    assert len(client.pbx.calls) == 1
    assert (await client.request("POST", "channels/a-1/dial"))[0] == 409


async def test_a_refused_dial_leaves_the_application_with_its_cause(client: BareAri) -> None:
    await created(client, "79000000017")
    await client.request("POST", "channels/a-1/dial?timeout=20")
    destroyed = await client.event("ChannelDestroyed", channel_id="a-1")
    assert (destroyed["cause"], destroyed["cause_txt"], destroyed["tech_cause"]) == (17, "User busy", 486)
    assert client.kinds("a-1")[-3:] == ["ChannelHangupRequest", "StasisEnd", "ChannelDestroyed"]


async def test_an_answer_while_the_events_socket_is_away_is_not_lost(client: BareAri) -> None:
    await created(client, "79000000106")
    await client.pbx.drop_events(APP)
    await client.request("POST", "channels/a-1/dial?timeout=20")
    while not client.pbx.calls[0].ended_at:
        await client.request("GET", "channels")
    assert client.pbx.calls[0].answered_at is not None


async def test_early_media_is_told_before_the_answer(client: BareAri) -> None:
    await created(client, "79000000103")
    await client.request("POST", "channels/a-1/dial?timeout=20")
    await client.until(lambda: "ANSWER" in dial_statuses(client))
    assert dial_statuses(client) == ["", "PROGRESS", "ANSWER"]


def dial_statuses(client: BareAri) -> list[str]:
    return [event["dialstatus"] for event in client.events if event["type"] == "Dial"]
