"""Channels and bridges as ARI shows them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol

#: Q.850 causes that the simulator gives, in Asterisk's words.
CAUSE_TEXTS: dict[int, str] = {
    0: "Unknown",
    1: "Unallocated (unassigned) number",
    3: "No route to destination",
    16: "Normal Clearing",
    17: "User busy",
    18: "No user responding",
    19: "User alerting, no answer",
    20: "Subscriber absent",
    21: "Call Rejected",
    26: "Answered elsewhere",
    27: "Destination out of order",
    28: "Invalid number format",
    31: "Normal, unspecified",
    34: "Circuit/channel congestion",
    38: "Network out of order",
    41: "Temporary failure",
    42: "Switching equipment congestion",
    127: "Interworking, unspecified",
}

#: The cause in ChannelHangupRequest when this side ends a channel: AST_SOFTHANGUP_EXPLICIT, not a Q.850 cause.
REQUESTED = 32

#: SIP statuses that come with a cause (`tech_cause`).
TECH_CAUSES: dict[int, int] = {1: 404, 17: 486, 19: 480, 21: 403, 34: 503}

#: `reason` of DELETE /channels/{id} and the cause that it stands for.
HANGUP_REASONS: dict[str, int] = {
    "normal": 16,
    "busy": 17,
    "congestion": 34,
    "no_answer": 19,
    "timeout": 18,
    "rejected": 21,
    "unallocated": 1,
    "normal_unspecified": 31,
    "number_incomplete": 28,
    "codec_mismatch": 58,
    "interworking": 127,
    "failure": 38,
    "answered_elsewhere": 26,
}


class AriRefusal(Exception):  # noqa: N818 - it is an answer, not a failure
    """An ARI request that is answered with an error status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class ChannelState(StrEnum):
    """The channel states that occur here."""

    DOWN = "Down"
    RINGING = "Ringing"
    UP = "Up"


class Leg(Protocol):
    """What a channel is made of: a phone far away, or a media WebSocket."""

    def tick(self) -> bytes | None:
        """The next 20 ms that this side says, None when it says nothing."""
        ...

    def accept(self, pcm: bytes) -> None:
        """20 ms that this side is to hear."""
        ...

    def digit(self, digit: str) -> None:
        """A key pressed on the other side."""
        ...


@dataclass(slots=True)
class Channel:
    """One channel in the hands of a Stasis application."""

    id: str
    name: str
    app: str
    leg: Leg
    caller_number: str = ""
    args: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    state: ChannelState = ChannelState.DOWN
    in_stasis: bool = False
    bridge: Bridge | None = None
    ended: bool = False
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    timers: dict[str, asyncio.TimerHandle] = field(default_factory=dict)

    def snapshot(self) -> dict[str, Any]:
        """The channel as JSON."""
        return {
            "id": self.id,
            "name": self.name,
            "state": str(self.state),
            "protocol_id": "",
            "caller": {"name": "", "number": ""},
            "connected": {"name": "", "number": self.caller_number},
            "accountcode": "",
            "dialplan": {
                "context": "default",
                "exten": "s",
                "priority": 1,
                "app_name": "Stasis" if self.in_stasis else "AppDial2",
                "app_data": ",".join([self.app, *self.args]) if self.in_stasis else "(Outgoing Line)",
            },
            "creationtime": timestamp(self.created_at),
            "language": "en",
        }

    def stop_timers(self) -> None:
        """Cancel whatever would still happen to this channel by time."""
        for timer in self.timers.values():
            timer.cancel()
        self.timers.clear()


@dataclass(slots=True)
class Bridge:
    """A mixing bridge; the channels in it hear each other."""

    id: str
    name: str = ""
    channels: list[Channel] = field(default_factory=list)
    #: Applications that are told of it.
    apps: set[str] = field(default_factory=set)
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def snapshot(self) -> dict[str, Any]:
        """The bridge as JSON."""
        return {
            "id": self.id,
            "technology": "simple_bridge",
            "bridge_type": "mixing",
            "bridge_class": "stasis",
            "creator": "Stasis",
            "name": self.name,
            "channels": [channel.id for channel in self.channels],
            "creationtime": timestamp(self.created_at),
            "video_mode": "none",
        }


def timestamp(moment: datetime) -> str:
    """ARI's time format, for example 2026-11-22T19:14:50.123+0000."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"
