"""What goes out when, by a clock that the test holds."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from dialer.telephony.audio_port import FRAME_BYTES
from dialer.telephony.audiosocket_frames import HEADER_BYTES, FrameReader, Kind
from dialer.telephony.playout import FRAME_S, LEAD_FRAMES, Pacer, Playout
from tests.support.virtual_time import run_virtually

#: One TCP segment on an Ethernet: Asterisk ends the channel when a frame arrives in two parts.
SEGMENT_BYTES = 1448


def frames(count: int) -> bytes:
    """Audio of so many frames, each filled with its number."""
    return b"".join(bytes([number % 256]) * FRAME_BYTES for number in range(count))


def said(sent: bytes) -> list[int]:
    """The numbers of the frames that went out."""
    read = FrameReader().feed(sent)
    assert all(kind == Kind.AUDIO and len(payload) == FRAME_BYTES for kind, payload in read)
    return [payload[0] for _, payload in read]


class Listener:
    """Beats a playout and notes when each frame went out and each mark came."""

    def __init__(self) -> None:
        self.playout = Playout()
        self.sent: list[tuple[float, int]] = []
        self.marks: dict[str, float] = {}

    def beat(self, now: float) -> None:
        out, heard = self.playout.due(now)
        self.sent += [(now, number) for number in said(out)]
        self.marks |= dict.fromkeys(heard, now)

    def beats(self, start: float, end: float) -> None:
        """A beat every 20 ms."""
        for number in range(round((end - start) / FRAME_S)):
            self.beat(start + number * FRAME_S)

    def numbers(self) -> list[int]:
        return [number for _, number in self.sent]


def test_frames_go_out_in_real_time_a_little_early() -> None:
    listener = Listener()
    listener.playout.add(frames(20))

    listener.beats(100.0, 100.2)

    assert listener.numbers() == list(range(10 + LEAD_FRAMES))
    assert [at for at, _ in listener.sent].count(100.0) == LEAD_FRAMES + 1


def test_a_mark_comes_when_its_audio_has_been_heard_not_when_it_was_sent() -> None:
    listener = Listener()
    listener.playout.add(frames(10))
    listener.playout.mark("said")

    listener.beats(100.0, 100.5)

    assert len(listener.sent) == 10
    assert 100.2 <= listener.marks["said"] < 100.2 + FRAME_S + 1e-6


def test_a_short_stall_is_made_up_for() -> None:
    listener = Listener()
    listener.playout.add(frames(50))
    listener.beats(100.0, 100.1)

    listener.beat(100.1 + LEAD_FRAMES * FRAME_S)

    assert listener.numbers() == list(range(5 + 2 * LEAD_FRAMES + 1))


def test_after_a_long_stall_nothing_is_hurried_and_nothing_is_lost() -> None:
    listener = Listener()
    listener.playout.add(frames(50))
    listener.playout.mark("said")
    listener.beats(100.0, 100.1)
    before = len(listener.sent)

    listener.beat(102.0)
    assert len(listener.sent) - before == LEAD_FRAMES + 1
    listener.beats(102.02, 104.0)

    assert listener.numbers() == list(range(50))
    assert listener.marks["said"] > 102.0 + (50 - before - 1) * FRAME_S


def test_a_pause_holds_frames_and_marks() -> None:
    listener = Listener()
    listener.playout.add(frames(10))
    listener.playout.mark("said")
    listener.beats(100.0, 100.06)
    out = len(listener.sent)

    listener.playout.pause()
    listener.beats(100.06, 105.0)
    assert len(listener.sent) == out
    assert listener.marks == {}
    assert not listener.playout.active

    listener.playout.resume()
    listener.beats(105.0, 106.0)
    assert listener.numbers() == list(range(10))
    assert "said" in listener.marks


def test_a_flush_drops_frames_marks_and_pause() -> None:
    listener = Listener()
    listener.playout.add(frames(3))
    listener.playout.mark("gone out, not heard")
    listener.playout.add(frames(100))
    listener.playout.mark("lost")
    listener.beat(100.0)
    listener.playout.pause()

    listener.playout.flush()
    assert listener.playout.frames == 0
    listener.sent.clear()
    listener.playout.add(b"\x07" * FRAME_BYTES)
    listener.playout.mark("new")
    listener.beats(100.02, 101.0)

    assert listener.numbers() == [7]
    assert list(listener.marks) == ["new"]
    # What had gone out is heard before it.
    assert listener.marks["new"] >= 100.0 + (LEAD_FRAMES + 2) * FRAME_S - 1e-6


def test_a_piece_that_fills_no_frame_waits_for_more_or_for_a_mark() -> None:
    listener = Listener()
    listener.playout.add(b"\x01" * 300)
    listener.beat(100.0)
    assert listener.sent == []

    listener.playout.add(b"\x01" * 100)
    listener.playout.mark("said")
    listener.beats(100.02, 100.2)

    assert len(listener.sent) == 2
    assert list(listener.marks) == ["said"]


@given(
    pieces=st.lists(st.integers(0, 3000), max_size=8),
    gaps_ms=st.lists(st.integers(0, 300), min_size=1, max_size=60),
)
def test_whatever_the_clock_does_all_is_said_once_in_order_and_in_small_pieces(
    pieces: list[int], gaps_ms: list[int]
) -> None:
    playout, now, sent = Playout(), 50.0, b""
    spoken = b"".join(bytes([number + 1]) * size for number, size in enumerate(pieces))
    start = 0
    for size in pieces:
        playout.add(spoken[start : start + size])
        start += size
    playout.mark("end")

    heard: list[str] = []
    for gap_ms in gaps_ms + [20] * 200:
        now += gap_ms / 1000
        out, marks = playout.due(now)
        assert len(out) <= SEGMENT_BYTES
        sent += out
        heard += marks

    padded = -(-len(spoken) // FRAME_BYTES) * FRAME_BYTES
    assert b"".join(payload for _, payload in FrameReader().feed(sent)) == spoken.ljust(padded, b"\0")
    assert heard == ["end"]
    assert playout.frames == 0
    assert not playout.active


class Counting:
    """A speaker that notes its beats and stops after so many."""

    def __init__(self, times: int) -> None:
        self.beats: list[float] = []
        self._times = times

    def beat(self, now: float) -> bool:
        self.beats.append(now)
        return len(self.beats) < self._times


def test_one_timer_beats_for_all_and_rests_when_nobody_speaks() -> None:
    async def story() -> tuple[Counting, Counting, int]:
        pacer, short, long = Pacer(), Counting(3), Counting(6)
        pacer.join(short)
        pacer.join(long)
        await asyncio.sleep(1.0)
        quiet = len(long.beats)
        await asyncio.sleep(1.0)
        return short, long, quiet

    short, long, quiet = run_virtually(story())

    assert len(short.beats) == 3
    assert quiet == len(long.beats) == 6
    steps = [later - earlier for earlier, later in zip(long.beats, long.beats[1:], strict=False)]
    assert all(abs(step - FRAME_S) < 1e-6 for step in steps)


def test_whoever_leaves_hears_no_more_beats() -> None:
    async def story() -> tuple[int, int]:
        pacer, speaker = Pacer(), Counting(1000)
        pacer.join(speaker)
        await asyncio.sleep(0.1)
        pacer.leave(speaker)
        before = len(speaker.beats)
        await asyncio.sleep(1.0)
        return before, len(speaker.beats)

    before, after = run_virtually(story())

    assert before == after > 1


def test_four_frames_fit_into_one_segment() -> None:
    assert (LEAD_FRAMES + 1) * (HEADER_BYTES + FRAME_BYTES) <= SEGMENT_BYTES
