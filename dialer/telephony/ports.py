"""What a conversation and the use cases need of telephony.

A `Line` is one call. It is dialed once; after answer it carries audio both ways; it is closed on every path.
Callbacks run on the event loop and must not block: they are the frame path.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from dialer.domain.outcome import Disposition


@dataclass(frozen=True, slots=True)
class DialRequest:
    """One dial. `attempt_id` becomes the channelId; `phone` is E.164 with the plus sign; times in seconds."""

    attempt_id: str
    phone: str
    ring_timeout_s: float = 30.0
    #: Hard cap on the call's length, enforced on the Asterisk side too.
    max_call_s: float = 180.0
    caller_id: str | None = None
    #: Channel variables (never personal data: they appear in Asterisk's logs).
    variables: Mapping[str, str] = field(default_factory=dict)
    #: Asked right before the phone would ring; False: it must not any more.
    may_ring: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True)
class DialResult:
    """How dialing ended: `disposition` is None when the customer answered and the media is connected."""

    disposition: Disposition | None
    cause: int | None = None


@dataclass(slots=True)
class LineHandlers:
    """Who listens to a line. Set before `dial`; all are called on the event loop and must return at once."""

    #: 20 ms or more of the customer's audio (slin). Not called while the customer's side sends nothing.
    on_audio: Callable[[bytes], None] = lambda _pcm: None
    #: A DTMF digit was pressed.
    on_digit: Callable[[str], None] = lambda _digit: None
    #: Everything that was played before this mark has been heard (or was flushed: then it is not called).
    on_mark: Callable[[str], None] = lambda _name: None
    #: Far end rings or sends early media.
    on_ringing: Callable[[], None] = lambda: None


class Line(Protocol):
    """One call."""

    attempt_id: str
    #: Done when the call has ended, by anyone; the result is the numeric hangup cause (Q.850).
    ended: asyncio.Future[int]

    async def dial(self, request: DialRequest, handlers: LineHandlers) -> DialResult:
        """Originate and wait for answer, failure or ring timeout; on answer, connect the media.

        HUNG_UP means that the customer answered and left before the media was connected; LOST that the channel
        ended, or that nobody can say whether the phone has rung, while the connection to Asterisk was away;
        NOT_DIALED that `may_ring` said no. Raises ConflictError when a channel with this id already lives (a second
        dial of one attempt), InputError for a number that must not be dialed, AriUnavailableError or AriError when
        Asterisk cannot be asked, MediaError when the call was answered but its audio could not be connected. `close`
        must follow on every path, cancellation included.
        """
        ...

    async def play(self, pcm: bytes) -> None:
        """Queue audio (slin) behind what is queued; returns when Asterisk has it, not when it was heard.

        Asterisk holds 16 s; what is longer waits here. After the call's end this and the commands below do nothing.
        """
        ...

    async def mark(self, name: str) -> None:
        """Ask for `on_mark(name)` when all audio queued so far has been heard."""
        ...

    async def pause(self) -> None:
        """Stop playing at once; what is queued stays (barge-in onset)."""
        ...

    async def resume(self) -> None:
        """Go on playing what is queued (it was a cough)."""
        ...

    async def flush(self) -> None:
        """Drop what is queued, marks included, and be ready to play anew (it was speech)."""
        ...

    async def transfer(self, endpoint: str, variables: Mapping[str, str], timeout_s: float) -> bool:
        """Connect the customer with an operator; True once the operator answered. False: nobody did.

        After True the bot is out; the line lives until the customer or the operator hangs up (`ended`), and
        `close` would end their talk. After False the bot goes on, and may try again.
        """
        ...

    async def hangup(self) -> None:
        """End the call; no error if it has ended."""
        ...

    async def close(self) -> None:
        """Tear everything down (media socket, bridge, channels); safe to call twice and on every path.

        Returns once the customer's phone is surely free: while Asterisk cannot be asked, that may take as long as its
        own cap on the call.
        """
        ...


class Switch(Protocol):
    """The PBX as the use cases see it: it makes lines and answers for channels that outlived their worker."""

    def line(self) -> Line:
        """A fresh line."""
        ...

    async def hangup_attempt(self, attempt_id: str) -> bool:
        """Hang up the channel of an attempt; False if there was none."""
        ...

    async def is_live(self, attempt_id: str) -> bool:
        """Whether a channel of this attempt lives."""
        ...
