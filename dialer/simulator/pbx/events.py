"""ARI events: who listens to which application."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from dialer.simulator.pbx.frames import Background, SocketWriter
from dialer.simulator.pbx.model import timestamp

ENTITY_ID = "02:00:00:00:00:01"


class EventHub:
    """One listener per application. Events of an application that nobody listens to are lost, as in Asterisk."""

    def __init__(self, background: Background) -> None:
        self._listeners: dict[str, SocketWriter] = {}
        self._known: set[str] = set()
        self._background = background

    def register(self, apps: Iterable[str], listener: SocketWriter) -> None:
        """Let `listener` have the events of `apps`; an earlier listener is told so and closed."""
        for app in apps:
            previous = self._listeners.get(app)
            if previous is not None and previous is not listener:
                self._send(previous, app, "ApplicationReplaced", {})
                if previous not in [other for name, other in self._listeners.items() if name != app]:
                    self._background.start(asyncio.ensure_future(previous.socket.close()))
            self._listeners[app] = listener
            self._known.add(app)

    def unregister(self, listener: SocketWriter) -> None:
        """Forget a listener that has gone; its channels live on."""
        self._listeners = {app: other for app, other in self._listeners.items() if other is not listener}

    def listens(self, app: str) -> bool:
        """Whether somebody listens to `app` now."""
        return app in self._listeners

    @property
    def apps(self) -> list[str]:
        """All applications that were ever registered."""
        return sorted(self._known)

    def publish(self, app: str, event: str, **fields: Any) -> None:
        """Send one event to the listener of `app`."""
        listener = self._listeners.get(app)
        if listener is not None:
            self._send(listener, app, event, fields)

    async def close(self) -> None:
        """Close every listener's WebSocket."""
        for listener in set(self._listeners.values()):
            await listener.socket.close()

    async def drop(self, app: str) -> None:
        """Cut the listener of `app` off, as a network failure would."""
        listener = self._listeners.get(app)
        if listener is not None:
            await listener.socket.close(code=1001)

    @staticmethod
    def _send(listener: SocketWriter, app: str, event: str, fields: dict[str, Any]) -> None:
        head = {"type": event, "application": app, "timestamp": timestamp(datetime.now(UTC)), "asterisk_id": ENTITY_ID}
        listener.text(json.dumps({**head, **fields}, ensure_ascii=False))
