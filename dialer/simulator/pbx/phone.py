"""The far end of a call: a phone, and whoever picks it up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Phone(Protocol):
    """One ringing phone, as its owner holds it. Audio is 8 kHz slin.

    Whatever the owner does after the call has ended does nothing. The dialer's hang-up cancels the owner's task.
    """

    number: str
    #: Called on the event loop with what is heard (20 ms or more); silence may come as no call at all.
    on_audio: Callable[[bytes], None]

    async def ringing(self) -> None:
        """Start to ring."""
        ...

    async def progress(self) -> None:
        """Open early media: what is sent from now on is heard before answer."""
        ...

    async def answer(self) -> None:
        """Pick up."""
        ...

    async def reject(self, cause: int) -> None:
        """Refuse the call with a numeric cause (Q.850); only before answer."""
        ...

    async def hangup(self) -> None:
        """End the call normally."""
        ...

    def send(self, pcm: bytes) -> None:
        """Speak: queued behind what is being said, sent in real time."""
        ...

    async def spoken(self) -> None:
        """Wait until everything that was queued has been sent."""
        ...

    async def send_digit(self, digit: str) -> None:
        """Press a key."""
        ...


class Callee(Protocol):
    """Lives one call from the first ring; returning ends the call, and so does the dialer by cancelling."""

    async def __call__(self, phone: Phone) -> None: ...


#: Who picks up which number (digits, without the plus sign).
Callees = Callable[[str], Callee]
