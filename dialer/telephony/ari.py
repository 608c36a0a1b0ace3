"""ARI over HTTP: the few requests that the dialer makes, and the one place where HTTP errors become ours."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import aiohttp
from yarl import URL

from dialer.errors import AriError, AriUnavailableError, ConflictError, MediaError
from dialer.settings import AriSettings

#: Below Asterisk's `session_keep_alive`, so that no request goes out on a connection that it is just closing.
_KEEPALIVE_S = 5.0
_MEDIA_CLOSE_S = 1.0
_EVENTS_HEARTBEAT_S = 10.0
_NOT_FOUND = 404
_CONFLICT = 409
#: While Asterisk starts or ends (503), or from a proxy before it: says nothing of what was asked for.
_NOBODY_HOME = frozenset({502, 503, 504})

Snapshot = dict[str, Any]


class AriClient:
    """Requests to one Asterisk on behalf of one Stasis application. Made on a running event loop.

    Every method raises AriUnavailableError when Asterisk cannot be reached in time and AriError when it refuses.
    """

    def __init__(self, settings: AriSettings, app: str) -> None:
        self.app = app
        self.settings = settings
        self._base = settings.url.rstrip("/")
        secret = f"{settings.username}:{settings.password.get_secret_value()}".encode()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE_S),
            timeout=aiohttp.ClientTimeout(total=settings.request_timeout_s),
            headers={"Authorization": "Basic " + base64.b64encode(secret).decode()},
        )
        self._connect_timeout_s = settings.request_timeout_s

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of Asterisk's HTTP server."""
        url = URL(self._base)
        return url.host or "", url.port or 0

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    # -- channels

    async def create_channel(self, channel_id: str, endpoint: str, variables: Mapping[str, str]) -> Snapshot:
        """A channel that is in our application and not dialed yet.

        Raises ConflictError when a channel with this id lives.
        """
        body = {"endpoint": endpoint, "app": self.app, "channelId": channel_id, "variables": dict(variables)}
        try:
            return await self._object("POST", "/channels/create", json=body)
        except AriError as error:
            if error.status == _CONFLICT:
                raise ConflictError(f"channel {channel_id} lives already") from error
            raise

    async def dial(self, channel_id: str, timeout_s: int) -> None:
        """Dial a created channel; Asterisk gives up after `timeout_s`."""
        await self._request("POST", f"/channels/{channel_id}/dial", params={"timeout": str(timeout_s)})

    async def hangup(self, channel_id: str, reason: str = "normal") -> bool:
        """Hang up; False if there is no such channel."""
        return await self._delete(f"/channels/{channel_id}", {"reason": reason})

    async def channel(self, channel_id: str) -> Snapshot | None:
        """A channel's snapshot, or None."""
        try:
            return await self._object("GET", f"/channels/{channel_id}")
        except AriError as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    async def set_variable(self, channel_id: str, name: str, value: str) -> None:
        """Set a channel variable or function."""
        await self._request("POST", f"/channels/{channel_id}/variable", json={"variable": name, "value": value})

    async def external_media(self, channel_id: str, variables: Mapping[str, str], how: Mapping[str, str]) -> Snapshot:
        """A media channel (8 kHz signed linear) that is connected as `how` says."""
        body = {"channelId": channel_id, "app": self.app, "format": "slin", "variables": dict(variables), **how}
        return await self._object("POST", "/channels/externalMedia", json=body)

    # -- bridges

    async def create_bridge(self, bridge_id: str) -> None:
        """A mixing bridge."""
        await self._request("POST", f"/bridges/{bridge_id}", json={"type": "mixing"})

    async def add_to_bridge(self, bridge_id: str, *channel_ids: str) -> None:
        """Let channels talk."""
        await self._request("POST", f"/bridges/{bridge_id}/addChannel", params={"channel": ",".join(channel_ids)})

    async def destroy_bridge(self, bridge_id: str) -> bool:
        """End a bridge; False if there is none, or if Asterisk is just destroying it (409 for that moment)."""
        try:
            return await self._delete(f"/bridges/{bridge_id}")
        except AriError as error:
            if error.status == _CONFLICT:
                return False
            raise

    async def bridges(self) -> list[Snapshot]:
        """All bridges of this Asterisk."""
        found = await self._request("GET", "/bridges")
        return found if isinstance(found, list) else []

    # -- the server itself

    async def info(self) -> Snapshot:
        """What Asterisk says of itself; `system.version` among it."""
        return await self._object("GET", "/asterisk/info")

    async def modules(self) -> list[Snapshot]:
        """All modules: `name` (with .so), `status` (Running, Not Running)."""
        found = await self._request("GET", "/asterisk/modules")
        return found if isinstance(found, list) else []

    async def endpoint(self, technology: str, resource: str) -> Snapshot:
        """An endpoint of a trunk; `state` is online, offline or unknown."""
        return await self._object("GET", f"/endpoints/{technology}/{resource}")

    # -- WebSockets

    async def open_events(self) -> aiohttp.ClientWebSocketResponse:
        """The events of our application and of nothing else."""
        url = f"{self._base}/events?app={self.app}&subscribeAll=false"
        return await self._open(url, heartbeat=_EVENTS_HEARTBEAT_S)

    async def open_media(self, connection_id: str) -> aiohttp.ClientWebSocketResponse:
        """The media WebSocket of one call; no compression: audio does not shrink, CPU does.

        Raises MediaError.
        """
        root = self._base.removesuffix("/ari")
        try:
            return await self._open(f"{root}/media/{connection_id}", protocols=("media",))
        except (AriError, AriUnavailableError) as error:
            raise MediaError(f"the media WebSocket did not open: {error}") from error

    async def _open(self, url: str, **options: Any) -> aiohttp.ClientWebSocketResponse:
        """Open a WebSocket within the request timeout."""
        timeout = aiohttp.ClientWSTimeout(ws_close=_MEDIA_CLOSE_S)
        try:
            socket: aiohttp.ClientWebSocketResponse = await self._session.ws_connect(
                url, compress=0, max_msg_size=0, timeout=timeout, **options
            )
        except aiohttp.WSServerHandshakeError as error:
            raise AriError(error.status, "WebSocket refused") from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise AriUnavailableError(_words(error)) from error
        return socket

    # -- requests

    async def _object(self, method: str, path: str, **options: Any) -> Snapshot:
        found = await self._request(method, path, **options)
        if not isinstance(found, dict):
            raise AriError(502, f"{method} {path.split('/')[1]} answered no object")
        return found

    async def _delete(self, path: str, params: Mapping[str, str] | None = None) -> bool:
        """DELETE; False when there was nothing to delete."""
        try:
            await self._request("DELETE", path, params=params)
        except AriError as error:
            if error.status == _NOT_FOUND:
                return False
            raise
        return True

    async def _request(self, method: str, path: str, **options: Any) -> Any:
        """One request; the parsed JSON answer, or None when it has no body."""
        try:
            async with self._session.request(method, self._base + path, **options) as response:
                if response.status in _NOBODY_HOME:
                    raise AriUnavailableError(_refusal(await response.text()))
                if response.status >= 400:
                    raise AriError(response.status, _refusal(await response.text()))
                return await response.json() if response.content_type == "application/json" else None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise AriUnavailableError(_words(error)) from error


def _refusal(body: str) -> str:
    """What Asterisk says is wrong, bounded: it goes into logs."""
    return body.strip().replace("\n", " ")[:200]


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:200]
