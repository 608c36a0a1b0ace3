"""The hand-over to an operator, on the simulated PBX with real audio."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from dialer.bootstrap import make_voice
from dialer.conversation.comprehension import SessionPorts
from dialer.conversation.script import load_script
from dialer.domain.outcome import Decision
from dialer.settings import AriSettings, Settings, config_dir
from dialer.simulator.pbx import OPERATOR, SimulatedPbx
from dialer.simulator.rehearsal import rehearse
from dialer.simulator.world import Resident, World, WorldCallees, phrase_bank
from dialer.speech.phrase_bank import PhraseBankRecognizer
from dialer.telephony.switch import AriSwitch
from dialer.understanding.service import RulesThenModel
from tests.support.factories import make_order

PHONE = "+79160000001"


async def test_who_asks_for_an_operator_talks_with_one(tmp_path: Path) -> None:
    world = World({PHONE: Resident("asks_operator", "anna", "", 0, seed=0)})
    async with SimulatedPbx(WorldCallees(world)) as pbx:
        settings = Settings(
            home=tmp_path, ari=AriSettings(url=pbx.ari_url, username=pbx.username, password=pbx.password)
        )
        ports = SessionPorts(
            voice=make_voice(settings),
            recognizer=PhraseBankRecognizer(phrase_bank(world)),
            understanding=RulesThenModel(),
            operator_endpoint=f"PJSIP/{OPERATOR}@trunk",
        )
        script = load_script(config_dir() / "scripts", "chaos")
        async with AriSwitch(settings) as switch:
            talk = await rehearse(switch, ports, script, make_order(phone=PHONE), today=date(2026, 11, 23))

        assert talk is not None
        assert talk.outcome.decision is Decision.NEEDS_OPERATOR
        assert talk.outcome.data == {"transferred": True}
        assert [call.number for call in pbx.calls] == [PHONE.lstrip("+"), OPERATOR]
