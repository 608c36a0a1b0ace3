"""One call on a real (or simulated) Asterisk: dial, talk, hand over, tear down."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from typing import Any

import structlog

from dialer.domain.outcome import Disposition
from dialer.errors import AriError, AriUnavailableError, ConflictError, MediaError, TelephonyError
from dialer.telephony import ids
from dialer.telephony.ari import AriClient
from dialer.telephony.audio_choice import AudioDoor
from dialer.telephony.audio_port import Audio, AudioHandlers, AudioOffer
from dialer.telephony.dialstring import dial_number
from dialer.telephony.events import AriEvents, Event
from dialer.telephony.leg import ABSOLUTE_TIMEOUT, CAUSE_UNKNOWN, Leg, LegEnd
from dialer.telephony.ports import DialRequest, DialResult, LineHandlers

log = structlog.get_logger()

#: Q.850: network out of order.
CAUSE_MEDIA_LOST = 38
#: How long customer and operator may talk after a transfer.
TRANSFERRED_MAX_S = 1800
#: When the bridge is asked again, should the event that the media channel is ready have been missed; 5 s altogether.
_BRIDGE_PAUSES_S = [0.05] * 20 + [0.25] * 16
_NOT_IN_STASIS = 422
_HANGUP_CONFIRMED_S = 2.0


class AriLine:
    """One call. Implements `ports.Line`."""

    def __init__(
        self,
        ari: AriClient,
        events: AriEvents,
        audio: AudioDoor,
        *,
        endpoint: str,
        allowed_prefixes: list[str],
        cap_margin_s: float,
        connect_timeout_s: float,
    ) -> None:
        self.attempt_id = ""
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._ari = ari
        self._events = events
        self._door = audio
        self._endpoint = endpoint
        self._allowed_prefixes = allowed_prefixes
        self._cap_margin_s = cap_margin_s
        self._connect_timeout_s = connect_timeout_s
        self._customer: Leg | None = None
        self._operator: Leg | None = None
        self._media: Audio | None = None
        self._making: asyncio.Task[AudioOffer] | None = None
        self._media_in_stasis = asyncio.Event()
        self._background: set[asyncio.Task[Any]] = set()
        self._closing: asyncio.Task[None] | None = None

    # -- dialing

    async def dial(self, request: DialRequest, handlers: LineHandlers) -> DialResult:
        """Originate, wait, and on answer connect the media. See `ports.Line.dial`.

        Raises InputError for a number that must not be dialed, MediaError when the call was answered but its
        audio could not be connected (the customer is hung up by `close`).
        """
        number = dial_number(request.phone, self._allowed_prefixes)
        self.attempt_id = request.attempt_id
        await self._events.wait_connected(self._connect_timeout_s)
        await self._door.ready()
        leg = self._customer = Leg(
            self._ari,
            self._events,
            request.attempt_id,
            on_digit=handlers.on_digit,
            on_ringing=handlers.on_ringing,
            may_ring=request.may_ring,
        )
        leg.ended.add_done_callback(self._on_customer_ended)
        endpoint = self._endpoint.format(number=number)
        disposition = await leg.dial(endpoint, self._variables(request), request.ring_timeout_s)
        if disposition is None:
            disposition = await self._connect_media(request, handlers, leg)
        end = leg.ended.result() if leg.ended.done() else None
        return DialResult(disposition, end.cause if end is not None and disposition is not None else None)

    def _variables(self, request: DialRequest) -> dict[str, str]:
        """Channel variables of the customer's leg; the cap also covers a ringing phone of a dead worker."""
        life_s = math.ceil(request.ring_timeout_s + request.max_call_s + self._cap_margin_s)
        variables = {**request.variables, ABSOLUTE_TIMEOUT: str(life_s)}
        if request.caller_id:
            variables["CALLERID(num)"] = variables["CONNECTEDLINE(num)"] = request.caller_id
        return variables

    # -- media

    async def _connect_media(self, request: DialRequest, handlers: LineHandlers, leg: Leg) -> Disposition | None:
        """From answer to audio both ways; HUNG_UP when the customer was faster."""
        cap_s = str(math.ceil(request.max_call_s + self._cap_margin_s))
        try:
            self._events.listen(ids.media_id(self.attempt_id), self._on_media_event)
            self._making = asyncio.create_task(self._make_bridge_and_media(cap_s), name="ari-media")
            offer = await asyncio.shield(self._making)
            self._media = await offer.connect(AudioHandlers(handlers.on_audio, handlers.on_mark, self._on_media_closed))
            await asyncio.gather(
                self._join_bridge(leg), self._ari.set_variable(leg.channel_id, ABSOLUTE_TIMEOUT, cap_s)
            )
        except TelephonyError as error:
            # Requests about a channel that has just gone are refused: that is a hang-up, not an error.
            if await self._has_ended(leg):
                return Disposition.HUNG_UP
            raise MediaError(f"answered, but without audio: {error}") from error
        return Disposition.HUNG_UP if leg.ended.done() else None

    async def _make_bridge_and_media(self, cap_s: str) -> AudioOffer:
        """Both at once, and both to their ends even when the dial is cancelled: `close` must know what there is."""
        bridge, offer = await asyncio.gather(
            self._ari.create_bridge(ids.bridge_id(self.attempt_id)),
            self._door.offer(ids.media_id(self.attempt_id), {ABSOLUTE_TIMEOUT: cap_s}),
            return_exceptions=True,
        )
        if isinstance(bridge, BaseException):
            raise bridge
        if isinstance(offer, BaseException):
            raise offer
        return offer

    async def _join_bridge(self, leg: Leg) -> None:
        """Both channels into the bridge, once the media channel is in our application."""
        for pause_s in _BRIDGE_PAUSES_S:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._media_in_stasis.wait(), pause_s)
            try:
                return await self._ari.add_to_bridge(
                    ids.bridge_id(self.attempt_id), leg.channel_id, ids.media_id(self.attempt_id)
                )
            except AriError as error:
                if error.status != _NOT_IN_STASIS or leg.ended.done():
                    raise
                self._media_in_stasis.clear()
        raise MediaError("the media channel did not enter the application")

    async def _has_ended(self, leg: Leg) -> bool:
        """Whether the customer's channel is gone, even when its event is still on the way."""
        with contextlib.suppress(AriUnavailableError):  # then nobody knows, and `close` makes sure
            if not leg.ended.done() and await self._ari.channel(leg.channel_id) is None:
                await asyncio.wait({leg.ended}, timeout=_HANGUP_CONFIRMED_S)
                return True
        return leg.ended.done()

    async def play(self, pcm: bytes) -> None:
        """See `ports.Line.play`. Does nothing once the call has ended, like all that follow."""
        if self._media is not None:
            await self._media.play(pcm)

    async def mark(self, name: str) -> None:
        """See `ports.Line.mark`."""
        if self._media is not None:
            await self._media.mark(name)

    async def pause(self) -> None:
        """See `ports.Line.pause`."""
        if self._media is not None:
            await self._media.pause()

    async def resume(self) -> None:
        """See `ports.Line.resume`."""
        if self._media is not None:
            await self._media.resume()

    async def flush(self) -> None:
        """See `ports.Line.flush`."""
        if self._media is not None:
            await self._media.flush()

    # -- hand-over

    async def transfer(self, endpoint: str, variables: Mapping[str, str], timeout_s: float) -> bool:
        """See `ports.Line.transfer`. Afterwards the line lives until customer or operator hangs up."""
        customer = self._customer
        if customer is None or customer.ended.done() or self._operator is not None:
            return False
        operator = self._operator = Leg(self._ari, self._events, ids.operator_id(self.attempt_id))
        life = {**variables, ABSOLUTE_TIMEOUT: str(TRANSFERRED_MAX_S)}
        try:
            if not await self._ring_operator(operator, customer, endpoint, life, timeout_s):
                return False
            await self._ari.add_to_bridge(ids.bridge_id(self.attempt_id), operator.channel_id)
            await self._ari.set_variable(customer.channel_id, ABSOLUTE_TIMEOUT, str(TRANSFERRED_MAX_S))
        except (AriError, AriUnavailableError, ConflictError) as error:
            log.warning("transfer_failed", attempt=self.attempt_id, reason=str(error))
            return False
        else:
            operator.ended.add_done_callback(lambda _: self._spawn(self.hangup()))
            await self._drop_media()
            return not customer.ended.done()
        finally:
            if self._media is not None:
                await operator.close()
                self._operator = None

    async def _ring_operator(
        self, operator: Leg, customer: Leg, endpoint: str, variables: Mapping[str, str], timeout_s: float
    ) -> bool:
        """Whether the operator answered before the time was up and before the customer left."""
        ringing = asyncio.ensure_future(operator.dial(endpoint, variables, timeout_s))
        try:
            either: list[asyncio.Future[Any]] = [ringing, customer.ended]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            return ringing.done() and ringing.result() is None and not customer.ended.done()
        finally:
            ringing.cancel()
            await asyncio.wait([ringing])

    async def _drop_media(self) -> None:
        """The bot leaves; customer and operator stay in the bridge."""
        media, self._media = self._media, None
        if media is not None:
            await media.close()

    # -- the end

    async def hangup(self) -> None:
        """See `ports.Line.hangup`."""
        if self._customer is not None and not self._customer.ended.done():
            await self._customer.hangup()

    async def close(self) -> None:
        """See `ports.Line.close`. Finished even when the caller is cancelled meanwhile."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._tear_down(), name="line-close")
        await asyncio.shield(self._closing)

    async def _tear_down(self) -> None:
        """Customer first (he must not listen to silence), then everything that was made for him."""
        if self._customer is not None:
            await self._quietly(self._customer.close())
        if self._operator is not None:
            await self._quietly(self._operator.close())
        if self._making is not None:
            await asyncio.wait([self._making])
            self._making.exception()  # `dial` has raised it
            self._events.forget(ids.media_id(self.attempt_id), self._on_media_event)
            await self._quietly(self._drop_media())
            await self._quietly(self._ari.hangup(ids.media_id(self.attempt_id)))
            await self._quietly(self._ari.destroy_bridge(ids.bridge_id(self.attempt_id)))
        if self._background:
            await asyncio.wait(self._background)  # they are all bounded, or waiting for what has just happened
        if not self.ended.done():
            self.ended.set_result(CAUSE_UNKNOWN)

    async def _quietly(self, step: Awaitable[Any]) -> None:
        """One step of the tear-down; what Asterisk refuses now, its own cap ends later."""
        try:
            await step
        except TelephonyError as error:
            log.warning("teardown_incomplete", attempt=self.attempt_id, reason=str(error))

    # -- events

    def _on_customer_ended(self, ended: asyncio.Future[LegEnd]) -> None:
        if not self.ended.done():
            self.ended.set_result(ended.result().cause)
        self._spawn(self._drop_media())  # whoever is waiting to speak need not wait any longer

    def _on_media_event(self, event: Event) -> None:
        if event["type"] == "StasisStart":
            self._media_in_stasis.set()

    def _on_media_closed(self) -> None:
        """Asterisk closed the media: as a rule because the call has ended; else the call is of no use any more."""
        if not self.ended.done():
            self._spawn(self._end_without_media())

    async def _end_without_media(self) -> None:
        await asyncio.wait({self.ended}, timeout=_HANGUP_CONFIRMED_S / 4)
        if self.ended.done():
            return
        log.warning("media_lost", attempt=self.attempt_id)
        await self._quietly(self.hangup())
        await asyncio.wait({self.ended}, timeout=_HANGUP_CONFIRMED_S)
        if not self.ended.done():
            self.ended.set_result(CAUSE_MEDIA_LOST)

    def _spawn(self, work: Any) -> None:
        """Run something that nobody waits for but `close`."""
        task = asyncio.ensure_future(self._quietly(work))
        self._background.add(task)
        task.add_done_callback(self._background.discard)
