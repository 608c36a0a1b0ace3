"""Lines that dial nothing: what is left of a call when telephony, audio and conversation cost nothing.

For measurements of everything around a call (broker, claims, leases, settlements). No setting chooses them: a
program puts `NullSwitch` in the place of `dialer.bootstrap.make_switch`, as `scripts/bench/null_worker.py` does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from dialer.domain.outcome import Disposition
from dialer.telephony.ports import DialRequest, DialResult, LineHandlers

#: Q.850 causes: normal clearing, user busy, unallocated number.
_CLEARED, _BUSY, _UNALLOCATED = 16, 17, 1


def null_disposition(phone: str) -> tuple[Disposition, int]:
    """How a null call ends: numbers on 0, 1 and 2 do not exist (the shop is told), all others are busy (the ladder)."""
    return (Disposition.INVALID_NUMBER, _UNALLOCATED) if phone[-1] in "012" else (Disposition.BUSY, _BUSY)


class NullLine:
    """Implements `telephony.ports.Line`: never answers, and ends after `think_s`."""

    def __init__(self, think_s: float) -> None:
        self.attempt_id = ""
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._think_s = think_s

    async def dial(self, request: DialRequest, handlers: LineHandlers) -> DialResult:
        """Ring for the think time."""
        self.attempt_id = request.attempt_id
        if self._think_s:
            await asyncio.wait([self.ended], timeout=self._think_s)
        if self.ended.done():
            return DialResult(Disposition.NO_ANSWER, self.ended.result())
        return DialResult(*null_disposition(request.phone))

    async def play(self, pcm: bytes) -> None:
        """Nobody hears it."""

    async def mark(self, name: str) -> None:
        """Nothing was heard."""

    async def pause(self) -> None:
        """Nothing plays."""

    async def resume(self) -> None:
        """Nothing plays."""

    async def flush(self) -> None:
        """Nothing waits."""

    async def transfer(self, endpoint: str, variables: Mapping[str, str], timeout_s: float) -> bool:
        """Nobody answers."""
        return False

    async def hangup(self) -> None:
        """Stop ringing."""
        if not self.ended.done():
            self.ended.set_result(_CLEARED)

    async def close(self) -> None:
        """Stop ringing."""
        await self.hangup()


class NullSwitch:
    """Implements `telephony.ports.Switch`, with `start` and `close` like `AriSwitch`."""

    def __init__(self, think_s: float) -> None:
        self._think_s = think_s

    async def start(self) -> None:
        """There is nothing to connect to."""

    async def close(self) -> None:
        """There is nothing to disconnect from."""

    def line(self) -> NullLine:
        """A fresh line."""
        return NullLine(self._think_s)

    async def hangup_attempt(self, attempt_id: str) -> bool:
        """No channel outlives its worker."""
        return False

    async def is_live(self, attempt_id: str) -> bool:
        """No channel outlives its worker."""
        return False
