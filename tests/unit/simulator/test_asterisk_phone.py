"""How a simulated customer's phone ends its channel in a real Asterisk."""

from __future__ import annotations

from typing import cast

import pytest

from dialer.errors import AriUnavailableError
from dialer.simulator.asterisk_phone import AsteriskPhone, CustomersAri
from dialer.telephony.audio_choice import AudioDoor

CHANNEL, BUSY, NORMAL = "pbx-1.7", 17, 16


class Ari:
    """Notes how channels are ended; as often as it is told it cannot be reached."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, int]] = []
        self.away = 0

    async def refuse(self, channel_id: str, cause: int) -> None:
        if self.away:
            self.away -= 1
            raise AriUnavailableError("away")
        self.ended.append((channel_id, cause))

    async def hangup(self, _channel_id: str) -> bool:
        return False

    async def destroy_bridge(self, _bridge_id: str) -> bool:
        return False


@pytest.fixture
def ari() -> Ari:
    return Ari()


@pytest.fixture
async def phone(ari: Ari) -> AsteriskPhone:
    client = cast(CustomersAri, ari)

    async def entered(_channel_id: str) -> None:
        """No media here."""

    return AsteriskPhone(client, AudioDoor(client), CHANNEL, "79161234567", entered)


async def test_the_cause_that_ended_a_call_stands_when_the_phone_is_tidied(ari: Ari, phone: AsteriskPhone) -> None:
    # Given a phone that is busy, and a channel that Asterisk is still ending
    await phone.reject(BUSY)
    # When
    await phone.close()
    # Then no second cause overtakes the first
    assert ari.ended == [(CHANNEL, BUSY)]


async def test_tidying_ends_a_call_that_nobody_has_ended(ari: Ari, phone: AsteriskPhone) -> None:
    await phone.close()

    assert ari.ended == [(CHANNEL, NORMAL)]


async def test_a_request_that_never_arrived_has_ended_nothing(ari: Ari, phone: AsteriskPhone) -> None:
    ari.away = 1
    with pytest.raises(AriUnavailableError):
        await phone.reject(BUSY)

    await phone.close()

    assert ari.ended == [(CHANNEL, NORMAL)]
