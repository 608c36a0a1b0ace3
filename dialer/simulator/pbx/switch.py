"""The switch: what happens to channels and bridges, and which events tell of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from uuid import uuid4

import structlog

from dialer.simulator.pbx.audiosocket import AudioSocketLeg
from dialer.simulator.pbx.events import EventHub
from dialer.simulator.pbx.far_end import FarEnd
from dialer.simulator.pbx.frames import Background, FrameClock
from dialer.simulator.pbx.media import MediaLeg
from dialer.simulator.pbx.model import (
    CAUSE_TEXTS,
    REQUESTED,
    TECH_CAUSES,
    AriRefusal,
    Bridge,
    Channel,
    ChannelState,
    Leg,
)
from dialer.simulator.pbx.phone import Callees
from dialer.simulator.pbx.records import CallLog, CallRecord

log = structlog.get_logger()

#: The variable that limits a channel's life, in seconds from the moment it is set.
ABSOLUTE_TIMEOUT = "TIMEOUT(absolute)"
#: A media channel whose WebSocket does not come is given up after this long (originate's default).
MEDIA_CONNECT_S = 30.0


@dataclass(frozen=True, slots=True)
class NewChannel:
    """What both ways of making a channel have in common."""

    app: str
    channel_id: str = ""
    args: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    caller_number: str = ""


class Switch:
    """All channels and bridges of one simulated PBX. Everything happens on one event loop, without awaiting."""

    def __init__(self, callees: Callees, events: EventHub, records: CallLog, background: Background) -> None:
        self.channels: dict[str, Channel] = {}
        self.bridges: dict[str, Bridge] = {}
        self.media: dict[str, Channel] = {}
        self.clock = FrameClock(self._beat)
        self._callees = callees
        self._events = events
        self._records = records
        self.background = background
        self._serial = count(1)

    # -- making channels

    def create(self, number: str, new: NewChannel) -> Channel:
        """A channel to `number` that is not dialed yet. Raises AriRefusal 409 when its id lives."""
        channel_id = self._free_id(new.channel_id)
        record = CallRecord(channel_id=channel_id, number=number, dialed_at=datetime.now(UTC))
        name = f"PJSIP/trunk-{next(self._serial):08x}"
        return self._add(channel_id, name, FarEnd(channel_id, record, self), new)

    def enter_application(self, channel: Channel) -> None:
        """Give a channel to its application; one that nobody listens to cannot have it, and it is hung up."""
        if channel.in_stasis:
            return
        if not self._events.listens(channel.app):
            log.warning("stasis_app_not_active", app=channel.app, channel_id=channel.id)
            self.hangup(channel, 16)
            return
        channel.in_stasis = True
        self._tell(channel, "StasisStart", args=channel.args)

    def dial(self, channel: Channel, timeout_s: float) -> None:
        """Let the far end's phone ring; give up after `timeout_s` (negative: never)."""
        leg = channel.leg
        if not isinstance(leg, FarEnd) or leg.task is not None:
            raise AriRefusal(409, "Channel is not in the proper state to be dialed")
        leg.record.dialed_at = datetime.now(UTC)
        self._records.dialed(leg.record)
        self._dial_event(channel, "")
        leg.task = asyncio.create_task(self._callees(leg.number)(leg), name=f"callee-{channel.id}")
        leg.task.add_done_callback(lambda task: self._callee_done(leg, task))
        if timeout_s >= 0:
            self._after(channel, "ring", timeout_s, lambda: self.hangup(channel, 19, requested=REQUESTED))

    def audio_channel(self, new: NewChannel, leg: Leg, name: str) -> Channel:
        """A channel that is nothing but audio, not connected yet. Raises AriRefusal 409 when its id lives."""
        channel = self._add(self._free_id(new.channel_id), name, leg, new)
        self._dial_event(channel, "")
        return channel

    def external_media(self, new: NewChannel) -> Channel:
        """A media channel that waits for its WebSocket. Raises AriRefusal 409 when its id lives."""
        leg = MediaLeg(str(uuid4()), lambda: self.hangup_id(leg.channel_id, 16))
        channel = self.audio_channel(new, leg, f"WebSocket/INCOMING/0x{next(self._serial):012x}")
        leg.channel_id = channel.id
        channel.variables["MEDIA_WEBSOCKET_CONNECTION_ID"] = leg.connection_id
        channel.variables["MEDIA_WEBSOCKET_OPTIMAL_FRAME_SIZE"] = "320"
        self.media[leg.connection_id] = channel
        self._after(channel, "connect", MEDIA_CONNECT_S, lambda: self.hangup(channel, 19))
        return channel

    def media_connected(self, channel: Channel) -> None:
        """The media's connection is there: the channel is answered."""
        self._answered(channel)

    def set_variable(self, channel: Channel, name: str, value: str) -> None:
        """Set a channel variable; `TIMEOUT(absolute)` starts the channel's last timer."""
        channel.variables[name] = value
        if name == ABSOLUTE_TIMEOUT:
            self._after(channel, "absolute", float(value), lambda: self.hangup(channel, 16, requested=0))

    def _free_id(self, wanted: str) -> str:
        if wanted in self.channels:
            raise AriRefusal(409, "Channel with given unique ID already exists")
        return wanted or f"{datetime.now(UTC).timestamp():.0f}.{next(self._serial)}"

    def _add(self, channel_id: str, name: str, leg: Leg, new: NewChannel) -> Channel:
        channel = Channel(channel_id, name, new.app, leg, caller_number=new.caller_number, args=new.args)
        self.channels[channel_id] = channel
        self.clock.need(True)
        for variable, value in new.variables.items():
            self.set_variable(channel, variable, value)
        return channel

    def _after(self, channel: Channel, timer: str, delay_s: float, then: Callable[[], None]) -> None:
        self._stop_timer(channel, timer)
        if delay_s > 0:
            channel.timers[timer] = asyncio.get_running_loop().call_later(delay_s, then)

    @staticmethod
    def _stop_timer(channel: Channel, timer: str) -> None:
        running = channel.timers.pop(timer, None)
        if running is not None:
            running.cancel()

    # -- what the far end does

    def far_ringing(self, leg: FarEnd) -> None:
        channel = self._live(leg)
        if channel is not None and channel.state is ChannelState.DOWN:
            channel.state = ChannelState.RINGING
            self._tell(channel, "ChannelStateChange")
            self._dial_event(channel, "RINGING")

    def far_progress(self, leg: FarEnd) -> None:
        channel = self._live(leg)
        if channel is not None and channel.state is not ChannelState.UP:
            self._dial_event(channel, "PROGRESS")

    def far_answer(self, leg: FarEnd) -> None:
        channel = self._live(leg)
        if channel is None or channel.state is ChannelState.UP:
            return
        leg.record.answered_at = datetime.now(UTC)
        self._answered(channel)

    def far_digit(self, leg: FarEnd, digit: str) -> None:
        channel = self._live(leg)
        if channel is None or channel.state is not ChannelState.UP:
            return
        self._tell(channel, "ChannelDtmfReceived", digit=digit, duration_ms=100)
        for other in channel.bridge.channels if channel.bridge else ():
            if other is not channel:
                other.leg.digit(digit)

    def far_hangup(self, leg: FarEnd, cause: int) -> None:
        channel = self._live(leg)
        if channel is not None:
            self.hangup(channel, cause)

    def _live(self, leg: FarEnd) -> Channel | None:
        channel = self.channels.get(leg.channel_id)
        return channel if channel is not None and channel.leg is leg else None

    def _callee_done(self, leg: FarEnd, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("callee_failed", channel_id=leg.channel_id, exc_info=error)
        self.far_hangup(leg, 16)

    # -- the life of a channel

    def _answered(self, channel: Channel) -> None:
        for timer in ("ring", "connect"):
            self._stop_timer(channel, timer)
        channel.state = ChannelState.UP
        self._tell(channel, "ChannelStateChange")
        self._dial_event(channel, "ANSWER")
        self.enter_application(channel)

    def hangup_id(self, channel_id: str, cause: int) -> None:
        """End a channel if it lives."""
        channel = self.channels.get(channel_id)
        if channel is not None:
            self.hangup(channel, cause)

    def hangup(self, channel: Channel, cause: int, *, requested: int | None = None) -> None:
        """End a channel, whoever wants it; a second time does nothing.

        `requested` is the cause in ChannelHangupRequest when it was not the far end that ended it (REQUESTED);
        0 for no such event.
        """
        if channel.ended:
            return
        channel.ended = True
        channel.stop_timers()
        tech = (
            {} if channel.state is ChannelState.UP or cause not in TECH_CAUSES else {"tech_cause": TECH_CAUSES[cause]}
        )
        if requested is None:
            self._tell(channel, "ChannelHangupRequest", cause=cause, **tech)
        elif requested:
            self._tell(channel, "ChannelHangupRequest", cause=requested, soft=True)
        if channel.bridge is not None:
            self.leave(channel.bridge, channel)
        del self.channels[channel.id]
        if channel.in_stasis:
            self._tell(channel, "StasisEnd")
        cause_txt = CAUSE_TEXTS.get(cause, "Unknown")
        self._tell(channel, "ChannelDestroyed", cause=cause, cause_txt=cause_txt, **tech)
        self.clock.need(bool(self.channels))
        self._end_leg(channel, cause)

    def _end_leg(self, channel: Channel, cause: int) -> None:
        leg = channel.leg
        if isinstance(leg, MediaLeg):
            self.media.pop(leg.connection_id, None)
            if leg.socket is not None:
                self.background.start(asyncio.ensure_future(leg.socket.socket.close()))
        if isinstance(leg, AudioSocketLeg):
            leg.close()
        if isinstance(leg, FarEnd) and leg.task is not None:
            leg.record.ended_at, leg.record.cause = datetime.now(UTC), cause
            self._records.ended(leg.record)
            if leg.task is not asyncio.current_task():
                leg.task.cancel()
                self.background.start(leg.task)

    # -- bridges

    def enter(self, bridge: Bridge, channel: Channel) -> None:
        """Put a channel into a bridge, out of the one it was in."""
        if channel.bridge is bridge:
            return
        if channel.bridge is not None:
            self.leave(channel.bridge, channel)
        bridge.channels.append(channel)
        bridge.apps.add(channel.app)
        channel.bridge = bridge
        self._tell(channel, "ChannelEnteredBridge", bridge=bridge.snapshot())

    def leave(self, bridge: Bridge, channel: Channel) -> None:
        """Take a channel out of a bridge."""
        bridge.channels.remove(channel)
        channel.bridge = None
        self._tell(channel, "ChannelLeftBridge", bridge=bridge.snapshot())

    def destroy(self, bridge: Bridge) -> None:
        """Dissolve a bridge; its channels live on."""
        # An application follows a bridge while it has channels in it, and until the end when they hung up there.
        followers = bridge.apps - {channel.app for channel in bridge.channels}
        for channel in list(bridge.channels):
            self.leave(bridge, channel)
        del self.bridges[bridge.id]
        for app in followers:
            self._events.publish(app, "BridgeDestroyed", bridge=bridge.snapshot())

    # -- time and telling

    def _beat(self) -> None:
        """20 ms of every call: each side's next frame goes to the others in its bridge."""
        for channel in list(self.channels.values()):
            frame = channel.leg.tick()
            if frame is None or channel.bridge is None:
                continue
            for other in channel.bridge.channels:
                if other is not channel:
                    other.leg.accept(frame)

    def _dial_event(self, channel: Channel, status: str) -> None:
        self._events.publish(channel.app, "Dial", peer=channel.snapshot(), dialstatus=status, dialstring="", forward="")

    def _tell(self, channel: Channel, event: str, **fields: object) -> None:
        self._events.publish(channel.app, event, **fields, channel=channel.snapshot())
