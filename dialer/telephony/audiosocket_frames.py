"""AudioSocket's frames: one byte of kind, two of length (big-endian), then the payload.

Kinds are those of Asterisk's `include/asterisk/res_audiosocket.h`; what its versions make of each is in
docs/telephony.md.
"""

from __future__ import annotations

from enum import IntEnum
from uuid import UUID

HEADER_BYTES = 3
UUID_BYTES = 16
#: Longer frames are refused. Audio of the longest packets that telephones send (150 ms) takes 2400 bytes.
MAX_PAYLOAD_BYTES = 4096


class Kind(IntEnum):
    """What a frame carries."""

    #: The end of the connection; no payload.
    HANGUP = 0x00
    #: Whose audio this is: the first frame from Asterisk.
    UUID = 0x01
    #: A key, as one ASCII character; only newer Asterisks send it, and ARI tells of it anyway.
    DTMF = 0x03
    #: Signed linear, 16 bit, 8 kHz, mono.
    AUDIO = 0x10
    #: The other side's error; one byte of code.
    ERROR = 0xFF


class FrameError(ValueError):
    """The bytes are no AudioSocket."""


#: Ends the channel in every Asterisk; a closed connection alone does not in 18.
HANGUP_FRAME = bytes(HEADER_BYTES)
_LENGTHS_OF_AUDIO = {320: bytes((Kind.AUDIO, 1, 64))}


def audio_frame(pcm: bytes) -> bytes:
    """Audio as one frame; at most `MAX_PAYLOAD_BYTES`."""
    size = len(pcm)
    return (_LENGTHS_OF_AUDIO.get(size) or bytes((Kind.AUDIO, size >> 8, size & 0xFF))) + pcm


class FrameReader:
    """Cuts a stream of bytes into frames, wherever it was split; holds one unfinished frame at most."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The frames (kind, payload) that are complete now. Raises FrameError for one that is too long."""
        buffer = self._rest + data if self._rest else data
        frames: list[tuple[int, bytes]] = []
        at, end = 0, len(buffer)
        while end - at >= HEADER_BYTES:
            size = buffer[at + 1] << 8 | buffer[at + 2]
            if size > MAX_PAYLOAD_BYTES:
                raise FrameError(f"a frame of {size} bytes")
            following = at + HEADER_BYTES + size
            if following > end:
                break
            frames.append((buffer[at], buffer[at + HEADER_BYTES : following]))
            at = following
        self._rest = buffer[at:]
        return frames


def call_of(kind: int, payload: bytes) -> UUID:
    """The UUID in a connection's first frame. Raises FrameError when that is something else."""
    if kind != Kind.UUID or len(payload) != UUID_BYTES:
        raise FrameError("the first frame is no UUID")
    return UUID(bytes=payload)
