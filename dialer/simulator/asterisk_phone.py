"""A simulated customer's phone behind a real Asterisk: a channel in the `customers` application."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from dialer.errors import AriError, AriUnavailableError
from dialer.telephony.ari import AriClient
from dialer.telephony.audio_choice import AudioDoor
from dialer.telephony.audio_port import Audio, AudioHandlers

#: Begins the ids of our media channels, which enter the same application as the customers' channels.
MEDIA_PREFIX = "ear-"
_GONE = frozenset({404, 409, 412})


def media_id(channel_id: str) -> str:
    """The id of a customer's media channel.

    Asterisk 22 takes an id for used when it is a prefix of a living channel's id, and chan_websocket then crashes:
    "….1" must not stand beside "….19", so every id has an end of its own.
    """
    return f"{MEDIA_PREFIX}{channel_id}-end"


class CustomersAri(AriClient):
    """What the called side of a call may do. All but `refuse` raise AriError when the channel has gone."""

    async def ring(self, channel_id: str) -> None:
        """Indicate ringing."""
        await self._request("POST", f"/channels/{channel_id}/ring")

    async def progress(self, channel_id: str) -> None:
        """Indicate early media."""
        await self._request("POST", f"/channels/{channel_id}/progress")

    async def answer(self, channel_id: str) -> None:
        """Answer."""
        await self._request("POST", f"/channels/{channel_id}/answer")

    async def send_digit(self, channel_id: str, digit: str) -> None:
        """Send a DTMF digit."""
        await self._request("POST", f"/channels/{channel_id}/dtmf", params={"dtmf": digit})

    async def refuse(self, channel_id: str, cause: int) -> None:
        """End the channel with a numeric cause (Q.850); nothing when it has ended."""
        await self._delete(f"/channels/{channel_id}", {"reason_code": str(cause)})


class AsteriskPhone:
    """Implements `Phone` on one channel. `entered` waits until a channel is in the application."""

    def __init__(
        self,
        ari: CustomersAri,
        audio: AudioDoor,
        channel_id: str,
        number: str,
        entered: Callable[[str], Awaitable[None]],
    ) -> None:
        self.number = number
        self.on_audio: Callable[[bytes], None] = lambda _pcm: None
        self._ari = ari
        self._audio = audio
        self._channel_id = channel_id
        self._media_id = media_id(channel_id)
        self._bridge_id = f"{MEDIA_PREFIX}bridge-{channel_id}"
        self._entered = entered
        self._media: Audio | None = None
        self._to_say: asyncio.Queue[bytes] = asyncio.Queue()
        self._speaker: asyncio.Task[None] | None = None
        self._unheard = 0
        self._spoken = asyncio.Event()
        self._spoken.set()
        self._ended = False

    async def ringing(self) -> None:
        await self._ari.ring(self._channel_id)

    async def progress(self) -> None:
        await self._ari.progress(self._channel_id)
        await self._connect()

    async def answer(self) -> None:
        await self._ari.answer(self._channel_id)
        await self._connect()

    async def reject(self, cause: int) -> None:
        await self._end(cause)

    async def hangup(self) -> None:
        await self._end(16)

    async def send_digit(self, digit: str) -> None:
        await self._ari.send_digit(self._channel_id, digit)

    def send(self, pcm: bytes) -> None:
        self._unheard += 1
        self._spoken.clear()
        self._to_say.put_nowait(pcm)

    async def spoken(self) -> None:
        await self._spoken.wait()

    async def close(self) -> None:
        """End the channel and everything that was made for it; safe on every path."""
        await self._end(16)
        if self._speaker is not None:
            self._speaker.cancel()
            await asyncio.wait([self._speaker])
        if self._media is not None:
            await self._media.close()
        await self._ari.hangup(self._media_id)
        await self._ari.destroy_bridge(self._bridge_id)

    async def _end(self, cause: int) -> None:
        """The first cause counts: Asterisk would answer a call that is just ending with the second one."""
        if self._ended:
            return
        self._ended = True
        try:
            await self._ari.refuse(self._channel_id, cause)
        except AriUnavailableError:
            self._ended = False
            raise

    async def _connect(self) -> None:
        """Give the channel an ear and a mouth, once."""
        if self._media is not None:
            return
        offer = await self._audio.offer(self._media_id, {})
        self._media = await offer.connect(AudioHandlers(self._hear, self._said, self._spoken.set))
        await self._entered(self._media_id)
        await self._ari.create_bridge(self._bridge_id)
        await self._ari.add_to_bridge(self._bridge_id, self._channel_id, self._media_id)
        self._speaker = asyncio.create_task(self._speak(self._media), name=f"speaker-{self._channel_id}")

    async def _speak(self, media: Audio) -> None:
        while True:
            await media.play(await self._to_say.get())
            await media.mark("said")

    def _hear(self, pcm: bytes) -> None:
        self.on_audio(pcm)

    def _said(self, _mark: str) -> None:
        self._unheard -= 1
        if self._unheard == 0:
            self._spoken.set()


def has_gone(error: AriError) -> bool:
    """Whether a request failed because the dialer's side ended the call first: no error in a simulated life."""
    return error.status in _GONE
