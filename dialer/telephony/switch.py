"""The PBX as one worker process sees it: its lines, and the channels that outlived their worker."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import socket
from datetime import UTC, datetime, timedelta

import structlog

from dialer.errors import AriError, AriUnavailableError
from dialer.settings import Settings
from dialer.telephony import ids
from dialer.telephony.ari import AriClient, Snapshot
from dialer.telephony.audio_choice import AudioDoor
from dialer.telephony.events import AriEvents
from dialer.telephony.line import AriLine

log = structlog.get_logger()

#: A bridge without channels that is older than this belongs to a worker that died.
_ORPHAN_AGE = timedelta(seconds=60)


def app_name() -> str:
    """A Stasis application name that no other process has: events must reach the owner of the call only."""
    host = "".join(letter if letter.isalnum() else "-" for letter in socket.gethostname())[:32]
    return f"dialer-{host}-{os.getpid()}-{secrets.token_hex(3)}"


class AriSwitch:
    """Implements `ports.Switch` on one Asterisk node.

    Made on a running event loop; `async with`, or `start` and `close`.
    """

    def __init__(self, settings: Settings, *, app: str | None = None, rng: random.Random | None = None) -> None:
        self._settings = settings
        self.app = app or app_name()
        self.ari = AriClient(settings.ari, self.app)
        self._audio = AudioDoor(self.ari)
        self.events = AriEvents(self.ari, settings.ari, rng, on_connecting=self._audio.forget)

    async def start(self) -> None:
        """Connect. A PBX that is away is no error here: connecting goes on, and dialing waits for it."""
        self.events.start()
        try:
            await self.events.wait_connected(self._settings.ari.request_timeout_s)
            await self._sweep_bridges()
            await self._audio.ready()
        except (AriUnavailableError, AriError) as error:
            log.warning("ari_not_ready", app=self.app, reason=str(error))

    async def close(self) -> None:
        """Disconnect. Lines must be closed before."""
        await self.events.close()
        await self._audio.close()
        await self.ari.close()

    async def __aenter__(self) -> AriSwitch:
        await self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    @property
    def available(self) -> bool:
        """Whether Asterisk can be asked now."""
        return self.events.connected

    def line(self) -> AriLine:
        """A fresh line."""
        return AriLine(
            self.ari,
            self.events,
            self._audio,
            endpoint=self._settings.ari.endpoint,
            allowed_prefixes=self._settings.calls.allowed_prefixes,
            cap_margin_s=self._settings.calls.cap_margin_s,
            connect_timeout_s=self._settings.ari.request_timeout_s,
        )

    async def hangup_attempt(self, attempt_id: str) -> bool:
        """Hang up all that an attempt has left behind; False if its channel was gone already."""
        lived = await self.ari.hangup(attempt_id)
        await self.ari.hangup(ids.operator_id(attempt_id))
        await self.ari.hangup(ids.media_id(attempt_id))
        await self.ari.destroy_bridge(ids.bridge_id(attempt_id))
        return lived

    async def is_live(self, attempt_id: str) -> bool:
        """Whether a channel of this attempt lives."""
        return await self.ari.channel(attempt_id) is not None

    async def _sweep_bridges(self) -> None:
        """Delete the empty bridges of workers that were killed: Asterisk keeps them for ever."""
        orphans = [bridge["id"] for bridge in await self.ari.bridges() if _is_orphan(bridge)]
        await asyncio.gather(*(self.ari.destroy_bridge(bridge_id) for bridge_id in orphans))
        if orphans:
            log.info("orphaned_bridges_deleted", count=len(orphans))


def _is_orphan(bridge: Snapshot) -> bool:
    """Ours, empty, and not being filled at this moment."""
    if not str(bridge.get("id", "")).endswith(ids.BRIDGE_SUFFIX) or bridge.get("channels"):
        return False
    made = datetime.strptime(str(bridge.get("creationtime")), "%Y-%m-%dT%H:%M:%S.%f%z")
    return datetime.now(UTC) - made > _ORPHAN_AGE
