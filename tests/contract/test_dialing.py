"""How a dial ends, on the simulated PBX and on a real Asterisk alike."""

from __future__ import annotations

import asyncio

import pytest

from dialer.domain.outcome import Disposition
from dialer.errors import ConflictError, InputError
from dialer.telephony.line import AriLine
from dialer.telephony.ports import DialRequest
from dialer.telephony.switch import AriSwitch
from tests.contract.conftest import PATIENCE_S, Dial, Heard, Pbx, attempt_id, before_audio, eventually, speech


async def dialed_once(pbx: Pbx, number: str) -> None:
    """The far side's record shows exactly one dial of the number, and no other."""

    async def recorded() -> bool:
        return pbx.far_side() != []

    await eventually(recorded, "the far side recorded no dial")
    assert pbx.far_side() == [number]


@before_audio
@pytest.mark.parametrize(
    ("number", "disposition", "cause"),
    [
        ("79000000017", Disposition.BUSY, 17),
        ("79000000021", Disposition.REJECTED, 21),
        ("79000000034", Disposition.TRUNK_FAILURE, 34),
        ("79000000001", Disposition.INVALID_NUMBER, 1),
        ("79000000104", Disposition.BUSY, 17),
    ],
    ids=["busy", "rejected", "congestion", "unallocated", "early media, then busy"],
)
async def test_a_refused_dial_says_why(
    pbx: Pbx, line: AriLine, dial: Dial, number: str, disposition: Disposition, cause: int
) -> None:
    result = await dial(number)

    assert (result.disposition, result.cause) == (disposition, cause)
    assert await asyncio.wait_for(line.ended, PATIENCE_S) == cause
    await line.close()
    await dialed_once(pbx, number)


@before_audio
async def test_nobody_answers_within_our_ring_timeout(pbx: Pbx, line: AriLine, dial: Dial, heard: Heard) -> None:
    result = await dial("79000000019", ring_timeout_s=1.0)

    assert (result.disposition, result.cause) == (Disposition.NO_ANSWER, 19)
    assert heard.rang.is_set()
    await line.close()
    await dialed_once(pbx, "79000000019")


async def test_answer_connects_the_media_and_close_leaves_nothing(pbx: Pbx, line: AriLine, dial: Dial) -> None:
    result = await dial("79000000100")

    assert result.disposition is None
    assert not line.ended.done()
    await line.close()
    await line.close()
    assert line.ended.done()
    await dialed_once(pbx, "79000000100")


async def test_it_rings_before_it_is_answered(line: AriLine, dial: Dial, heard: Heard) -> None:
    result = await dial("79000000105")

    assert result.disposition is None
    assert heard.rang.is_set()


async def test_early_media_is_no_answer(line: AriLine, dial: Dial, heard: Heard) -> None:
    dialing = asyncio.ensure_future(dial("79000000103"))
    await asyncio.wait_for(heard.rang.wait(), PATIENCE_S)

    assert not dialing.done()
    assert (await dialing).disposition is None


@before_audio
async def test_hanging_up_while_it_rings_ends_the_dial(pbx: Pbx, line: AriLine, dial: Dial, heard: Heard) -> None:
    dialing = asyncio.ensure_future(dial("79000000019"))
    await asyncio.wait_for(heard.rang.wait(), PATIENCE_S)

    await line.hangup()

    assert (await asyncio.wait_for(dialing, PATIENCE_S)).disposition is not None
    assert line.ended.done()


@before_audio
async def test_a_cancelled_dial_leaves_nothing(pbx: Pbx, line: AriLine, dial: Dial, heard: Heard) -> None:
    dialing = asyncio.ensure_future(dial("79000000019"))
    await asyncio.wait_for(heard.rang.wait(), PATIENCE_S)

    dialing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dialing
    await line.close()

    assert await pbx.listed("bridges") == []
    await dialed_once(pbx, "79000000019")


@pytest.mark.parametrize("steps", [0, 1, 2, 5, 10])
async def test_a_dial_cancelled_at_once_leaves_nothing(line: AriLine, dial: Dial, steps: int) -> None:
    dialing = asyncio.ensure_future(dial("79000000100"))
    for _ in range(steps):
        await asyncio.sleep(0)
    dialing.cancel()

    await asyncio.wait([dialing])
    await line.close()  # the fixture of the PBX then looks for what was left


async def test_the_customer_hangs_up_right_after_answering(line: AriLine, dial: Dial) -> None:
    result = await dial("79000000106")

    assert result.disposition in (None, Disposition.HUNG_UP)
    assert await asyncio.wait_for(line.ended, PATIENCE_S) == 16


async def test_a_live_channel_id_is_refused_and_the_first_call_goes_on(
    pbx: Pbx, switch: AriSwitch, line: AriLine, heard: Heard, request: pytest.FixtureRequest
) -> None:
    call = DialRequest(attempt_id=attempt_id(request), phone="+79000000100")
    await line.dial(call, heard.handlers())

    async with AriSwitch(pbx.settings()) as other:
        for rival in (switch.line(), other.line()):
            with pytest.raises(ConflictError):
                await rival.dial(call, Heard().handlers())
            await rival.close()

    await line.play(speech(0.2))
    await line.mark("still here")
    await heard.mark("still here")
    assert not line.ended.done()
    await line.close()
    await dialed_once(pbx, "79000000100")


async def test_a_channel_that_outlived_its_line_is_found_and_ended(
    pbx: Pbx, switch: AriSwitch, line: AriLine, dial: Dial
) -> None:
    await dial("79000000100")

    async with AriSwitch(pbx.settings()) as other:
        assert await other.is_live(line.attempt_id)
        assert await other.hangup_attempt(line.attempt_id)
        assert await asyncio.wait_for(line.ended, PATIENCE_S) == 16
        assert not await other.is_live(line.attempt_id)
        assert not await other.hangup_attempt(line.attempt_id)


@before_audio
async def test_only_clean_numbers_reach_the_pbx(pbx: Pbx, line: AriLine, heard: Heard) -> None:
    for phone in ("79161234567@x&PJSIP/900", "+112", "+1" + "2025550123"):
        with pytest.raises(InputError):
            await line.dial(DialRequest(attempt_id="never", phone=phone), heard.handlers())

    assert await pbx.listed("channels") == []
    assert pbx.far_side() == []
