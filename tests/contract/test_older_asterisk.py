"""A real Asterisk without chan_websocket, as 18 and 20.15 are: found out by asking it, and good enough."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from dialer.doctor.asterisk import check_asterisk
from dialer.doctor.finding import Finding, State
from dialer.embedded.asterisk import EmbeddedAsterisk
from dialer.errors import AriUnavailableError
from dialer.settings import Settings, load_settings
from dialer.telephony.ports import DialRequest
from dialer.telephony.switch import AriSwitch
from tests.contract.conftest import Heard, likeness, speech
from tests.support.lesser_asterisk import asterisk_without

pytestmark = pytest.mark.asterisk


@pytest.fixture(scope="module")
def older(asterisk: EmbeddedAsterisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAsterisk]:
    with asterisk_without(tmp_path_factory.mktemp("older"), "chan_websocket") as running:
        yield running


def settings_of(asterisk: EmbeddedAsterisk, **ari: Any) -> Settings:
    login = {"url": asterisk.url, "username": asterisk.username, "password": asterisk.password}
    return load_settings(ari=login | {"endpoint": asterisk.endpoint} | ari)


async def audio_finding(settings: Settings) -> Finding:
    return next(found for found in await check_asterisk("default", settings) if found.check == "audio")


async def unload(asterisk: EmbeddedAsterisk, module: str) -> None:
    login = {"Authorization": aiohttp.encode_basic_auth(asterisk.username, asterisk.password)}
    async with (
        aiohttp.ClientSession(headers=login) as session,
        session.delete(f"{asterisk.url}/asterisk/modules/{module}.so") as answer,
    ):
        assert answer.status == 204


async def test_a_call_is_talked_over_audiosocket_by_itself(older: EmbeddedAsterisk) -> None:
    said, heard = speech(0.5), Heard()

    async with AriSwitch(settings_of(older)) as switch:
        line = switch.line()
        assert (await line.dial(DialRequest("older", "+79000000100"), heard.handlers())).disposition is None
        await line.play(said)
        await line.mark("said")
        await heard.mark("said")
        await heard.until(lambda: likeness(heard.samples(), said) > 0.9)
        media = await switch.ari.channel("older-media")
        await line.close()

    assert media is not None
    assert media["name"].startswith("AudioSocket/127.0.0.1:")
    assert older.problems() == []


async def test_the_doctor_lets_asterisk_connect(older: EmbeddedAsterisk) -> None:
    found = await audio_finding(settings_of(older))

    assert found.state is State.OK
    assert "Asterisk connects to 127.0.0.1:" in found.message
    assert older.problems() == []


async def test_the_doctor_finds_a_way_that_is_barred(older: EmbeddedAsterisk) -> None:
    found = await audio_finding(settings_of(older, audiosocket={"advertise": "127.0.0.1:9"}))

    assert found.state is State.FAILED
    assert "does not connect to 127.0.0.1:9" in found.message
    assert "DIALER_ARI__AUDIOSOCKET__HOST" in found.advice


async def test_with_neither_nobody_is_called_and_the_doctor_says_what_to_load(older: EmbeddedAsterisk) -> None:
    await unload(older, "chan_audiosocket")
    before = len(older.far_side_calls())

    found = await audio_finding(settings_of(older))
    async with AriSwitch(settings_of(older)) as switch:
        line = switch.line()
        with pytest.raises(AriUnavailableError, match=r"load = chan_audiosocket\.so"):
            await line.dial(DialRequest("neither", "+79000000100"), Heard().handlers())
        await line.close()

    assert found.state is State.FAILED
    assert "load = chan_websocket.so; or load = chan_audiosocket.so" in found.advice
    assert len(older.far_side_calls()) == before
