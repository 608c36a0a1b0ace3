"""The connection to the PBX breaks while phones ring and customers talk: nobody is taken for free who is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from dialer.chaos.proxy import CuttingProxy
from dialer.domain.outcome import Disposition
from dialer.errors import AriError, AriUnavailableError
from dialer.settings import AriSettings, CallSettings, Settings
from dialer.simulator.pbx import SimulatedPbx, contract_callees
from dialer.telephony.ports import DialRequest, DialResult, LineHandlers
from dialer.telephony.switch import AriSwitch

RINGS_FOREVER, SENDS_NOTHING = "+79000000019", "+79000000101"
NOBODY_LISTENS = 9


@dataclass
class Wire:
    """A PBX behind a proxy that can be cut."""

    pbx: SimulatedPbx
    proxy: CuttingProxy
    switch: AriSwitch

    def cut(self) -> None:
        """Nothing gets through any more."""
        self.proxy.target_port = NOBODY_LISTENS
        self.proxy.cut()

    def mend(self) -> None:
        """Everything gets through again."""
        self.proxy.target_port = self.pbx.port

    def dial(
        self, phone: str, ring_timeout_s: float
    ) -> tuple[asyncio.Task[DialResult], Callable[[], asyncio.Task[None]]]:
        """Begin a call; returns it, and what closes its line."""
        line = self.switch.line()
        request = DialRequest("attempt-1", phone, ring_timeout_s=ring_timeout_s, max_call_s=30.0)
        dialing = asyncio.create_task(line.dial(request, LineHandlers()))
        return dialing, lambda: asyncio.create_task(line.close())


@asynccontextmanager
async def wired() -> AsyncIterator[Wire]:
    async with SimulatedPbx(contract_callees) as pbx:
        proxy = CuttingProxy(pbx.port)
        await proxy.start()
        ari = AriSettings(
            url=f"http://127.0.0.1:{proxy.port}/ari",
            username=pbx.username,
            password=pbx.password,
            reconnect_min_s=0.05,
            reconnect_max_s=0.2,
            request_timeout_s=1.0,
        )
        async with AriSwitch(Settings(ari=ari, calls=CallSettings(allowed_prefixes=["7"]))) as switch:
            yield Wire(pbx, proxy, switch)
        await proxy.close()


async def _until(happened: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not happened():  # noqa: ASYNC110 - the PBX has no event for it
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("phone", [RINGS_FOREVER, SENDS_NOTHING])
async def test_a_line_is_not_closed_before_its_phone_is_free(phone: str) -> None:
    # Given a phone that rings (or a customer on the line), and then no connection
    async with wired() as wire:
        dialing, close = wire.dial(phone, ring_timeout_s=30.0)
        await _until(lambda: wire.pbx.calls)
        await _until(lambda: phone == RINGS_FOREVER or dialing.done())
        wire.cut()
        dialing.cancel()
        await asyncio.wait([dialing])
        # When the line is closed
        closing = close()
        await asyncio.wait({closing}, timeout=1.0)
        # Then that takes until the PBX can be told to hang up
        assert not closing.done()
        assert "attempt-1" in wire.pbx.live_channels
        wire.mend()
        await closing
        assert "attempt-1" not in wire.pbx.live_channels


async def test_a_dial_whose_answer_is_lost_counts_as_a_dial() -> None:
    # Given a PBX that takes the request to dial, and a connection that breaks before it has answered
    async with wired() as wire:
        dial = wire.switch.ari.dial

        async def dial_and_break(channel_id: str, timeout_s: int) -> None:
            await dial(channel_id, timeout_s)
            raise AriUnavailableError("connection reset")

        wire.switch.ari.dial = dial_and_break  # type: ignore[method-assign]
        dialing, close = wire.dial(RINGS_FOREVER, ring_timeout_s=5.0)
        # When
        result = await dialing
        await close()
        # Then it uses up an attempt: the phone has rung
        assert len(wire.pbx.calls) == 1
        assert result.disposition is Disposition.LOST
        assert wire.pbx.live_channels == []


async def test_the_events_alone_can_be_cut_and_come_back() -> None:
    # Given
    async with wired() as wire:
        dialing, close = wire.dial(SENDS_NOTHING, ring_timeout_s=5.0)
        assert (await dialing).disposition is None
        # When
        assert wire.proxy.cut(events_only=True) == 1
        await _until(lambda: not wire.switch.available)
        await _until(lambda: wire.switch.available)
        # Then the call is still up, and ends when it should
        assert "attempt-1" in wire.pbx.live_channels
        await close()
        assert "attempt-1" not in wire.pbx.live_channels


async def test_a_pbx_that_is_just_starting_refuses_nothing() -> None:
    # Given a phone that rings until the ring timeout, when its PBX has just been restarted
    async with wired() as wire:

        async def not_booted(_channel_id: str, _reason: str = "normal") -> bool:
            raise AriUnavailableError('{"message":"Asterisk not booted"}')

        hangup = wire.switch.ari.hangup
        wire.switch.ari.hangup = not_booted  # type: ignore[method-assign]
        dialing, close = wire.dial(RINGS_FOREVER, ring_timeout_s=0.5)
        # When
        result = await dialing
        wire.switch.ari.hangup = hangup  # type: ignore[method-assign]
        await close()
        # Then the phone has rung for nothing, which counts
        assert result.disposition is Disposition.LOST
        assert wire.pbx.live_channels == []


async def test_a_pbx_that_refuses_to_hang_up_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a customer on the line, and a PBX whose answers are errors
    async with wired() as wire:
        dialing, close = wire.dial(SENDS_NOTHING, ring_timeout_s=5.0)
        assert (await dialing).disposition is None
        refused = asyncio.Event()
        hangup = wire.switch.ari.hangup

        async def refuse(_channel_id: str, _reason: str = "normal") -> bool:
            refused.set()
            raise AriError(500, "Internal Server Error")

        monkeypatch.setattr(wire.switch.ari, "hangup", refuse)
        # When
        closing = close()
        await refused.wait()
        monkeypatch.setattr(wire.switch.ari, "hangup", hangup)
        await closing
        # Then the line is closed once the customer's phone is free
        assert "attempt-1" not in wire.pbx.live_channels
