"""AudioSocket's framing: whatever the network does to the bytes, the frames come out as they went in."""

from __future__ import annotations

from itertools import pairwise
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.telephony.audiosocket_frames import (
    MAX_PAYLOAD_BYTES,
    FrameError,
    FrameReader,
    Kind,
    audio_frame,
    call_of,
)

FRAMES = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=400)), max_size=6)


def on_the_wire(kind: int, payload: bytes) -> bytes:
    """A frame's bytes by the protocol's description, not by our own encoder."""
    return bytes([kind]) + len(payload).to_bytes(2, "big") + payload


@given(frames=FRAMES, cuts=st.lists(st.integers(0, 2500), max_size=12))
def test_frames_survive_being_split_anywhere(frames: list[tuple[int, bytes]], cuts: list[int]) -> None:
    wire = b"".join(on_the_wire(*frame) for frame in frames)
    places = sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})
    reader = FrameReader()

    read = [frame for start, end in pairwise(places) for frame in reader.feed(wire[start:end])]

    assert read == frames


@given(frames=FRAMES)
def test_frames_survive_byte_by_byte(frames: list[tuple[int, bytes]]) -> None:
    reader = FrameReader()

    read = [
        frame for kind, payload in frames for byte in on_the_wire(kind, payload) for frame in reader.feed(bytes([byte]))
    ]

    assert read == frames


@given(pcm=st.binary(min_size=1, max_size=MAX_PAYLOAD_BYTES))
def test_our_audio_is_framed_as_the_protocol_says(pcm: bytes) -> None:
    assert audio_frame(pcm) == on_the_wire(0x10, pcm)


@given(size=st.integers(MAX_PAYLOAD_BYTES + 1, 65535))
def test_a_frame_that_is_too_long_is_refused_by_its_header(size: int) -> None:
    with pytest.raises(FrameError):
        FrameReader().feed(b"\x10" + size.to_bytes(2, "big"))


def test_the_first_frame_says_whose_call_it_is() -> None:
    call = uuid4()

    assert call_of(*FrameReader().feed(on_the_wire(0x01, call.bytes))[0]) == call


@pytest.mark.parametrize(
    ("kind", "payload"), [(Kind.AUDIO, bytes(320)), (Kind.HANGUP, b""), (Kind.UUID, bytes(15)), (0x47, b"ET /")]
)
def test_anything_else_first_is_refused(kind: int, payload: bytes) -> None:
    with pytest.raises(FrameError):
        call_of(kind, payload)
