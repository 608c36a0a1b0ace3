"""The personas behind a real Asterisk: `python -m dialer.simulator.customers --ari-url URL --world world.json`.

The dialplan sends their calls here by `Stasis(customers,${EXTEN})`. Without `--world` the contract's callees answer.
The ARI password comes from the variable that `--password-env` names. Once it is connected, `{"pid"}` is written to
the `--ready` file. Ends on SIGTERM, SIGINT, or its parent's death.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import aiohttp
import structlog
import uvloop
from pydantic import SecretStr

from dialer.errors import AriError, AriUnavailableError, DialerError, MediaError
from dialer.settings import AriSettings
from dialer.simulator.asterisk_phone import MEDIA_PREFIX, AsteriskPhone, CustomersAri, has_gone, media_id
from dialer.simulator.options import add_world_options, callees_of
from dialer.simulator.pbx import Callees
from dialer.simulator.process import announce, die_with_parent, stop_on_signals
from dialer.telephony.audio_choice import AudioDoor

log = structlog.get_logger()

#: Pause before the events WebSocket is opened again.
RECONNECT_S = 0.5
#: A media channel enters the application within this time.
ENTER_S = 5.0


class Customers:
    """Takes the application's incoming calls and lets the callees live them."""

    def __init__(self, ari: CustomersAri, callees: Callees) -> None:
        self.connected = asyncio.Event()
        self._ari = ari
        self._audio = AudioDoor(ari)
        self._callees = callees
        self._calls: dict[str, asyncio.Task[None]] = {}
        self._entering: dict[str, asyncio.Event] = {}

    async def serve(self) -> None:
        """Listen for ever; calls go on while the events WebSocket is away."""
        try:
            while True:
                await self._listen()
                self.connected.clear()
                await asyncio.sleep(RECONNECT_S)
        finally:
            for task in self._calls.values():
                task.cancel()
            if self._calls:
                await asyncio.wait(self._calls.values())
            await self._audio.close()

    async def _listen(self) -> None:
        """One connection's life."""
        try:
            socket = await self._ari.open_events()
        except (AriError, AriUnavailableError) as error:
            log.warning("customers_unreachable", reason=str(error))
            return
        try:
            self._audio.forget()
            self.connected.set()
            await self._drop_ended_calls()
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._take(json.loads(message.data))
        except AriUnavailableError as error:
            log.warning("customers_reconcile_failed", reason=str(error))
        finally:
            await socket.close()

    async def _drop_ended_calls(self) -> None:
        """After a gap: calls whose channel has gone are over."""
        for channel_id in list(self._calls):
            if await self._ari.channel(channel_id) is None:
                self._end(channel_id)

    def _take(self, event: dict[str, Any]) -> None:
        channel = event.get("channel") or {}
        channel_id = str(channel.get("id", ""))
        match event.get("type"):
            case "StasisStart" if channel_id.startswith(MEDIA_PREFIX):
                self._entering.setdefault(channel_id, asyncio.Event()).set()
            case "StasisStart":
                number = (event.get("args") or [""])[0]
                self._calls[channel_id] = asyncio.create_task(self._live(channel_id, number), name=channel_id)
            case "StasisEnd" | "ChannelDestroyed":
                self._end(channel_id)

    def _end(self, channel_id: str) -> None:
        task = self._calls.get(channel_id)
        if task is not None:
            task.cancel()

    async def _live(self, channel_id: str, number: str) -> None:
        """One call, from the first ring to the clean-up."""
        phone = AsteriskPhone(self._ari, self._audio, channel_id, number, self._entered)
        try:
            await self._callees(number)(phone)
        except AriError as error:
            if not has_gone(error):
                log.warning("customer_call_failed", channel_id=channel_id, reason=str(error))
        except (AriUnavailableError, MediaError) as error:
            log.warning("customer_call_failed", channel_id=channel_id, reason=str(error))
        finally:
            self._calls.pop(channel_id, None)
            await self._tidy(phone, channel_id)

    async def _tidy(self, phone: AsteriskPhone, channel_id: str) -> None:
        try:
            await phone.close()
        except (AriError, AriUnavailableError) as error:
            log.warning("customer_not_tidied", channel_id=channel_id, reason=str(error))
        self._entering.pop(media_id(channel_id), None)

    async def _entered(self, channel_id: str) -> None:
        """Wait until a media channel is in the application. Raises MediaError."""
        try:
            async with asyncio.timeout(ENTER_S):
                await self._entering.setdefault(channel_id, asyncio.Event()).wait()
        except TimeoutError as error:
            raise MediaError(f"the media channel {channel_id} did not enter the application") from error


def main() -> None:
    """Parse, connect, serve."""
    parser = argparse.ArgumentParser(prog="python -m dialer.simulator.customers", description="Simulated customers.")
    parser.add_argument("--ari-url", required=True, help="for example http://127.0.0.1:8088/ari")
    parser.add_argument("--app", default="customers", help="the Stasis application of the dialplan")
    add_world_options(parser)
    given = parser.parse_args()
    die_with_parent()
    try:
        uvloop.run(_serve(given, callees_of(given)))
    except DialerError as error:
        sys.exit(f"simulated customers: {error}")


async def _serve(given: argparse.Namespace, callees: Callees) -> None:
    password = SecretStr(os.environ.get(given.password_env, ""))
    settings = AriSettings(url=given.ari_url, username=given.username, password=password)
    ari = CustomersAri(settings, given.app)
    stop = asyncio.Event()
    stop_on_signals(stop)
    customers = Customers(ari, callees)
    serving = asyncio.create_task(customers.serve())
    announcing = asyncio.create_task(_announce(customers, given.ready))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (serving, announcing, stopping):
            task.cancel()
        await asyncio.wait([serving, announcing, stopping])
        await ari.close()
    if not serving.cancelled():
        serving.result()


async def _announce(customers: Customers, ready: Path | None) -> None:
    await customers.connected.wait()
    log.info("customers_ready")
    if ready is not None:
        announce(ready, {"pid": os.getpid()})


if __name__ == "__main__":
    main()
