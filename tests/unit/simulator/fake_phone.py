"""A phone in the test's hands: it plays the bot, and notes what the customer does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from dialer.simulator.pbx.callees import tone
from dialer.simulator.pbx.phone import Callee
from dialer.speech.ports import FRAME_BYTES, duration_s

#: The synthetic voice of these tests says every line as this marker and two bytes for each letter.
MARK = b"\x10\x20"


async def say_marked(text: str, _voice: str) -> bytes:
    """A line as bytes that can be read back: 0.1 s for each letter."""
    return b"".join(MARK + bytes((ord(letter) & 0xFF, ord(letter) >> 8)) * 798 for letter in text)


def read_marked(pcm: bytes) -> str:
    """The line that `say_marked` spoke."""
    pairs = (pcm[at + 2 : at + 4] for at in range(0, len(pcm), 1598))
    return "".join(chr(pair[0] | pair[1] << 8) for pair in pairs)


class FakePhone:
    """Implements Phone. `story` holds what happened: rings, answers, lines said, keys, the end."""

    number = "79161234567"

    def __init__(self) -> None:
        self.on_audio: Callable[[bytes], None] = lambda _pcm: None
        self.story: list[str] = []
        self.answered = asyncio.Event()
        self.acted = asyncio.Event()
        self._speaking_until = 0.0

    async def ringing(self) -> None:
        self._note("ringing")

    async def progress(self) -> None:
        self._note("progress")

    async def answer(self) -> None:
        self._note("answer")
        self.answered.set()

    async def reject(self, cause: int) -> None:
        self._note(f"reject {cause}")

    async def hangup(self) -> None:
        self._note("hangup")

    async def send_digit(self, digit: str) -> None:
        self._note(f"key {digit}")

    def send(self, pcm: bytes) -> None:
        now = asyncio.get_running_loop().time()
        self._speaking_until = max(now, self._speaking_until) + duration_s(pcm)
        self._note(read_marked(pcm) if pcm.startswith(MARK) else "sound")

    async def spoken(self) -> None:
        await asyncio.sleep(self._speaking_until - asyncio.get_running_loop().time())

    async def bot_says(self, length_s: float) -> None:
        """Play speech to the customer in real frames."""
        speech = tone(length_s)
        for start in range(0, len(speech), FRAME_BYTES):
            self.on_audio(speech[start : start + FRAME_BYTES])
            await asyncio.sleep(0.02)

    async def next_act(self) -> None:
        """Wait until the customer does something more."""
        self.acted.clear()
        await self.acted.wait()

    def _note(self, what: str) -> None:
        self.story.append(what)
        self.acted.set()


async def converse(callee: Callee, bot_turns_s: list[float]) -> list[str]:
    """One call in which the bot speaks these lengths, waits for an answer after each, and then hangs up."""
    phone = FakePhone()
    call = asyncio.ensure_future(callee(phone))
    answering = asyncio.ensure_future(phone.answered.wait())
    await asyncio.wait([call, answering], return_when=asyncio.FIRST_COMPLETED, timeout=150)
    answering.cancel()
    if phone.answered.is_set():
        for length_s in bot_turns_s:
            await phone.bot_says(length_s)
            act = asyncio.ensure_future(phone.next_act())
            await asyncio.wait([call, act], return_when=asyncio.FIRST_COMPLETED, timeout=12)
            act.cancel()
            await asyncio.sleep(max(0.0, phone._speaking_until - asyncio.get_running_loop().time()))
    phone.story.append("ended itself" if call.done() else "bot hangs up")
    call.cancel()
    await asyncio.wait([call])
    if not call.cancelled():
        call.result()
    return phone.story
