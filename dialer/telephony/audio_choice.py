"""Which way audio takes with this Asterisk: the one place where that is decided, by what Asterisk says it has."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Literal

import structlog

from dialer.errors import AriError, AriUnavailableError, MediaError
from dialer.telephony.ari import AriClient
from dialer.telephony.audio_port import AudioKind, AudioOffer
from dialer.telephony.audiosocket import AudioSocketDoor
from dialer.telephony.media import WebSocketOffer

log = structlog.get_logger()

#: The modules that each way needs.
NEEDED_MODULES = {
    AudioKind.WEBSOCKET: ("chan_websocket",),
    AudioKind.AUDIOSOCKET: ("res_audiosocket", "chan_audiosocket"),
}
#: First release of each branch whose chan_websocket takes JSON messages; branches above have it from the start.
FIRST_WEBSOCKET_MINOR = {20: 16, 21: 11, 22: 6}
#: First branch whose ARI makes AudioSocket channels.
FIRST_AUDIOSOCKET_MAJOR = 18
_VERSION = re.compile(r"(\d+)\.(\d+)")
_NOT_FOUND = 404

Wanted = Literal["auto", "websocket", "audiosocket"]


def release(version: str) -> tuple[int, int] | None:
    """Branch and release in Asterisk's own words, such as 22.10.1~dfsg or certified-20.7-cert3."""
    found = _VERSION.search(version)
    return (int(found[1]), int(found[2])) if found else None


def possible(kind: AudioKind, version: str) -> bool:
    """Whether that release can carry audio this way; true when nobody can tell."""
    known = release(version)
    if known is None:
        return True
    major, minor = known
    if kind is AudioKind.AUDIOSOCKET:
        return major >= FIRST_AUDIOSOCKET_MAJOR
    return major >= min(FIRST_WEBSOCKET_MINOR) and minor >= FIRST_WEBSOCKET_MINOR.get(major, 0)


def choose(wanted: Wanted, version: str, running: frozenset[str]) -> AudioKind | None:
    """The first way that is wanted, possible, and loaded; None if there is none."""
    kinds = list(AudioKind) if wanted == "auto" else [AudioKind(wanted)]
    for kind in kinds:
        if possible(kind, version) and running.issuperset(NEEDED_MODULES[kind]):
            return kind
    return None


def what_to_load(wanted: Wanted, version: str, running: frozenset[str]) -> str:
    """What to add to modules.conf, or to do instead, so that there is a way; the better one first."""
    kinds = list(AudioKind) if wanted == "auto" else [AudioKind(wanted)]
    ways = [
        ", ".join(f"load = {name}.so" for name in NEEDED_MODULES[kind] if name not in running)
        for kind in kinds
        if possible(kind, version)
    ]
    if ways:
        return "Add to modules.conf: " + "; or ".join(ways) + "; then restart."
    if wanted == "websocket":
        return "Set DIALER_ARI__MEDIA=auto (AudioSocket), or update Asterisk to 20.16, 22.6 or later."
    return "Update Asterisk to 18 or later; 22 is the one that is tested."


async def running_modules(ari: AriClient) -> frozenset[str] | None:
    """Names without .so; None if this Asterisk does not list them. Raises AriError and AriUnavailableError."""
    try:
        listed = await ari.modules()
    except AriError as error:
        if error.status == _NOT_FOUND:
            return None
        raise
    names = (str(module.get("name", "")) for module in listed if module.get("status") == "Running")
    return frozenset(name.removesuffix(".so") for name in names)


class AudioDoor:
    """Makes media channels, whichever way this Asterisk has. Asks it once for each connection to it (`forget`)."""

    def __init__(self, ari: AriClient) -> None:
        """Call on the running event loop."""
        self._ari = ari
        self._kind: AudioKind | None = None
        self._asking = asyncio.Lock()
        self._audiosocket = AudioSocketDoor(ari)

    def forget(self) -> None:
        """Ask again: it may be another Asterisk by now."""
        self._kind = None

    async def ready(self) -> AudioKind:
        """Which way it will be; to be awaited before a customer's phone rings.

        Raises AriUnavailableError, also when there is no way: then nobody must be called.
        """
        async with self._asking:
            if self._kind is None:
                self._kind = await self._ask()
                log.info("audio_chosen", kind=str(self._kind))
            return self._kind

    async def _ask(self) -> AudioKind:
        wanted = self._ari.settings.media
        try:
            running = await running_modules(self._ari)
            version = str((await self._ari.info()).get("system", {}).get("version", "")) if running is not None else ""
            if running is None:
                log.warning("modules_not_listed", app=self._ari.app)
                kind: AudioKind | None = AudioKind.WEBSOCKET if wanted == "auto" else AudioKind(wanted)
            else:
                kind = choose(wanted, version, running)
            if kind is None:
                raise AriUnavailableError(f"no way for audio. {what_to_load(wanted, version, running or frozenset())}")
            if kind is AudioKind.AUDIOSOCKET:
                await self._audiosocket.start()
        except (AriError, MediaError) as error:
            raise AriUnavailableError(f"audio cannot be chosen: {error}") from error
        return kind

    async def offer(self, channel_id: str, variables: Mapping[str, str]) -> AudioOffer:
        """A media channel (8 kHz signed linear). Raises MediaError, AriError and AriUnavailableError."""
        if await self.ready() is AudioKind.AUDIOSOCKET:
            return await self._audiosocket.offer(channel_id, variables)
        return await WebSocketOffer.make(self._ari, channel_id, variables)

    async def close(self) -> None:
        """Take no connections any more."""
        await self._audiosocket.close()
