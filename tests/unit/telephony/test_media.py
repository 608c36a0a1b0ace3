"""The media socket's book-keeping, against a socket that answers as told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast

import aiohttp
import pytest

from dialer.telephony.audio_port import FRAME_BYTES, WINDOW_FRAMES, AudioHandlers
from dialer.telephony.media import MESSAGE_BYTES, MediaSocket

#: Lengths that Asterisk takes.
LONGEST_COMMAND = 128
LONGEST_MESSAGE = 65_500


@dataclass
class Message:
    """What aiohttp hands over."""

    type: aiohttp.WSMsgType
    data: Any


@dataclass
class FakeSocket:
    """A WebSocket that keeps what was sent and delivers what the test says."""

    sent: list[str | bytes] = field(default_factory=list)
    incoming: asyncio.Queue[Message | None] = field(default_factory=asyncio.Queue)
    closed: bool = False
    broken: bool = False

    async def send_str(self, text: str) -> None:
        assert len(text.encode()) <= LONGEST_COMMAND
        await self._send(text)

    async def send_bytes(self, data: bytes) -> None:
        assert len(data) <= LONGEST_MESSAGE
        await self._send(data)

    async def _send(self, data: str | bytes) -> None:
        if self.broken:
            raise aiohttp.ClientConnectionResetError("gone")
        self.sent.append(data)
        await asyncio.sleep(0)

    async def close(self) -> None:
        self.closed = True
        self.incoming.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Message]:
        while (message := await self.incoming.get()) is not None:
            yield message

    def says(self, event: str, **more: Any) -> None:
        """A control message from Asterisk."""
        self.incoming.put_nowait(
            Message(aiohttp.WSMsgType.TEXT, json.dumps({"event": event, "channel_id": "m"} | more))
        )

    def commands(self) -> list[str]:
        """Names of the commands sent so far."""
        return [json.loads(item)["command"] for item in self.sent if isinstance(item, str)]

    def marks(self) -> list[str]:
        """Correlation ids of the marks asked for so far."""
        asked = [json.loads(item) for item in self.sent if isinstance(item, str)]
        return [item["correlation_id"] for item in asked if item["command"] == "MARK_MEDIA"]

    def audio(self) -> bytes:
        """All audio sent so far."""
        return b"".join(item for item in self.sent if isinstance(item, bytes))


@dataclass
class Bench:
    """A media socket on a fake one, and what it told."""

    socket: FakeSocket
    media: MediaSocket
    heard: list[bytes]
    marks: list[str]
    closed: list[bool]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    socket, heard, marks, closed = FakeSocket(), [], [], []
    media = MediaSocket(
        cast("aiohttp.ClientWebSocketResponse", socket),
        AudioHandlers(heard.append, marks.append, lambda: closed.append(True)),
    )
    yield Bench(socket, media, heard, marks, closed)
    await media.close()


async def settled() -> None:
    """Let everything that can run run."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_audio_and_marks_travel_in_order_inside_buffering(bench: Bench) -> None:
    await bench.media.play(b"\x01\x00" * 100)
    await bench.media.play(b"\x02\x00" * 100)
    await bench.media.mark("said")

    assert bench.socket.commands() == ["START_MEDIA_BUFFERING", "STOP_MEDIA_BUFFERING", "MARK_MEDIA"]
    assert bench.socket.audio() == b"\x01\x00" * 100 + b"\x02\x00" * 100


async def test_a_mark_is_told_by_the_name_that_the_caller_gave_it(bench: Bench) -> None:
    name = "приветствие " * 20

    await bench.media.play(bytes(FRAME_BYTES))
    await bench.media.mark(name)
    bench.socket.says("MEDIA_MARK_PROCESSED", correlation_id=bench.socket.marks()[-1])
    await settled()

    assert bench.marks == [name]


async def test_no_more_goes_out_than_asterisk_keeps(bench: Bench) -> None:
    playing = asyncio.ensure_future(bench.media.play(bytes(2 * WINDOW_FRAMES * FRAME_BYTES)))
    await settled()

    assert not playing.done()
    assert len(bench.socket.audio()) == WINDOW_FRAMES * FRAME_BYTES

    bench.socket.says("MEDIA_MARK_PROCESSED", correlation_id=bench.socket.marks()[0])
    await settled()
    assert len(bench.socket.audio()) == WINDOW_FRAMES * FRAME_BYTES + MESSAGE_BYTES

    for _ in range(4):
        bench.socket.says("MEDIA_MARK_PROCESSED", correlation_id=bench.socket.marks()[-1])
        await settled()
    await asyncio.wait_for(playing, 5)
    assert bench.marks == []  # marks of our own are nobody else's business


async def test_xoff_holds_and_xon_lets_go(bench: Bench) -> None:
    bench.socket.says("MEDIA_XOFF")
    await settled()
    playing = asyncio.ensure_future(bench.media.play(bytes(FRAME_BYTES)))
    await settled()
    assert bench.socket.audio() == b""

    bench.socket.says("MEDIA_XON")
    await asyncio.wait_for(playing, 5)
    assert bench.socket.audio() == bytes(FRAME_BYTES)


async def test_a_flush_ends_a_waiting_prompt_and_a_pause(bench: Bench) -> None:
    playing = asyncio.ensure_future(bench.media.play(bytes(2 * WINDOW_FRAMES * FRAME_BYTES)))
    await settled()
    sent = len(bench.socket.audio())

    await bench.media.pause()
    await bench.media.flush()
    await asyncio.wait_for(playing, 5)

    assert len(bench.socket.audio()) == sent
    assert bench.socket.commands()[-3:] == ["PAUSE_MEDIA", "FLUSH_MEDIA", "CONTINUE_MEDIA"]


async def test_a_flushed_mark_never_comes_even_if_it_was_on_its_way(bench: Bench) -> None:
    await bench.media.play(bytes(FRAME_BYTES))
    await bench.media.mark("lost")
    late = bench.socket.marks()[-1]
    await bench.media.flush()
    await bench.media.play(bytes(FRAME_BYTES))
    await bench.media.mark("new")

    bench.socket.says("MEDIA_MARK_PROCESSED", correlation_id=late)
    await settled()
    assert bench.marks == []

    bench.socket.says("MEDIA_MARK_PROCESSED", correlation_id=bench.socket.marks()[-1])
    await settled()
    assert bench.marks == ["new"]


async def test_after_a_flush_buffering_starts_anew(bench: Bench) -> None:
    await bench.media.play(bytes(FRAME_BYTES))
    await bench.media.flush()
    await bench.media.play(bytes(FRAME_BYTES))

    assert bench.socket.commands().count("START_MEDIA_BUFFERING") == 2


async def test_many_small_pieces_are_counted_too(bench: Bench) -> None:
    async def stream() -> None:
        for _ in range(2 * WINDOW_FRAMES):
            await bench.media.play(bytes(FRAME_BYTES))

    streaming = asyncio.ensure_future(stream())
    for _ in range(200):
        await settled()

    assert not streaming.done()
    assert len(bench.socket.audio()) <= WINDOW_FRAMES * FRAME_BYTES
    streaming.cancel()
    await asyncio.wait([streaming])


async def test_audio_is_handed_on_as_it_comes(bench: Bench) -> None:
    bench.socket.incoming.put_nowait(Message(aiohttp.WSMsgType.BINARY, b"\x05" * FRAME_BYTES))
    await settled()

    assert bench.heard == [b"\x05" * FRAME_BYTES]


async def test_a_message_that_nobody_understands_costs_that_message_only(bench: Bench) -> None:
    for nonsense in ("MEDIA_START connection_id:m format:slin", "[1]", "{"):
        bench.socket.incoming.put_nowait(Message(aiohttp.WSMsgType.TEXT, nonsense))
    bench.socket.incoming.put_nowait(Message(aiohttp.WSMsgType.BINARY, b"\x05" * FRAME_BYTES))
    await settled()

    assert bench.heard == [b"\x05" * FRAME_BYTES]


async def test_a_close_by_asterisk_is_told_once_and_commands_then_do_nothing(bench: Bench) -> None:
    waiting = asyncio.ensure_future(bench.media.play(bytes(2 * WINDOW_FRAMES * FRAME_BYTES)))
    await settled()
    bench.socket.closed = True
    bench.socket.incoming.put_nowait(None)
    await asyncio.wait_for(waiting, 5)
    sent = len(bench.socket.sent)

    await bench.media.play(bytes(FRAME_BYTES))
    await bench.media.mark("never")
    await bench.media.flush()

    assert bench.closed == [True]
    assert len(bench.socket.sent) == sent


async def test_a_listener_that_fails_ends_the_audio() -> None:
    def deaf(_pcm: bytes) -> None:
        raise ValueError("broken")

    socket, closed = FakeSocket(), asyncio.Event()
    media = MediaSocket(cast("aiohttp.ClientWebSocketResponse", socket), AudioHandlers(deaf, str, closed.set))
    socket.incoming.put_nowait(Message(aiohttp.WSMsgType.BINARY, bytes(FRAME_BYTES)))

    await asyncio.wait_for(closed.wait(), 5)

    await media.close()


async def test_our_own_close_is_told_to_nobody(bench: Bench) -> None:
    await bench.media.close()

    assert bench.closed == []


async def test_a_broken_connection_is_no_error_of_the_speaker(bench: Bench) -> None:
    bench.socket.broken = True

    await bench.media.play(bytes(FRAME_BYTES))
    await bench.media.mark("never")
