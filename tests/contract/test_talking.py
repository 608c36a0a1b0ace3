"""What is heard and said on a connected line."""

from __future__ import annotations

import asyncio
import time

from dialer.telephony.line import AriLine
from tests.contract.conftest import PATIENCE_S, Dial, Heard, likeness, speech


async def test_a_prompt_is_heard_and_its_mark_comes_after_it(line: AriLine, dial: Dial, heard: Heard) -> None:
    said = speech(1.0)
    await dial("79000000100")

    begun = time.monotonic()
    await line.play(said)
    await line.mark("said")
    sent = time.monotonic()
    marked = await heard.mark("said")

    # A frame is 20 ms and the clock of the PBX is not ours: one frame of leave.
    assert marked - begun >= 1.0 - 0.03
    assert sent < marked
    await heard.until(lambda: likeness(heard.samples(), said) > 0.9)


async def test_marks_come_in_the_order_of_the_audio(line: AriLine, dial: Dial, heard: Heard) -> None:
    await dial("79000000100")

    for number in range(3):
        await line.play(speech(0.21, seed=number))  # not a whole number of frames
        await line.mark(f"часть {number}, с длинным именем, которое не уместилось бы в одну команду")
    await heard.until(lambda: len(heard.marks) == 3)

    times = list(heard.marks.values())
    assert [name.split(",")[0] for name in heard.marks] == ["часть 0", "часть 1", "часть 2"]
    assert times == sorted(times)


async def test_a_prompt_longer_than_the_queue_is_played_to_its_end(line: AriLine, dial: Dial, heard: Heard) -> None:
    await dial("79000000100")
    said = speech(24.0)

    playing = asyncio.ensure_future(line.play(said))
    await asyncio.wait([playing], timeout=1.0)
    assert not playing.done()  # 24 s do not fit: the rest waits here, not in the queue that drops it
    await line.flush()
    await asyncio.wait_for(playing, PATIENCE_S)

    await line.play(speech(0.2, seed=2))
    await line.mark("after")
    await heard.mark("after")


async def test_pause_holds_the_prompt_and_resume_ends_it(line: AriLine, dial: Dial, heard: Heard) -> None:
    said = speech(0.6)
    await dial("79000000100")
    await line.play(said)
    await line.mark("said")
    await heard.until(lambda: len(heard.pcm) > 320 * 5)

    begun = time.monotonic()
    await line.pause()
    await asyncio.wait([asyncio.ensure_future(heard.mark("said"))], timeout=1.0)
    assert "said" not in heard.marks
    await line.resume()
    marked = await heard.mark("said")

    assert marked - begun > 1.0


async def test_barge_in_drops_the_prompt_and_its_mark(line: AriLine, dial: Dial, heard: Heard) -> None:
    await dial("79000000100")
    await line.play(speech(5.0))
    await line.mark("lost")
    await heard.until(lambda: len(heard.pcm) > 320 * 5)

    await line.pause()
    await line.flush()
    answer = speech(0.5, seed=7)
    begun = time.monotonic()
    await line.play(answer)
    await line.mark("new")
    marked = await heard.mark("new")

    assert marked - begun < 4.0  # the flushed five seconds are not in between
    assert "lost" not in heard.marks
    await heard.until(lambda: likeness(heard.samples(), answer) > 0.9)


async def test_a_silent_customer_sends_nothing_and_still_hears(line: AriLine, dial: Dial, heard: Heard) -> None:
    await dial("79000000101")

    await line.play(speech(0.4))
    await line.mark("said")
    await heard.mark("said")

    assert not any(heard.pcm)


async def test_keys_arrive_in_order(line: AriLine, dial: Dial, heard: Heard) -> None:
    await dial("79000000102")

    await heard.until(lambda: len(heard.digits) == 3)
    assert heard.digits == ["1", "2", "0"]


async def test_the_customer_is_heard_first(line: AriLine, dial: Dial, heard: Heard) -> None:
    await dial("79000000016")

    await heard.until(lambda: any(heard.pcm))


async def test_the_customer_hangs_up_while_the_bot_speaks(line: AriLine, dial: Dial, heard: Heard) -> None:
    await dial("79000000016")
    await line.play(speech(10.0))
    await line.mark("never")

    assert await asyncio.wait_for(line.ended, PATIENCE_S) == 16

    assert "never" not in heard.marks
    for command in (line.pause, line.resume, line.flush, line.hangup):
        await command()  # a hang-up is no error of whoever speaks at that moment
    await line.play(speech(0.1))
    await line.mark("never")


async def test_the_bot_hangs_up_while_it_speaks(line: AriLine, dial: Dial, heard: Heard) -> None:
    await dial("79000000100")
    playing = asyncio.ensure_future(line.play(speech(30.0)))
    await heard.until(lambda: any(heard.pcm))

    await line.hangup()

    assert await asyncio.wait_for(line.ended, PATIENCE_S) == 16
    await asyncio.wait_for(playing, PATIENCE_S)
