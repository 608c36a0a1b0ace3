"""Which way audio takes, by what an Asterisk says of itself."""

from __future__ import annotations

import pytest

from dialer.errors import AriUnavailableError
from dialer.settings import AriSettings, Settings
from dialer.simulator.pbx import SimulatedPbx, contract_callees
from dialer.simulator.pbx.server import MODULES
from dialer.telephony.ari import AriClient
from dialer.telephony.audio_choice import AudioDoor, Wanted, choose, what_to_load
from dialer.telephony.audio_port import AudioKind
from dialer.telephony.ports import DialRequest, LineHandlers
from dialer.telephony.switch import AriSwitch

WEBSOCKET = frozenset({"chan_websocket"})
AUDIOSOCKET = frozenset({"res_audiosocket", "chan_audiosocket"})
BOTH = WEBSOCKET | AUDIOSOCKET


@pytest.mark.parametrize(
    ("wanted", "version", "running", "kind"),
    [
        ("auto", "22.10.1~dfsg", BOTH, AudioKind.WEBSOCKET),
        ("auto", "22.10.1", AUDIOSOCKET, AudioKind.AUDIOSOCKET),
        ("auto", "18.26.4", AUDIOSOCKET, AudioKind.AUDIOSOCKET),
        ("auto", "certified-20.7-cert3", AUDIOSOCKET, AudioKind.AUDIOSOCKET),
        # chan_websocket is there, but does not understand our messages.
        ("auto", "20.15.2", BOTH, AudioKind.AUDIOSOCKET),
        ("auto", "22.5.1", WEBSOCKET, None),
        ("auto", "23.0.0", BOTH, AudioKind.WEBSOCKET),
        ("auto", "GIT-master-ab12", BOTH, AudioKind.WEBSOCKET),
        ("auto", "22.10.1", frozenset({"chan_audiosocket"}), None),
        ("auto", "16.30.0", AUDIOSOCKET, None),
        ("audiosocket", "22.10.1", BOTH, AudioKind.AUDIOSOCKET),
        ("websocket", "22.10.1", AUDIOSOCKET, None),
        ("websocket", "20.9.0", BOTH, None),
    ],
)
def test_the_choice(wanted: Wanted, version: str, running: frozenset[str], kind: AudioKind | None) -> None:
    assert choose(wanted, version, running) is kind


@pytest.mark.parametrize(
    ("wanted", "version", "running", "says"),
    [
        (
            "auto",
            "22.10.1",
            frozenset(),
            "load = chan_websocket.so; or load = res_audiosocket.so, load = chan_audiosocket.so",
        ),
        ("auto", "18.26.4", frozenset(), "load = res_audiosocket.so, load = chan_audiosocket.so"),
        ("auto", "20.9.0", frozenset({"res_audiosocket"}), "modules.conf: load = chan_audiosocket.so; then"),
        ("websocket", "20.9.0", BOTH, "DIALER_ARI__MEDIA=auto"),
        (
            "audiosocket",
            "22.10.1",
            WEBSOCKET,
            "modules.conf: load = res_audiosocket.so, load = chan_audiosocket.so; then",
        ),
        ("auto", "16.30.0", AUDIOSOCKET, "Update Asterisk to 18"),
    ],
)
def test_what_would_help(wanted: Wanted, version: str, running: frozenset[str], says: str) -> None:
    assert says in what_to_load(wanted, version, running)


async def test_asterisk_is_asked_once_until_it_may_be_another() -> None:
    async with SimulatedPbx(contract_callees, modules=MODULES - WEBSOCKET) as pbx:
        ari = AriClient(AriSettings(url=pbx.ari_url, username=pbx.username, password=pbx.password), "choice")
        door = AudioDoor(ari)
        try:
            assert await door.ready() is AudioKind.AUDIOSOCKET
            pbx.modules = MODULES
            assert await door.ready() is AudioKind.AUDIOSOCKET

            door.forget()
            assert await door.ready() is AudioKind.WEBSOCKET
        finally:
            await door.close()
            await ari.close()


async def test_nobody_is_called_when_there_is_no_way() -> None:
    async with SimulatedPbx(contract_callees, modules=MODULES - BOTH) as pbx:
        settings = Settings(ari=AriSettings(url=pbx.ari_url, username=pbx.username, password=pbx.password))
        async with AriSwitch(settings) as switch:
            line = switch.line()
            with pytest.raises(AriUnavailableError, match=r"chan_audiosocket\.so"):
                await line.dial(DialRequest("nobody", "+79000000100"), LineHandlers())
            await line.close()

        assert pbx.calls == []
