"""The AudioSocket listener and one call's audio on it, over real sockets: the right caller, strangers, and vandals."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

import pytest

from dialer.errors import MediaError
from dialer.settings import AudioSocketSettings
from dialer.telephony import audiosocket_server
from dialer.telephony.audio_port import FRAME_BYTES, WINDOW_FRAMES, AudioHandlers
from dialer.telephony.audiosocket import AudioSocketAudio, AudioSocketOffer
from dialer.telephony.audiosocket_frames import MAX_PAYLOAD_BYTES, audio_frame
from dialer.telephony.audiosocket_server import MAX_STRANGERS, AudioSocketServer
from dialer.telephony.playout import LEAD_FRAMES, Pacer

PATIENCE_S = 10.0
SILENCE = (0x10, bytes(FRAME_BYTES))
#: Nobody needs to listen there: only the way to it matters.
ASTERISK = ("127.0.0.1", 8088)


def hello(call: UUID) -> bytes:
    return b"\x01\x00\x10" + call.bytes


@dataclass
class Peer:
    """Asterisk's end of a connection, or somebody else's."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def says(self, *frames: bytes) -> None:
        self.writer.write(b"".join(frames))

    async def any_frame(self) -> tuple[int, bytes]:
        """The next frame from the worker."""
        async with asyncio.timeout(PATIENCE_S):
            head = await self.reader.readexactly(3)
            return head[0], await self.reader.readexactly(int.from_bytes(head[1:], "big"))

    async def frame(self) -> tuple[int, bytes]:
        """The next frame that is not silence."""
        while (frame := await self.any_frame()) == SILENCE:
            pass
        return frame

    async def is_cut_off(self) -> bool:
        """Wait until the worker ends the connection without having said anything."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                return await self.reader.read() == b""
            except ConnectionResetError:
                return True


@dataclass
class Ear:
    """What the audio told."""

    heard: bytearray = field(default_factory=bytearray)
    marks: list[str] = field(default_factory=list)
    closed: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def handlers(self) -> AudioHandlers:
        return AudioHandlers(self._audio, self._mark, self._closed)

    async def until(self, condition: object) -> None:
        assert callable(condition)
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    def _audio(self, pcm: bytes) -> None:
        self.heard += pcm
        self.changed.set()

    def _mark(self, name: str) -> None:
        self.marks.append(name)
        self.changed.set()

    def _closed(self) -> None:
        self.closed += 1
        self.changed.set()


@pytest.fixture
async def server() -> AsyncIterator[AudioSocketServer]:
    listening = AudioSocketServer(AudioSocketSettings())
    await listening.start(ASTERISK)
    yield listening
    await listening.close()


@pytest.fixture
async def peers(server: AudioSocketServer) -> AsyncIterator[list[Peer]]:
    """Connections that are closed whatever the test does."""
    opened: list[Peer] = []
    yield opened
    for peer in opened:
        peer.writer.close()


async def connect(server: AudioSocketServer, peers: list[Peer]) -> Peer:
    host, _, port = server.address.rpartition(":")
    peer = Peer(*await asyncio.open_connection(host, int(port)))
    peers.append(peer)
    return peer


async def call(server: AudioSocketServer, peers: list[Peer]) -> tuple[Peer, AudioSocketAudio, Ear]:
    """A call's audio, connected."""
    expected, ear = server.expect(), Ear()
    peer = await connect(server, peers)
    peer.says(hello(expected.call))
    return peer, await AudioSocketOffer(expected, Pacer(), PATIENCE_S).connect(ear.handlers()), ear


async def test_it_listens_only_where_asterisk_is(server: AudioSocketServer) -> None:
    assert server.address.startswith("127.0.0.1:")
    assert int(server.address.rpartition(":")[2]) > 0


@pytest.mark.parametrize(
    ("advertise", "address"),
    [
        ("worker", r"worker:[1-9]\d*"),
        ("worker:9", "worker:9"),
        ("fd00::7", r"\[fd00::7\]:[1-9]\d*"),
        ("[fd00::7]:9", r"\[fd00::7\]:9"),
    ],
)
async def test_asterisk_is_told_what_ops_say(advertise: str, address: str) -> None:
    server = AudioSocketServer(AudioSocketSettings(host="127.0.0.1", advertise=advertise))
    await server.start(ASTERISK)
    try:
        assert re.fullmatch(address, server.address)
    finally:
        await server.close()


async def test_listening_everywhere_still_names_one_address() -> None:
    server = AudioSocketServer(AudioSocketSettings(host="0.0.0.0"))
    await server.start(ASTERISK)
    try:
        assert server.address.startswith("127.0.0.1:")
    finally:
        await server.close()


async def test_each_worker_of_a_machine_takes_the_next_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = AudioSocketServer(AudioSocketSettings(port=port))
        await server.start(ASTERISK)
        try:
            assert port < int(server.address.rpartition(":")[2]) < port + audiosocket_server.PORTS_TRIED
        finally:
            await server.close()


async def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(MediaError, match=r"192\.0\.2\.1"):
        await AudioSocketServer(AudioSocketSettings(host="192.0.2.1")).start(ASTERISK)


async def test_audio_goes_both_ways_and_a_mark_comes_back(server: AudioSocketServer, peers: list[Peer]) -> None:
    peer, audio, ear = await call(server, peers)

    peer.says(audio_frame(b"\x05" * 320), audio_frame(b"\x06" * 480))
    await audio.play(b"\x07" * FRAME_BYTES * 2)
    await audio.mark("said")

    assert [await peer.frame() for _ in range(2)] == [(0x10, b"\x07" * FRAME_BYTES)] * 2
    await ear.until(lambda: ear.marks == ["said"])
    await ear.until(lambda: ear.heard == b"\x05" * 320 + b"\x06" * 480)


async def test_keys_and_unknown_kinds_disturb_nobody(server: AudioSocketServer, peers: list[Peer]) -> None:
    peer, _audio, ear = await call(server, peers)

    peer.says(b"\x03\x00\x011", b"\x12\x00\x02ab", b"\xff\x00\x01\x02", b"\x10\x00\x00", audio_frame(b"\x05" * 320))

    await ear.until(lambda: ear.heard == b"\x05" * 320)
    assert ear.closed == 0


async def test_what_comes_with_the_hello_is_not_lost_sight_of(server: AudioSocketServer, peers: list[Peer]) -> None:
    expected, ear = server.expect(), Ear()
    peer = await connect(server, peers)
    peer.says(hello(expected.call)[:7])
    await asyncio.sleep(0)
    peer.says(hello(expected.call)[7:], audio_frame(bytes(320))[:100])
    await AudioSocketOffer(expected, Pacer(), PATIENCE_S).connect(ear.handlers())

    peer.says(audio_frame(bytes(320))[100:])

    await ear.until(lambda: len(ear.heard) == 320)


async def test_a_long_prompt_waits_here_and_a_flush_lets_it_go(server: AudioSocketServer, peers: list[Peer]) -> None:
    _peer, audio, _ear = await call(server, peers)

    playing = asyncio.ensure_future(audio.play(bytes(FRAME_BYTES * (WINDOW_FRAMES + 200))))
    await asyncio.wait([playing], timeout=0.1)
    assert not playing.done()

    await audio.flush()
    await asyncio.wait_for(playing, PATIENCE_S)


async def test_barge_in_stops_at_once(server: AudioSocketServer, peers: list[Peer]) -> None:
    peer, audio, _ear = await call(server, peers)
    await audio.play(b"\x06" * FRAME_BYTES * 100)

    await audio.pause()
    await audio.flush()
    await audio.play(b"\x07" * FRAME_BYTES)

    before = 0
    while (await peer.frame())[1] != b"\x07" * FRAME_BYTES:
        before += 1
    assert before <= LEAD_FRAMES + 1


async def test_a_bot_that_says_nothing_is_never_mute(server: AudioSocketServer, peers: list[Peer]) -> None:
    peer, audio, _ear = await call(server, peers)

    assert [await peer.any_frame() for _ in range(5)] == [SILENCE] * 5
    await audio.play(b"\x06" * FRAME_BYTES * 100)
    await audio.pause()
    async with asyncio.timeout(PATIENCE_S):
        while await peer.any_frame() != SILENCE:
            pass


async def test_asterisks_end_is_told_once_and_commands_then_do_nothing(
    server: AudioSocketServer, peers: list[Peer]
) -> None:
    peer, audio, ear = await call(server, peers)
    waiting = asyncio.ensure_future(audio.play(bytes(FRAME_BYTES * 2 * WINDOW_FRAMES)))

    peer.writer.close()
    await ear.until(lambda: ear.closed == 1)
    await asyncio.wait_for(waiting, PATIENCE_S)

    for command in (audio.pause, audio.resume, audio.flush, audio.close):
        await command()
    await audio.play(bytes(FRAME_BYTES))
    await audio.mark("never")
    assert (ear.marks, ear.closed) == ([], 1)


async def test_our_end_is_a_hangup_frame_and_told_to_nobody(server: AudioSocketServer, peers: list[Peer]) -> None:
    peer, audio, ear = await call(server, peers)

    await audio.close()

    assert await peer.frame() == (0x00, b"")
    assert await peer.is_cut_off()
    assert ear.closed == 0


@pytest.mark.parametrize(
    "nonsense",
    [b"\x10" + (MAX_PAYLOAD_BYTES + 1).to_bytes(2, "big"), b"\x10\x00\x03abc"],
    ids=["oversize", "half a sample"],
)
async def test_nonsense_ends_that_call_alone(server: AudioSocketServer, peers: list[Peer], nonsense: bytes) -> None:
    peer, _audio, ear = await call(server, peers)
    other, _other_audio, other_ear = await call(server, peers)

    peer.says(nonsense)

    await ear.until(lambda: ear.closed == 1)
    other.says(audio_frame(bytes(320)))
    await other_ear.until(lambda: len(other_ear.heard) == 320)


async def test_a_listener_that_fails_ends_its_call_alone(server: AudioSocketServer, peers: list[Peer]) -> None:
    def deaf(_mark: str) -> None:
        raise ValueError("broken")

    pacer, ears = Pacer(), [Ear(), Ear()]
    audios = []
    for ear, on_mark in zip(ears, [deaf, ears[1].handlers().on_mark], strict=True):
        expected, peer = server.expect(), await connect(server, peers)
        peer.says(hello(expected.call))
        handlers = replace(ear.handlers(), on_mark=on_mark)
        audios.append(await AudioSocketOffer(expected, pacer, PATIENCE_S).connect(handlers))

    for audio in audios:
        await audio.play(bytes(FRAME_BYTES))
        await audio.mark("said")

    await ears[0].until(lambda: ears[0].closed == 1)
    await ears[1].until(lambda: ears[1].marks == ["said"])


async def test_a_peer_that_does_not_read_is_not_flooded(server: AudioSocketServer, peers: list[Peer]) -> None:
    expected, ear = server.expect(), Ear()
    peer = await connect(server, peers)
    peer.says(hello(expected.call))
    audio = await AudioSocketOffer(expected, Pacer(), PATIENCE_S).connect(ear.handlers())
    link = expected.link.result()

    link.pause_writing()  # as asyncio says when the kernel takes no more
    await audio.play(bytes(FRAME_BYTES * 10))
    await audio.mark("said")
    await asyncio.wait([asyncio.ensure_future(ear.until(lambda: ear.marks))], timeout=0.4)
    assert ear.marks == []

    link.resume_writing()
    await ear.until(lambda: ear.marks == ["said"])


class TestStrangers:
    """Everybody but Asterisk with a fresh UUID."""

    @pytest.mark.parametrize(
        "words",
        [
            hello(uuid4()),
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x10\x01\x40" + bytes(320),
            b"\x01\x00\x0f" + bytes(15),
            b"\xff\xff\xff",
        ],
        ids=["unknown call", "HTTP", "audio first", "short UUID", "oversize"],
    )
    async def test_are_cut_off(self, server: AudioSocketServer, peers: list[Peer], words: bytes) -> None:
        stranger = await connect(server, peers)
        stranger.says(words)

        assert await stranger.is_cut_off()

    async def test_who_repeat_a_used_uuid_are_cut_off_and_the_call_goes_on(
        self, server: AudioSocketServer, peers: list[Peer]
    ) -> None:
        expected, ear = server.expect(), Ear()
        peer = await connect(server, peers)
        peer.says(hello(expected.call))
        await AudioSocketOffer(expected, Pacer(), PATIENCE_S).connect(ear.handlers())

        thief = await connect(server, peers)
        thief.says(hello(expected.call))

        assert await thief.is_cut_off()
        peer.says(audio_frame(bytes(320)))
        await ear.until(lambda: len(ear.heard) == 320)

    async def test_who_say_nothing_are_cut_off(
        self, server: AudioSocketServer, peers: list[Peer], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(audiosocket_server, "HELLO_S", 0.05)

        assert await (await connect(server, peers)).is_cut_off()

    async def test_who_are_too_many_make_room_for_calls(self, server: AudioSocketServer, peers: list[Peer]) -> None:
        crowd = [await connect(server, peers) for _ in range(MAX_STRANGERS + 1)]

        _peer, audio, _ear = await call(server, peers)

        assert await crowd[0].is_cut_off()
        await audio.close()


class TestAbsence:
    """What happens when one of the two does not come."""

    async def test_a_connection_that_does_not_come(self, server: AudioSocketServer) -> None:
        offer = AudioSocketOffer(server.expect(), Pacer(), 0.02)

        with pytest.raises(MediaError, match="did not come"):
            await offer.connect(Ear().handlers())

    async def test_a_connection_that_nobody_takes_is_ended(
        self, server: AudioSocketServer, peers: list[Peer], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(audiosocket_server, "EXPECT_S", 0.05)
        expected = server.expect()
        peer = await connect(server, peers)
        peer.says(hello(expected.call))

        assert await peer.frame() == (0x00, b"")

    async def test_a_call_that_was_given_up_takes_no_connection(
        self, server: AudioSocketServer, peers: list[Peer]
    ) -> None:
        expected = server.expect()
        server.forget(expected)
        late = await connect(server, peers)
        late.says(hello(expected.call))

        assert await late.is_cut_off()

    async def test_closing_ends_calls_and_strangers(self, server: AudioSocketServer, peers: list[Peer]) -> None:
        peer, _audio, _ear = await call(server, peers)
        stranger = await connect(server, peers)
        waiting = server.expect()

        await server.close()

        assert await peer.frame() == (0x00, b"")
        assert await stranger.is_cut_off()
        assert waiting.link.cancelled()
