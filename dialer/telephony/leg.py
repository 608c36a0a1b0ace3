"""One outgoing channel from creation to its end: the customer's, or the operator's."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from dialer.domain.outcome import Disposition
from dialer.errors import AriError, AriUnavailableError, ConflictError
from dialer.telephony.ari import AriClient
from dialer.telephony.causes import disposition_of_failure
from dialer.telephony.events import RECONCILED, VANISHED, AriEvents, Event

log = structlog.get_logger()

#: Our name for "the channel was gone when we could ask again".
CAUSE_UNKNOWN = 0
#: A function that limits a channel's life, in seconds from the moment it is set; Asterisk enforces it by itself.
ABSOLUTE_TIMEOUT = "TIMEOUT(absolute)"
_CLOSE_PAUSE_S = 0.2
_LONGEST_CLOSE_PAUSE_S = 2.0
_STASIS_WAIT_S = 2.0
_DIAL_TRIES = 5
_DIAL_PAUSE_S = 0.02
_NOT_IN_STASIS = 409
_NO_CHANNEL_MADE = 500
#: Channel state that a `dialstatus` tells of; early media counts as ringing.
_STATE_OF_DIAL = {"ANSWER": "Up", "RINGING": "Ringing", "PROGRESS": "Ringing"}


@dataclass(frozen=True, slots=True)
class LegEnd:
    """How a channel ended; `sip_code` is the last SIP answer where there was one."""

    cause: int
    sip_code: int | None = None
    vanished: bool = False


def _ignore_digit(_digit: str) -> None:
    """Nobody listens to keys."""


def _ignore() -> None:
    """Nobody listens for ringing."""


def _always() -> bool:
    """Nothing forbids the phone to ring."""
    return True


class Leg:
    """One outgoing channel. `answered` and `ended` are futures; events may come in any order and twice."""

    def __init__(
        self,
        ari: AriClient,
        events: AriEvents,
        channel_id: str,
        *,
        on_digit: Callable[[str], None] = _ignore_digit,
        on_ringing: Callable[[], None] = _ignore,
        may_ring: Callable[[], bool] = _always,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.channel_id = channel_id
        self.answered: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[LegEnd] = loop.create_future()
        self._ari = ari
        self._events = events
        self._on_digit = on_digit
        self._on_ringing = on_ringing
        self._may_ring = may_ring
        self._in_stasis = asyncio.Event()
        self._rang = False
        self._creating: asyncio.Task[None] | None = None
        #: Whether a channel of ours may exist: False before `create` and after a refusal.
        self._ours = False
        #: When Asterisk itself must have ended the call (loop time); None before the far side can have been rung.
        self._over_at: float | None = None

    async def dial(self, endpoint: str, variables: Mapping[str, str], ring_timeout_s: float) -> Disposition | None:
        """Create, dial and wait; None when answered, else why not.

        Raises ConflictError, AriUnavailableError, AriError. `close` must follow on every path.
        """
        try:
            await self._create(endpoint, variables)
        except AriError as error:
            if error.status != _NO_CHANNEL_MADE:
                raise
            # Asterisk makes no channel when the trunk is unknown, unregistered or does not answer its health check.
            log.warning("trunk_unavailable", channel=self.channel_id, reason=str(error))
            return Disposition.TRUNK_FAILURE
        try:
            instead = await self._start_dialing(ring_timeout_s, float(variables.get(ABSOLUTE_TIMEOUT, 0.0)))
        except AriUnavailableError as error:
            # The request may have arrived: the phone may ring, so this dial counts.
            log.warning("dial_unanswered", channel=self.channel_id, reason=str(error))
            return Disposition.LOST
        return instead or await self._wait_for_answer(ring_timeout_s)

    async def hangup(self, reason: str = "normal") -> bool:
        """Ask Asterisk to end the channel; False if there is none (any more)."""
        return await self._ari.hangup(self.channel_id, reason)

    async def close(self) -> None:
        """End the channel if it is ours, however far it got, and stop listening.

        While Asterisk cannot be asked, or refuses, a call that may ring or talk is not given up before Asterisk itself
        must have ended it: whoever closes it must be sure that the customer's phone is free.
        """
        if self._creating is not None:
            await asyncio.wait([self._creating])
            self._creating.exception()  # whoever awaited `dial` has it; a cancelled dial has nobody to tell
        try:
            await self._end_surely()
        finally:
            self._events.forget(self.channel_id, self._on_event)
            self._end(LegEnd(CAUSE_UNKNOWN, vanished=True))

    async def _end_surely(self) -> None:
        pause_s = _CLOSE_PAUSE_S
        while self._ours and not self.ended.done():
            try:
                if await self._is_ours():
                    await self.hangup()
            except (AriError, AriUnavailableError) as error:
                if self._over_at is not None and asyncio.get_running_loop().time() < self._over_at:
                    await asyncio.wait({self.ended}, timeout=pause_s)
                    pause_s = min(pause_s * 2, _LONGEST_CLOSE_PAUSE_S)
                    continue
                log.warning("leg_left_to_its_cap", channel=self.channel_id, reason=str(error))
            return

    # -- stages of dial

    async def _create(self, endpoint: str, variables: Mapping[str, str]) -> None:
        """Create the channel; the request is finished even when we are cancelled, so that no channel is orphaned."""
        self._events.listen(self.channel_id, self._on_event)
        self._creating = asyncio.create_task(self._create_owned(endpoint, variables), name="ari-create")
        await asyncio.shield(self._creating)

    async def _create_owned(self, endpoint: str, variables: Mapping[str, str]) -> None:
        self._ours = True
        try:
            await self._ari.create_channel(self.channel_id, endpoint, variables)
        except (AriError, ConflictError):
            self._ours = False
            self._events.forget(self.channel_id, self._on_event)
            raise
        self._events.confirm(self.channel_id)

    async def _start_dialing(self, ring_timeout_s: float, life_s: float) -> Disposition | None:
        """Dial once the channel is in our application; why not, if it ended before or must not ring."""
        timeout_s = math.ceil(ring_timeout_s) + 1  # Asterisk's own limit stands behind ours
        try:
            async with asyncio.timeout(_STASIS_WAIT_S):
                await self._in_stasis.wait()
        except TimeoutError:
            log.info("stasis_start_missed", channel=self.channel_id)  # the events WebSocket is away: try all the same
        for attempt in range(_DIAL_TRIES):
            if self.ended.done():
                break
            if not self._may_ring():
                log.warning("must_not_ring", channel=self.channel_id)
                return Disposition.NOT_DIALED
            self._over_at = asyncio.get_running_loop().time() + life_s
            try:
                await self._ari.dial(self.channel_id, timeout_s)
            except AriError as error:
                if error.status == 404:
                    self._end(LegEnd(CAUSE_UNKNOWN, vanished=True))
                    break
                if error.status != _NOT_IN_STASIS or attempt == _DIAL_TRIES - 1:
                    raise
                await asyncio.sleep(_DIAL_PAUSE_S)
            else:
                return None
        return self._failure()

    async def _wait_for_answer(self, ring_timeout_s: float) -> Disposition | None:
        """Answer, failure, or our own ring timeout, whichever comes first."""
        either: list[asyncio.Future[Any]] = [self.answered, self.ended]
        await asyncio.wait(either, timeout=ring_timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if self.ended.done():
            return Disposition.HUNG_UP if self.answered.done() else self._failure()
        if self.answered.done():
            return None
        try:
            await self.hangup("no_answer")
        except (AriUnavailableError, AriError) as error:
            log.warning("ringing_left_to_close", channel=self.channel_id, reason=str(error))
            return Disposition.LOST
        await asyncio.wait({self.ended}, timeout=_STASIS_WAIT_S)
        return Disposition.NO_ANSWER

    def _failure(self) -> Disposition:
        end = self.ended.result()
        return Disposition.LOST if end.vanished else disposition_of_failure(end.cause, end.sip_code)

    async def _is_ours(self) -> bool:
        """Whether the channel with our id is in our application: after a request that got no answer we cannot know."""
        if self._creating is not None and self._creating.done() and self._creating.exception() is None:
            return True
        snapshot = await self._ari.channel(self.channel_id)
        return snapshot is not None and snapshot.get("dialplan", {}).get("app_data") == self._ari.app

    # -- events

    def _on_event(self, event: Event) -> None:
        """What happens to the channel."""
        kind = event["type"]
        if kind == "ChannelDestroyed":
            self._end(LegEnd(int(event.get("cause", CAUSE_UNKNOWN)), event.get("tech_cause")))
        elif kind == VANISHED:
            self._end(LegEnd(CAUSE_UNKNOWN, vanished=True))
        elif kind == "ChannelDtmfReceived":
            self._on_digit(str(event.get("digit", "")))
        elif kind == "StasisStart":
            self._in_stasis.set()
        elif kind == "Dial":
            self._on_state(_STATE_OF_DIAL.get(event.get("dialstatus", "")))
        elif kind in ("ChannelStateChange", RECONCILED):
            self._on_state(event["channel"].get("state"))
            self._in_stasis.set()

    def _on_state(self, state: str | None) -> None:
        if state == "Up" and not self.answered.done():
            self.answered.set_result(None)
        elif state == "Ringing" and not self._rang:
            self._rang = True
            self._on_ringing()

    def _end(self, end: LegEnd) -> None:
        self._in_stasis.set()
        if not self.ended.done():
            self.ended.set_result(end)
