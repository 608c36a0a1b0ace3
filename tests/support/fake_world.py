"""One call in virtual time: real script, ears and rules; a voice, a recogniser and a model that are slow at will.

    world = FakeWorld()                      # inside run_virtually
    talk = await world.converse(story)       # story(customer) speaks, presses keys, hangs up

The customer's audio arrives in frames of 20 ms; while he is silent nothing arrives, as on a real line.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

from dialer.conversation.comprehension import SessionPorts
from dialer.conversation.notes import Talk
from dialer.conversation.script import load_script
from dialer.conversation.session import Session
from dialer.domain.intent import Action, Reading, Source
from dialer.errors import ProviderError
from dialer.settings import config_dir
from dialer.speech.offline import OfflineSynthesizer
from dialer.speech.ports import FRAME_BYTES, Hypothesis
from dialer.telephony.ports import DialRequest, LineHandlers
from dialer.understanding import rules
from dialer.understanding.ports import Question
from tests.support.factories import make_order
from tests.support.fake_line import FRAME_S, FakeLine
from tests.support.virtual_time import run_virtually

TODAY = date(2026, 11, 23)


@cache
def spoken(text: str, variant: str = "ru+m1") -> bytes:
    """A customer's words as 8 kHz slin."""
    return OfflineSynthesizer(variant, words_per_minute=160, longest_pause_s=0.1).render(text)


class FakeVoice:
    """A voice that takes `delay_s` before the first piece of anything that is not known yet."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        self.down = False
        self.known: dict[str, bytes] = {}

    def _render(self, text: str) -> bytes:
        if text not in self.known:
            self.known[text] = spoken(text, "ru+f2") if text else b""
        return self.known[text]

    async def prompt(self, text: str) -> bytes:
        return b"".join([piece async for piece in self.stream(text)])

    async def stream(self, text: str) -> AsyncIterator[bytes]:
        if text not in self.known and self.delay_s:
            await asyncio.sleep(self.delay_s)
        if self.down:
            raise ProviderError("voice", "down")
        pcm = self._render(text)
        for at in range(0, len(pcm), 16000):
            yield pcm[at : at + 16000]

    async def at_once(self, text: str) -> bytes:
        if self.down:
            raise ProviderError("voice", "down")
        return self._render(text)


class FakeRecognizer:
    """Hears what the customer has said last (the line carries the real sound); slow, deaf or down at will."""

    name = "fake"

    def __init__(self) -> None:
        self.words = ""
        self.delay_s = 0.1
        self.down = False

    async def transcribe(self, pcm: bytes, *, hint: str = "") -> AsyncIterator[Hypothesis]:
        words = self.words
        await asyncio.sleep(self.delay_s)
        if self.down:
            raise ProviderError("fake", "down")
        yield Hypothesis(words, final=True)


class FakeUnderstanding:
    """The real rules; what they leave open takes `delay_s` and reads as `open_question`."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        self.open_reading = Reading(Action.UNKNOWN, source=Source.NONE)

    def by_rules(self, text: str, question: Question) -> Reading | None:
        return rules.read(text, question)

    async def understand(self, text: str, question: Question) -> Reading:
        known = rules.read(text, question)
        if known is not None:
            return known
        await asyncio.sleep(self.delay_s)
        return self.open_reading


class Customer:
    """Speaks on the line in real (virtual) time."""

    def __init__(self, world: FakeWorld) -> None:
        self._world = world
        self.line = world.line
        #: (from, to) of what was said.
        self.spoke: list[tuple[float, float]] = []

    async def say(self, text: str, *, heard_as: str | None = None) -> None:
        """Say it; the recogniser hears it, or what it is told to hear instead."""
        self._world.recognizer.words = text if heard_as is None else heard_as
        await self.sound(spoken(text))

    async def sound(self, pcm: bytes) -> None:
        """Any sound."""
        begun = self.line.now
        for at in range(0, len(pcm), FRAME_BYTES):
            await asyncio.sleep(FRAME_S)
            self.line.handlers.on_audio(pcm[at : at + FRAME_BYTES].ljust(FRAME_BYTES, b"\0"))
        self.spoke.append((begun, self.line.now))

    def press(self, digit: str) -> None:
        """A key."""
        self.line.handlers.on_digit(digit)

    async def wait(self, seconds: float) -> None:
        """Be silent: no frame is sent."""
        await asyncio.sleep(seconds)

    async def bot_speaks(self, seconds: float = 1.0) -> None:
        """Until the bot has been speaking for so long (since now)."""
        since = self.line.now
        while self.line.heard_since(since) < seconds:
            await self.line.ticked.wait()

    async def bot_is_done(self) -> None:
        """Until the bot has spoken since now and has been silent for half a second."""
        await self.bot_speaks(0.3)
        while self.line.now - self.line.heard[-1][1] < 0.5:
            await self.line.ticked.wait()


Story = Callable[[Customer], Awaitable[None]]


@dataclass
class FakeWorld:
    """One call: its parts can be changed before it begins and while it runs. Make it on the loop that runs it."""

    line: FakeLine = field(default_factory=FakeLine)
    voice: FakeVoice = field(default_factory=FakeVoice)
    recognizer: FakeRecognizer = field(default_factory=FakeRecognizer)
    understanding: FakeUnderstanding = field(default_factory=FakeUnderstanding)
    script: str = "delivery"
    order: dict[str, Any] = field(default_factory=lambda: {"order_id": "45678"})
    operator_endpoint: str = "PJSIP/operator"
    max_call_s: float = 180.0
    #: Changes the loaded script, for steps that cannot be interrupted and the like.
    adapt: Callable[[Any], Any] = lambda script: script
    results: list[Any] = field(default_factory=list)

    async def converse(self, story: Story) -> Talk:
        """Answer, live the story, and return what the conversation left behind."""
        loaded = self.adapt(load_script(config_dir() / "scripts", self.script))
        ports = SessionPorts(
            voice=self.voice,
            recognizer=self.recognizer,
            understanding=self.understanding,
            operator_endpoint=self.operator_endpoint,
        )
        order = loaded.for_order(make_order(**self.order), "Твой выбор")
        session = Session(self.line, order, ports, today=TODAY, max_call_s=self.max_call_s)
        session.on_result = self._note
        handlers = LineHandlers(on_audio=session.on_audio, on_digit=session.on_digit, on_mark=session.on_mark)
        await self.line.dial(DialRequest("a-1", "+79160000001"), handlers)
        self.customer = Customer(self)
        living = asyncio.ensure_future(story(self.customer))
        try:
            talk = await session.run()
            if living.done():
                living.result()
            return talk
        finally:
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)
            await self.line.close()

    async def _note(self, result: Any) -> None:
        self.results.append(result)

    def waits(self) -> list[float]:
        """Seconds of silence after each of the customer's turns until the bot was heard."""
        waits = []
        for _, end in self.customer.spoke:
            later = [begin for begin, stop in self.line.heard if stop > end + 0.05]
            if later:
                waits.append(max(0.0, later[0] - end))
        return waits

    def longest_silence(self) -> float:
        """Longest stretch in which neither was heard, between the first sound and the last."""
        sounds = sorted(self.line.heard + self.customer.spoke)
        longest, until = 0.0, sounds[0][1]
        for begin, stop in sounds[1:]:
            longest, until = max(longest, begin - until), max(until, stop)
        return longest


async def confirms(customer: Customer) -> None:
    """Waits for the question and says yes."""
    await customer.bot_is_done()
    await customer.say("Да, подтверждаю")


async def stays_silent(customer: Customer) -> None:
    """Never says a word."""
    await customer.wait(300)


def call(story: Story, prepare: Callable[[FakeWorld], None] = lambda world: None) -> tuple[FakeWorld, Talk]:
    """Live one story in virtual time."""

    async def run() -> tuple[FakeWorld, Talk]:
        world = FakeWorld()
        prepare(world)
        return world, await world.converse(story)

    return run_virtually(run())


def bot_lines(talk: Talk) -> list[str]:
    """What the bot said, in order."""
    lines = sorted(talk.transcript.lines, key=lambda line: line.at_s)
    return [line.text for line in lines if line.who == "bot"]
