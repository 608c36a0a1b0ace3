"""A bare ARI client for the simulator's own tests: aiohttp and nothing of the dialer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from dialer.simulator.pbx import SimulatedPbx

APP = "test"


class BareAri:
    """One application: its events in order, and requests."""

    def __init__(self, pbx: SimulatedPbx, session: aiohttp.ClientSession) -> None:
        self.pbx = pbx
        self.session = session
        self.events: list[dict[str, Any]] = []
        self.socket: aiohttp.ClientWebSocketResponse | None = None
        self._arrived = asyncio.Condition()

    async def listen(self, app: str = APP) -> asyncio.Task[None]:
        """Connect the events WebSocket and read it in a task."""
        self.socket = await self.session.ws_connect(f"{self.pbx.ari_url}/events?app={app}")
        return asyncio.create_task(self._read(self.socket))

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            async with self._arrived:
                self.events.append(json.loads(message.data))
                self._arrived.notify_all()

    async def event(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Wait for an event of this type whose channel has `channel_id`, or any."""

        def wanted(event: dict[str, Any]) -> bool:
            channel = fields.get("channel_id")
            return event["type"] == kind and (channel is None or event["channel"]["id"] == channel)

        return await self.until(lambda: next((event for event in self.events if wanted(event)), None))

    async def until(self, found: Callable[[], Any]) -> Any:
        """Wait until `found()` is true; looks again at each event."""
        async with asyncio.timeout(10), self._arrived:
            while not (result := found()):
                await self._arrived.wait()
            return result

    def kinds(self, channel_id: str) -> list[str]:
        """Types of a channel's events, in order."""
        return [event["type"] for event in self.events if event.get("channel", {}).get("id") == channel_id]

    async def request(self, method: str, path: str, **body: Any) -> tuple[int, Any]:
        """One REST request; its status and JSON."""
        async with self.session.request(method, f"{self.pbx.ari_url}/{path}", json=body or None) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else None

    async def originate(self, number: str, channel_id: str, ring_s: float = 30) -> tuple[int, Any]:
        """Dial."""
        return await self.request(
            "POST", "channels", endpoint=f"PJSIP/{number}@trunk", app=APP, channelId=channel_id, timeout=ring_s
        )

    async def talk(self, number: str, channel_id: str) -> Media:
        """Dial, wait for answer, connect the media and bridge the two."""
        await self.originate(number, channel_id)
        await self.event("StasisStart", channel_id=channel_id)
        media = await self.media(f"{channel_id}-media")
        await self.event("StasisStart", channel_id=f"{channel_id}-media")
        await self.request("POST", f"bridges/{channel_id}-bridge", type="mixing")
        both = f"{channel_id},{channel_id}-media"
        status, answer = await self.request("POST", f"bridges/{channel_id}-bridge/addChannel?channel={both}")
        assert status == 204, answer
        return media

    async def media(self, channel_id: str) -> Media:
        """A connected media channel."""
        status, channel = await self.request(
            "POST",
            "channels/externalMedia",
            app=APP,
            channelId=channel_id,
            external_host="INCOMING",
            transport="websocket",
            connection_type="server",
            encapsulation="none",
            format="slin",
        )
        assert status == 200, channel
        connection = channel["channelvars"]["MEDIA_WEBSOCKET_CONNECTION_ID"]
        url = f"http://127.0.0.1:{self.pbx.port}/media/{connection}"
        return Media(await self.session.ws_connect(url, protocols=("media",), compress=0))


class Media:
    """The media WebSocket: what arrived, in order, with the loop's time of arrival."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.messages: list[tuple[float, dict[str, Any]]] = []
        self.heard: list[tuple[float, bytes]] = []

    async def command(self, command: str, **fields: str) -> None:
        """Send a control message."""
        await self.socket.send_str(json.dumps({"command": command, **fields}))

    async def play(self, pcm: bytes) -> None:
        """Send audio for bulk playback."""
        await self.command("START_MEDIA_BUFFERING")
        for start in range(0, len(pcm), 32000):
            await self.socket.send_bytes(pcm[start : start + 32000])
        await self.command("STOP_MEDIA_BUFFERING", correlation_id="played")

    async def receive_until(self, done: Callable[[], Any]) -> None:
        """Read until `done()`."""
        async with asyncio.timeout(15):
            while not done():
                message = await self.socket.receive()
                assert message.type in {aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT}, message
                now = asyncio.get_running_loop().time()
                if message.type is aiohttp.WSMsgType.BINARY:
                    self.heard.append((now, message.data))
                else:
                    self.messages.append((now, json.loads(message.data)))

    def events(self) -> list[str]:
        """Names of the control messages that arrived."""
        return [message["event"] for _, message in self.messages]

    async def event(self, name: str) -> dict[str, Any]:
        """Wait for a control message."""
        await self.receive_until(lambda: name in self.events())
        return next(message for _, message in self.messages if message["event"] == name)


@asynccontextmanager
async def ari(pbx: SimulatedPbx) -> AsyncIterator[BareAri]:
    """A listening client."""
    headers = {"Authorization": aiohttp.encode_basic_auth(pbx.username, pbx.password)}
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0)) as session:
        client = BareAri(pbx, session)
        reader = await client.listen()
        yield client
        assert client.socket is not None
        await client.socket.close()
        await reader
