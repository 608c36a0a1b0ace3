"""Workers that were stopped, starved or cut off, and go on as if nothing had happened."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from dialer import campaigns
from dialer.calls.leases import keep_leases
from dialer.chaos.judge import ACKNOWLEDGEMENT_S
from dialer.domain.order import OrderState
from dialer.domain.outcome import Disposition
from dialer.domain.policy import CallingWindow
from dialer.ledger import dnc, outbox
from dialer.ledger.orders import attempts_of
from dialer.ledger.store import Ledger
from dialer.simulator.pbx.callees import rings_forever
from dialer.simulator.pbx.phone import Phone
from dialer.speech.ports import SAMPLE_RATE_HZ
from tests.support.factories import NOW
from tests.support.one_call import LEASE_S, OneCall, one_call


async def test_a_worker_that_slept_through_its_lease_rings_nobody(ledger: Ledger, tmp_path: Path) -> None:
    # Given a worker that falls asleep between its claim and the dial
    async with one_call(ledger, tmp_path, rings_forever) as call:

        async def sleep() -> None:
            call.clock[0] += LEASE_S

        call.shop.ask = sleep
        # When it wakes up
        await call.run(await call.release())
        # Then the phone stays silent, and the order has lost nothing
        order = await call.order()
        assert call.pbx.calls == []
        assert call.pbx.live_channels == []
        assert (order.state, order.attempts, order.disposition) == (OrderState.WAITING, 0, Disposition.NOT_DIALED)


async def test_a_shop_that_answers_after_closing_time_lets_nobody_ring(ledger: Ledger, tmp_path: Path) -> None:
    # Given a window that closes within the half minute, in a time zone where it is about noon
    now = datetime.now(UTC)
    zone = f"Etc/GMT{now.hour - 12:+d}"
    closing = (now.astimezone(ZoneInfo(zone)) + timedelta(seconds=20)).time()
    window = CallingWindow(start=time(0, 0), end=closing, timezone=zone)
    async with one_call(ledger, tmp_path, rings_forever, window=window) as call:

        async def slowly() -> None:
            call.clock[0] += 25.0

        call.shop.ask = slowly
        # When
        await call.run(await call.release())
        # Then the order has lost nothing, and waits for tomorrow
        order = await call.order()
        assert call.pbx.calls == []
        assert (order.state, order.attempts, order.disposition) == (OrderState.WAITING, 0, Disposition.NOT_DIALED)


async def test_a_worker_that_is_told_to_end_while_it_asks_the_shop_rings_nobody(ledger: Ledger, tmp_path: Path) -> None:
    # Given
    async with one_call(ledger, tmp_path, rings_forever) as call:

        async def end() -> None:
            call.ports.draining = True

        call.shop.ask = end
        # When
        await call.run(await call.release())
        # Then
        assert call.pbx.calls == []
        assert (await call.order()).attempts == 0


async def test_whoever_keeps_its_lease_may_ring_for_as_long_as_it_takes(ledger: Ledger, tmp_path: Path) -> None:
    # Given a shop that takes longer to answer than a lease lasts, and a worker that renews
    async with one_call(ledger, tmp_path, rings_forever) as call:

        async def slowly() -> None:
            call.clock[0] += LEASE_S
            before = dict(call.ports.held_until)

            async def renewed() -> bool:
                return call.ports.held_until != before

            await call.until(renewed)

        call.shop.ask = slowly
        keeper = asyncio.create_task(keep_leases(call.ports))
        # When
        calling = call.run(await call.release())

        async def rings() -> bool:
            return bool(call.pbx.calls)

        # Then
        await call.until(rings)
        keeper.cancel()
        calling.cancel()
        await asyncio.wait([keeper, calling])


async def test_a_phone_stops_ringing_when_its_number_is_put_on_the_do_not_call_list(
    ledger: Ledger, tmp_path: Path
) -> None:
    # Given a phone that rings
    async with one_call(ledger, tmp_path, rings_forever) as call:
        keeper = asyncio.create_task(keep_leases(call.ports))
        calling = call.run(await call.release())

        async def rings() -> bool:
            return bool(call.pbx.calls)

        await call.until(rings)
        # When
        async with ledger.begin() as tx:
            await dnc.add(tx, (await call.order()).order.phone, reason="asked by mail", now=NOW)
        await asyncio.wait([calling])
        # Then
        assert call.pbx.live_channels == []
        keeper.cancel()
        await asyncio.wait([keeper])


class _Presses:
    """Picks up, and presses 1 once `now` is set, until the call ends. `heard` is what the bot says from then on."""

    def __init__(self) -> None:
        self.now = asyncio.Event()
        self.heard = bytearray()

    @property
    def heard_s(self) -> float:
        """Seconds of sound."""
        return sum(map(bool, self.heard[1::2])) / SAMPLE_RATE_HZ

    def _on_audio(self, pcm: bytes) -> None:
        if self.now.is_set():
            self.heard += pcm

    async def __call__(self, phone: Phone) -> None:
        phone.on_audio = self._on_audio
        await phone.answer()
        await self.now.wait()
        while True:
            await phone.send_digit("1")
            await asyncio.sleep(0.1)


async def _until_talking(call: OneCall) -> None:
    async def talking() -> bool:
        return (await call.order()).state is OrderState.TALKING

    await call.until(talking)


async def _cannot_hang_up(_attempt_id: str) -> bool:
    return False


async def test_what_is_decided_in_a_call_that_was_taken_away_is_not_acknowledged(
    ledger: Ledger, tmp_path: Path
) -> None:
    # Given a customer on the phone, and an emergency stop that has ended the call in the ledger only
    presses = _Presses()
    async with one_call(ledger, tmp_path, presses) as call:
        attempt_id = await call.release()
        calling = call.run(attempt_id)
        await _until_talking(call)
        await campaigns.stop_all(ledger, _cannot_hang_up)
        # When the customer decides
        presses.now.set()
        await asyncio.wait([calling])
        # Then the call is hung up, and nobody believes that the order is confirmed
        assert presses.heard_s < ACKNOWLEDGEMENT_S / 2
        async with ledger.begin() as tx:
            (attempt,) = await attempts_of(tx, (await call.order()).pk)
            assert await outbox.count_pending(tx) == 0
        assert call.pbx.live_channels == []
        assert attempt.decision is None
        assert (await call.order()).state is OrderState.SKIPPED


async def test_a_call_is_settled_by_its_worker(ledger: Ledger, tmp_path: Path) -> None:
    # Given
    presses = _Presses()
    presses.now.set()
    async with one_call(ledger, tmp_path, presses) as call:
        # When
        await call.run(await call.release())
        # Then
        assert (await call.order()).state is OrderState.DECIDED
        assert presses.heard_s > ACKNOWLEDGEMENT_S
        assert len(call.pbx.calls) == 1
