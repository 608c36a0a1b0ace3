"""ARI events: one WebSocket for the process, reconnected for ever, dispatched by channel id.

A dropped WebSocket loses no call: channels stay in the application and audio flows on. What happened in the gap is
found out after reconnecting, by asking for every channel that we know (docs/telephony.md).
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from typing import Any

import aiohttp
import structlog

from dialer.errors import AriError, AriUnavailableError, ConflictError
from dialer.settings import AriSettings
from dialer.telephony.ari import AriClient

log = structlog.get_logger()

Event = dict[str, Any]
Listener = Callable[[Event], None]
#: `type` of the made-up event that carries a channel's snapshot after a reconnect.
RECONCILED = "Reconciled"
#: `type` of the made-up event for a channel that ended while nobody listened.
VANISHED = "Vanished"
_RECONCILE_AT_ONCE = 20


class AriEvents:
    """Keeps the events WebSocket open and tells listeners what happens to their channels."""

    def __init__(
        self,
        ari: AriClient,
        settings: AriSettings,
        rng: random.Random | None = None,
        on_connecting: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_connecting` is called for each new connection, before it counts as connected."""
        self._ari = ari
        self._on_connecting = on_connecting
        self._settings = settings
        self._rng = rng or random.Random()
        self._listeners: dict[str, Listener] = {}
        self._confirmed: set[str] = set()
        self._connected = asyncio.Event()
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether events arrive now."""
        return self._connected.is_set()

    def start(self) -> None:
        """Connect in the background, now and whenever the connection is lost."""
        self._task = asyncio.create_task(self._run(), name="ari-events")

    async def wait_connected(self, timeout_s: float) -> None:
        """Wait until events arrive; raises AriUnavailableError when they do not in time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._connected.wait()
        except TimeoutError as error:
            raise AriUnavailableError("no connection to the ARI events") from error

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def drop(self) -> None:
        """Close the WebSocket under our feet (fault tests); it is opened again at once."""
        if self._socket is not None:
            await self._socket.close()

    def listen(self, channel_id: str, listener: Listener) -> None:
        """Send a channel's events to `listener`, on the event loop.

        Raises ConflictError when somebody listens already: the channel is another line's.
        """
        if channel_id in self._listeners:
            raise ConflictError(f"channel {channel_id} lives already")
        self._listeners[channel_id] = listener

    def confirm(self, channel_id: str) -> None:
        """The channel exists: from now on its absence means that it has ended."""
        self._confirmed.add(channel_id)

    def forget(self, channel_id: str, listener: Listener) -> None:
        """Stop sending a channel's events to this listener."""
        if self._listeners.get(channel_id) == listener:
            del self._listeners[channel_id]
            self._confirmed.discard(channel_id)

    async def _run(self) -> None:
        """Connect, listen, and when it breaks wait a little longer each time."""
        failures = 0
        while True:
            try:
                socket = await self._ari.open_events()
            except (AriUnavailableError, AriError) as error:
                failures += 1
                if failures in (1, 10, 100):
                    log.warning("ari_events_unreachable", app=self._ari.app, failures=failures, reason=str(error))
                await asyncio.sleep(self._pause_s(failures))
                continue
            failures = 0
            await self._listen(socket)
            await asyncio.sleep(self._pause_s(1))

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """One connection's life."""
        self._socket = socket
        log.info("ari_events_connected", app=self._ari.app)
        try:
            self._on_connecting()
            await self._reconcile()
            self._connected.set()
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._read(message.data)
        except (AriUnavailableError, AriError) as error:
            log.warning("ari_reconcile_failed", app=self._ari.app, reason=str(error))
        finally:
            self._connected.clear()
            self._socket = None
            await socket.close()
            log.info("ari_events_disconnected", app=self._ari.app, code=socket.close_code)

    async def _reconcile(self) -> None:
        """Ask for every known channel and tell its listener what became of it."""
        gate = asyncio.Semaphore(_RECONCILE_AT_ONCE)

        async def ask(channel_id: str) -> None:
            async with gate:
                snapshot = await self._ari.channel(channel_id)
            if snapshot is None:
                self._tell(channel_id, {"type": VANISHED})
            else:
                self._tell(channel_id, {"type": RECONCILED, "channel": snapshot})

        await asyncio.gather(*(ask(channel_id) for channel_id in sorted(self._confirmed)))

    def _read(self, text: str) -> None:
        """One message; what is no event of ours costs that message, and not the ears of the whole worker."""
        try:
            self._dispatch(json.loads(text))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            log.error("ari_event_unreadable", app=self._ari.app, error=type(error).__name__)

    def _dispatch(self, event: Event) -> None:
        """Find whom an event concerns; events of forgotten channels concern nobody."""
        channel = event.get("channel") or event.get("peer")
        if isinstance(channel, dict):
            self._tell(str(channel.get("id")), event)
        elif event.get("type") == "ApplicationReplaced":
            log.error("ari_application_taken_over", app=self._ari.app)

    def _tell(self, channel_id: str, event: Event) -> None:
        listener = self._listeners.get(channel_id)
        if listener is not None:
            listener(event)

    def _pause_s(self, failures: int) -> float:
        """Exponential backoff with full jitter."""
        ceiling = min(self._settings.reconnect_max_s, self._settings.reconnect_min_s * 2 ** min(failures, 16))
        return self._rng.uniform(self._settings.reconnect_min_s / 2, ceiling)
