"""The doctor in front of a real Asterisk: sound, and with one mistake each."""

from __future__ import annotations

from typing import Any

import pytest

from dialer.doctor.asterisk import check_asterisk
from dialer.doctor.finding import State
from dialer.embedded.asterisk import EmbeddedAsterisk
from dialer.settings import load_settings

pytestmark = pytest.mark.asterisk


async def _states(asterisk: EmbeddedAsterisk, **wrong: Any) -> dict[str, State]:
    right = {"url": asterisk.url, "username": asterisk.username, "password": asterisk.password}
    settings = load_settings(ari=right | {"endpoint": "PJSIP/{number}@trunk"} | wrong)
    return {finding.check: finding.state for finding in await check_asterisk("default", settings)}


async def test_ours_is_sound(asterisk: EmbeddedAsterisk) -> None:
    assert await _states(asterisk) == {"asterisk": State.OK, "audio": State.OK, "trunk": State.OK}


@pytest.mark.parametrize(
    ("wrong", "failing"),
    [({"password": "wr0ng"}, "asterisk"), ({"endpoint": "PJSIP/{number}@nowhere"}, "trunk")],
)
async def test_a_mistake_is_found(asterisk: EmbeddedAsterisk, wrong: dict[str, str], failing: str) -> None:
    assert (await _states(asterisk, **wrong))[failing] is State.FAILED
