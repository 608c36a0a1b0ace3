"""What a call survives, what ends it by itself, and how it is handed over."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest

from dialer.domain.outcome import Disposition
from dialer.errors import AriUnavailableError
from dialer.telephony.line import AriLine
from dialer.telephony.ports import DialRequest
from dialer.telephony.switch import AriSwitch
from tests.contract.conftest import PATIENCE_S, Dial, Heard, Pbx, attempt_id, before_audio, eventually, likeness, speech

OPERATOR = "PJSIP/79000000130@trunk"
_DOOMED = Path(__file__).with_name("doomed_worker.py")


async def test_a_talk_survives_the_loss_of_the_events(
    switch: AriSwitch, line: AriLine, dial: Dial, heard: Heard
) -> None:
    await dial("79000000100")

    await switch.events.drop()
    said = speech(0.5)
    await line.play(said)
    await line.mark("in the gap")
    await heard.mark("in the gap")
    await heard.until(lambda: likeness(heard.samples(), said) > 0.9)
    await switch.events.wait_connected(PATIENCE_S)

    assert not line.ended.done()
    await line.hangup()
    assert await asyncio.wait_for(line.ended, PATIENCE_S) == 16


async def test_a_hang_up_in_the_gap_is_found_afterwards(pbx: Pbx, switch: AriSwitch, line: AriLine, dial: Dial) -> None:
    await dial("79000000100")

    await switch.events.drop()
    await switch.ari.hangup(line.attempt_id)

    await asyncio.wait_for(line.ended, PATIENCE_S)
    await line.close()


async def test_an_answer_in_the_gap_is_found_afterwards(pbx: Pbx, heard: Heard, request: pytest.FixtureRequest) -> None:
    # The gap is longer than the second after which the callee answers.
    async with AriSwitch(pbx.settings(reconnect_min_s=2.0, reconnect_max_s=2.5)) as switch:
        line = switch.line()
        call = DialRequest(attempt_id=attempt_id(request), phone="+79000000105")
        dialing = asyncio.ensure_future(line.dial(call, heard.handlers()))
        await asyncio.wait_for(heard.rang.wait(), PATIENCE_S)

        await switch.events.drop()
        result = await asyncio.wait_for(dialing, PATIENCE_S)

        assert result.disposition is None
        await line.play(speech(0.2))
        await line.mark("heard")
        await heard.mark("heard")
        await line.close()


@before_audio
async def test_a_refusal_in_the_gap_is_a_lost_attempt(pbx: Pbx, heard: Heard, request: pytest.FixtureRequest) -> None:
    async with AriSwitch(pbx.settings(reconnect_min_s=2.0, reconnect_max_s=2.5)) as switch:
        line = switch.line()
        call = DialRequest(attempt_id=attempt_id(request), phone="+79000000104")
        dialing = asyncio.ensure_future(line.dial(call, heard.handlers()))
        await asyncio.wait_for(heard.rang.wait(), PATIENCE_S)

        await switch.events.drop()

        assert (await asyncio.wait_for(dialing, PATIENCE_S)).disposition is Disposition.LOST
        await line.close()


async def test_the_pbx_ends_the_call_of_a_killed_worker(
    pbx: Pbx, switch: AriSwitch, request: pytest.FixtureRequest
) -> None:
    attempt = attempt_id(request)
    login = {"url": pbx.url, "username": pbx.username, "password": pbx.password, "media": pbx.media}
    task = {**login, "attempt_id": attempt}
    worker = await asyncio.create_subprocess_exec(
        sys.executable, str(_DOOMED), json.dumps(task), stdout=asyncio.subprocess.PIPE
    )
    assert worker.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        while await worker.stdout.readline() != b"talking\n":  # log lines come before it
            assert worker.returncode is None
    assert await switch.is_live(attempt)

    worker.send_signal(signal.SIGKILL)
    await worker.wait()

    async def ended() -> bool:
        return not await switch.is_live(attempt)

    await eventually(ended, "the call outlived its cap")
    await switch.hangup_attempt(attempt)  # as upkeep does: the dead worker's bridge is still there


async def test_an_operator_takes_over(pbx: Pbx, line: AriLine, dial: Dial, heard: Heard) -> None:
    await dial("79000000100")

    assert await line.transfer(OPERATOR, {"ORDER_ID": "45678"}, 10.0)

    async def only_people_are_left() -> bool:
        """The media channel needs a moment to end."""
        channels = {channel["id"] for channel in await pbx.listed("channels")}
        assert {line.attempt_id, f"{line.attempt_id}-operator"} <= channels
        return f"{line.attempt_id}-media" not in channels

    await eventually(only_people_are_left, "the bot stayed in the call")
    assert not line.ended.done()
    await line.hangup()
    await asyncio.wait_for(line.ended, PATIENCE_S)


async def test_the_operators_hang_up_ends_the_call(line: AriLine, dial: Dial) -> None:
    await dial("79000000100")

    assert await line.transfer("PJSIP/79000000016@trunk", {}, 10.0)

    assert await asyncio.wait_for(line.ended, PATIENCE_S) == 16


@pytest.mark.parametrize("number", ["79000000017", "79000000019"], ids=["busy", "does not answer"])
async def test_without_an_operator_the_bot_goes_on(line: AriLine, dial: Dial, heard: Heard, number: str) -> None:
    await dial("79000000100")

    assert not await line.transfer(f"PJSIP/{number}@trunk", {}, 1.0)

    await line.play(speech(0.2))
    await line.mark("still here")
    await heard.mark("still here")
    assert await line.transfer(OPERATOR, {}, 10.0)


async def test_an_asterisk_that_does_not_answer_leaves_the_customer_with_the_bot(
    switch: AriSwitch, line: AriLine, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    await dial("79000000100")

    async def no_answer(*_: object) -> None:
        raise AriUnavailableError("no answer in time")

    with monkeypatch.context() as stalled:
        stalled.setattr(switch.ari, "create_channel", no_answer)
        assert not await line.transfer(OPERATOR, {}, 10.0)

    assert await line.transfer(OPERATOR, {}, 10.0)


async def test_a_customer_who_leaves_while_the_operator_rings(line: AriLine, dial: Dial) -> None:
    await dial("79000000016")

    assert not await line.transfer("PJSIP/79000000019@trunk", {}, 10.0)

    assert line.ended.done()
