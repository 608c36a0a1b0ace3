"""What goes out when, by a clock that the test holds."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dialer.telephony.audio_port import FRAME_BYTES
from dialer.telephony.audiosocket_frames import HEADER_BYTES, FrameReader, Kind
from dialer.telephony.playout import FRAME_S, LEAD_FRAMES, Pacer, Playout
from tests.support.virtual_time import run_virtually

#: One TCP segment on an Ethernet: Asterisk ends the channel when a frame arrives in two parts.
SEGMENT_BYTES = 1448


def frames(count: int) -> bytes:
    """Audio of so many frames, each filled with its number, from 1 on."""
    return b"".join(bytes([number + 1]) * FRAME_BYTES for number in range(count))


def said(sent: bytes) -> list[int]:
    """The numbers of the frames that went out; silence is 0."""
    read = FrameReader().feed(sent)
    assert all(kind == Kind.AUDIO and len(payload) == FRAME_BYTES for kind, payload in read)
    return [payload[0] for _, payload in read]


class Listener:
    """Beats a playout and notes when each frame went out and each mark came."""

    def __init__(self) -> None:
        self.playout = Playout()
        self.sent: list[tuple[float, int]] = []
        self.silent: list[float] = []
        self.marks: dict[str, float] = {}

    def beat(self, now: float) -> None:
        out, heard = self.playout.due(now)
        numbers = said(out)
        self.sent += [(now, number) for number in numbers if number]
        self.silent += [now for number in numbers if not number]
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

    assert listener.numbers() == list(range(1, 11 + LEAD_FRAMES))
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

    assert listener.numbers() == list(range(1, 5 + 2 * LEAD_FRAMES + 2))


def test_after_a_long_stall_nothing_is_hurried_and_nothing_is_lost() -> None:
    listener = Listener()
    listener.playout.add(frames(50))
    listener.playout.mark("said")
    listener.beats(100.0, 100.1)
    before = len(listener.sent)

    listener.beat(102.0)
    assert len(listener.sent) - before == LEAD_FRAMES + 1
    listener.beats(102.02, 104.0)

    assert listener.numbers() == list(range(1, 51))
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

    listener.playout.resume()
    listener.beats(105.0, 106.0)
    assert listener.numbers() == list(range(1, 11))
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


def test_who_says_nothing_sends_silence_in_real_time_and_never_ahead() -> None:
    listener = Listener()

    listener.beats(100.0, 101.0)
    listener.playout.add(frames(1))
    listener.beat(101.0)

    assert len(listener.silent) in (50, 51)
    assert listener.sent == [(101.0, 1)]


def test_a_pause_is_silent_not_mute() -> None:
    listener = Listener()
    listener.playout.add(frames(50))
    listener.beats(100.0, 100.1)

    listener.playout.pause()
    listener.beats(100.1, 102.1)

    assert 100 - LEAD_FRAMES - 1 <= len(listener.silent) <= 100


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
    audible = [payload for _, payload in FrameReader().feed(sent) if any(payload)]
    assert b"".join(audible) == spoken.ljust(padded, b"\0")
    assert heard == ["end"]
    assert playout.frames == 0


class Counting:
    """A speaker that notes its beats."""

    def __init__(self) -> None:
        self.beats: list[float] = []
        self.ended = 0

    def beat(self, now: float) -> None:
        self.beats.append(now)

    def broken(self, why: str) -> None:
        self.ended += 1


def test_one_timer_beats_for_all_who_are_there() -> None:
    async def story() -> tuple[list[float], list[float]]:
        pacer, early, late = Pacer(), Counting(), Counting()
        pacer.join(early)
        await asyncio.sleep(0.5)
        pacer.join(late)
        await asyncio.sleep(0.5)
        pacer.leave(early)
        await asyncio.sleep(0.5)
        pacer.leave(late)
        await asyncio.sleep(0.5)
        return early.beats, late.beats

    early, late = run_virtually(story())

    assert len(early) in range(49, 53)
    assert len(late) in range(49, 53)
    assert set(late[1:]) & set(early[1:])  # the same beats
    steps = [after - before for before, after in pairwise(early)]
    assert all(abs(step - FRAME_S) < 1e-6 for step in steps)


def test_a_speaker_may_leave_at_its_beat() -> None:
    async def story() -> int:
        pacer, other = Pacer(), Counting()

        class Leaving(Counting):
            def beat(self, now: float) -> None:
                super().beat(now)
                pacer.leave(self)

        leaving = Leaving()
        pacer.join(other)
        pacer.join(leaving)
        await asyncio.sleep(0.5)
        pacer.leave(other)
        return len(leaving.beats)

    assert run_virtually(story()) == 1


def test_a_speaker_that_fails_is_ended_and_all_others_go_on() -> None:
    async def story() -> tuple[int, int]:
        pacer, other = Pacer(), Counting()

        class Failing(Counting):
            def beat(self, now: float) -> None:
                super().beat(now)
                if len(self.beats) > 1:
                    raise ValueError("broken")

        failing = Failing()
        pacer.join(failing)
        pacer.join(other)
        await asyncio.sleep(0.5)
        pacer.leave(other)
        return failing.ended, len(other.beats)

    failing, other = run_virtually(story())

    assert failing == 1
    assert other in range(24, 28)


def test_four_frames_fit_into_one_segment() -> None:
    assert (LEAD_FRAMES + 1) * (HEADER_BYTES + FRAME_BYTES) <= SEGMENT_BYTES
