"""Audio on the simulated PBX: order, pace, marks, flow control and barge-in."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from dialer.simulator.pbx.callees import tone
from tests.unit.simulator.bare_ari import BareAri

SILENCE = bytes(320)


def numbered_frames(count: int) -> bytes:
    """Frames that can be told apart."""
    return b"".join(bytes([1 + number % 250]) * 320 for number in range(count))


async def test_media_starts_with_its_description(client: BareAri) -> None:
    media = await client.talk("79000000101", "a-1")
    start = await media.event("MEDIA_START")
    assert (start["format"], start["optimal_frame_size"], start["ptime"]) == ("slin", 320, 20)
    assert start["channel_id"] == "a-1-media"


async def test_what_is_played_is_echoed_in_order_and_marks_follow_the_audio(client: BareAri) -> None:
    media = await client.talk("79000000100", "a-1")
    audio = numbered_frames(50)
    began = asyncio.get_running_loop().time()
    await media.play(audio)
    await media.command("MARK_MEDIA", correlation_id="end")
    await media.receive_until(lambda: "MEDIA_MARK_PROCESSED" in media.events() and len(media.heard) == 50)
    assert b"".join(frame for _, frame in media.heard) == audio
    assert media.events()[-2:] == ["MEDIA_BUFFERING_COMPLETED", "MEDIA_MARK_PROCESSED"]
    at, mark = media.messages[-1]
    assert mark["correlation_id"] == "end"
    assert at - began >= 49 * 0.02


async def test_a_long_prompt_raises_xoff_and_later_xon(client: BareAri) -> None:
    media = await client.talk("79000000101", "a-1")
    await media.play(SILENCE * 950)
    await media.event("MEDIA_XOFF")
    await media.command("GET_STATUS")
    status = await media.event("STATUS")
    assert status["queue_full"] is True
    await media.command("FLUSH_MEDIA")
    await media.event("MEDIA_XON")


async def test_a_flush_drops_audio_and_marks(client: BareAri) -> None:
    media = await client.talk("79000000101", "a-1")
    await media.play(SILENCE * 500)
    await media.command("MARK_MEDIA", correlation_id="never")
    await media.command("FLUSH_MEDIA")
    await media.command("MARK_MEDIA", correlation_id="next")
    processed = await media.event("MEDIA_MARK_PROCESSED")
    assert processed["correlation_id"] == "next"


async def test_a_pause_holds_audio_until_it_is_continued(client: BareAri) -> None:
    media = await client.talk("79000000100", "a-1")
    await media.command("PAUSE_MEDIA")
    await media.play(numbered_frames(5))
    await media.command("GET_STATUS")
    status = await media.event("STATUS")
    assert (status["media_paused"], status["queue_length"]) == (True, 5)
    await media.command("CONTINUE_MEDIA")
    await media.receive_until(lambda: len(media.heard) == 5)


async def test_the_end_of_the_queue_is_reported_once_when_asked(client: BareAri) -> None:
    media = await client.talk("79000000101", "a-1")
    await media.play(SILENCE * 3)
    await media.command("REPORT_QUEUE_DRAINED")
    await media.event("QUEUE_DRAINED")
    assert media.events().index("MEDIA_BUFFERING_COMPLETED") < media.events().index("QUEUE_DRAINED")


async def test_partial_frames_are_joined_while_buffering_and_dropped_otherwise(client: BareAri) -> None:
    media = await client.talk("79000000100", "a-1")
    await media.socket.send_bytes(b"\x01" * 100)
    await media.command("START_MEDIA_BUFFERING")
    await media.socket.send_bytes(b"\x02" * 100)
    await media.socket.send_bytes(b"\x02" * 300)
    await media.command("STOP_MEDIA_BUFFERING")
    await media.receive_until(lambda: len(media.heard) == 2)
    assert media.heard[0][1] == b"\x02" * 320
    assert media.heard[1][1] == b"\x02" * 80 + bytes(240)


async def test_digits_reach_the_media_socket_too(client: BareAri) -> None:
    media = await client.talk("79000000102", "a-1")
    assert (await media.event("DTMF_END"))["digit"] == "1"


async def test_the_customers_end_leaves_the_media_channel_alone(client: BareAri) -> None:
    media = await client.talk("79000000100", "a-1")
    await client.request("DELETE", "channels/a-1")
    await client.event("ChannelDestroyed", channel_id="a-1")
    assert client.pbx.live_channels == ["a-1-media"]
    assert client.pbx.live_bridges == ["a-1-bridge"]
    assert not media.socket.closed


async def test_closing_the_media_socket_ends_its_channel_only(client: BareAri) -> None:
    media = await client.talk("79000000100", "a-1")
    await media.socket.close()
    destroyed = await client.event("ChannelDestroyed", channel_id="a-1-media")
    assert destroyed["cause"] == 16
    assert client.pbx.live_channels == ["a-1"]


async def test_hanging_up_the_media_channel_closes_its_socket(client: BareAri) -> None:
    media = await client.talk("79000000101", "a-1")
    await client.request("DELETE", "channels/a-1-media")
    with pytest.raises(AssertionError):
        await media.receive_until(lambda: False)
    assert media.socket.closed


async def test_a_media_connection_can_be_used_once(client: BareAri) -> None:
    _, channel = await client.request(
        "POST",
        "channels/externalMedia",
        app="test",
        external_host="INCOMING",
        transport="websocket",
        connection_type="server",
        encapsulation="none",
        format="slin",
    )
    connection = channel["channelvars"]["MEDIA_WEBSOCKET_CONNECTION_ID"]
    url = f"http://127.0.0.1:{client.pbx.port}/media/{connection}"
    async with client.session.ws_connect(url, protocols=("media",)):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.session.ws_connect(url, protocols=("media",))
    assert refused.value.status == 409


async def test_a_message_beyond_the_drivers_limit_breaks_the_connection(client: BareAri) -> None:
    media = await client.talk("79000000101", "a-1")
    await media.socket.send_bytes(tone(4.2))
    destroyed = await client.event("ChannelDestroyed", channel_id="a-1-media")
    assert destroyed["cause"] == 38
