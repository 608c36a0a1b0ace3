"""The bot's audio on one call, whichever way it travels: by WebSocket (media.py) or AudioSocket (audiosocket.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

#: 20 ms of 8 kHz signed linear.
FRAME_BYTES = 320
#: Frames that may wait to be played (16 s); what is longer waits with whoever speaks.
WINDOW_FRAMES = 800


class AudioKind(StrEnum):
    """The ways that audio can take between Asterisk and a worker."""

    #: chan_websocket: the worker connects to Asterisk, which queues and paces.
    WEBSOCKET = "websocket"
    #: chan_audiosocket: Asterisk connects to the worker (TCP), which queues and paces.
    AUDIOSOCKET = "audiosocket"


@dataclass(frozen=True, slots=True)
class AudioHandlers:
    """Who listens. All are called on the event loop and must return at once."""

    #: 20 ms or more of what the channel hears (slin).
    on_audio: Callable[[bytes], None]
    #: All that was played before this mark has been heard.
    on_mark: Callable[[str], None]
    #: Asterisk closed the audio, or it was lost; not called for our own `close`.
    on_closed: Callable[[], None]


class Audio(Protocol):
    """Connected audio of one call. The commands are those of `ports.Line`; after its end they do nothing."""

    async def play(self, pcm: bytes) -> None:
        """Queue audio; waits for room, not for the customer to hear it. Ends early when flushed."""
        ...

    async def mark(self, name: str) -> None:
        """Ask to be told when everything queued so far has been heard."""
        ...

    async def pause(self) -> None:
        """Stop playing at once; the queue stays."""
        ...

    async def resume(self) -> None:
        """Go on playing."""
        ...

    async def flush(self) -> None:
        """Drop everything queued, marks included, and be ready to play at once."""
        ...

    async def close(self) -> None:
        """End the audio: Asterisk then hangs the media channel up, and the customer's channel stays."""
        ...


class AudioOffer(Protocol):
    """A media channel that has been made in Asterisk and is not connected yet."""

    async def connect(self, handlers: AudioHandlers) -> Audio:
        """Connect it, once. Raises MediaError."""
        ...
