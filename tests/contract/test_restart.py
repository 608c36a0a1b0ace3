"""Asterisk itself dies under live calls and comes back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dialer.domain.outcome import Disposition
from dialer.embedded.asterisk import EmbeddedAsterisk
from dialer.errors import AriUnavailableError
from dialer.settings import AriSettings, CallSettings, Settings
from dialer.telephony.ports import DialRequest
from dialer.telephony.switch import AriSwitch
from tests.contract.conftest import PATIENCE_S, Heard, speech

pytestmark = pytest.mark.asterisk


async def test_lines_end_when_asterisk_dies_and_work_again_when_it_is_back(
    asterisk: EmbeddedAsterisk, tmp_path: Path
) -> None:
    pbx = await asyncio.to_thread(EmbeddedAsterisk(tmp_path / "pbx").start)
    ari = AriSettings(
        url=pbx.url, username=pbx.username, password=pbx.password, request_timeout_s=1.0, reconnect_max_s=0.3
    )
    try:
        async with AriSwitch(Settings(ari=ari, calls=CallSettings(cap_margin_s=1.0))) as switch:
            talking, ringing, later, heard = switch.line(), switch.line(), switch.line(), Heard()
            await talking.dial(DialRequest("talking", "+79000000100"), heard.handlers())
            dialing = asyncio.ensure_future(
                ringing.dial(DialRequest("ringing", "+79000000019", ring_timeout_s=3.0), heard.handlers())
            )
            await asyncio.wait_for(heard.rang.wait(), PATIENCE_S)

            await asyncio.to_thread(pbx.kill)

            await asyncio.wait_for(talking.ended, PATIENCE_S)
            # Nobody can say what became of the ringing phone: it counts, and is not given up before Asterisk is asked.
            assert (await asyncio.wait_for(dialing, PATIENCE_S)).disposition is Disposition.LOST
            closing = asyncio.gather(talking.close(), ringing.close())
            with pytest.raises(AriUnavailableError):
                await later.dial(DialRequest("later", "+79000000100"), heard.handlers())
            assert not switch.available

            await asyncio.to_thread(pbx.start)
            await switch.events.wait_connected(PATIENCE_S)
            await asyncio.wait_for(closing, PATIENCE_S)
            assert (await later.dial(DialRequest("later", "+79000000100"), heard.handlers())).disposition is None
            await later.play(speech(0.1))
            await later.mark("back")
            await heard.mark("back")
            await later.close()
    finally:
        await asyncio.to_thread(pbx.stop)
