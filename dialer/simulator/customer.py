"""A customer at the phone: what personas are made of."""

from __future__ import annotations

import asyncio
from random import Random

import numpy as np

from dialer.simulator.ear import Ear
from dialer.simulator.lines import MUMBLED, Turns
from dialer.simulator.pbx.phone import Phone
from dialer.simulator.voices import Say

#: Silence after which the bot is taken to wait for an answer.
TURN_SILENCE_S = 0.7
#: How long customers think before they speak: shortest and longest.
THINKING_S = (0.1, 0.5)
#: Nobody listens to a silent line for longer than this.
PATIENCE_S = 25.0


class Customer:
    """Holds the phone for one call: hears by its ear only, speaks in its own voice, takes its time.

    `seed` 0 takes the first phrasing of every turn; any other chooses by chance.
    """

    def __init__(self, phone: Phone, say: Say, *, voice: str, seed: int, address: str, attempt: int) -> None:
        self.phone = phone
        self._say = say
        self._voice = voice
        self._address = address
        self._verbatim = seed == 0
        self.rng = Random(f"{seed}-{attempt}")
        self._ear = Ear()
        #: What was said in this call so far.
        self.said: list[str] = []
        self.answered = False

    @property
    def heard_after_s(self) -> float:
        """Seconds of the bot's speech since the customer's last line."""
        return self._ear.speech_s

    async def pick_up(self) -> None:
        """Let it ring a little, then answer."""
        await self.phone.ringing()
        await asyncio.sleep(self.rng.uniform(0.3, 1.0))
        self.phone.on_audio = self._ear.hear
        self.answered = True
        await self.phone.answer()

    async def listen(self) -> bool:
        """Wait until the bot has had its say; False when nothing comes for long."""
        self._ear.forget()
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    await self._ear.end_of_turn(TURN_SILENCE_S)
                    heard_s = self._ear.speech_s
                    await asyncio.sleep(self.rng.uniform(*THINKING_S))
                    if self._ear.speech_s == heard_s:
                        return True
        except TimeoutError:
            return False

    async def hear(self, at_least_s: float) -> None:
        """Wait until the bot has spoken for this long, whether it goes on or not."""
        self._ear.forget()
        await self._ear.speech(at_least_s)

    def choose(self, turns: Turns) -> list[str]:
        """One phrasing for each turn."""
        lines = [turn[0] if self._verbatim else self.rng.choice(turn) for turn in turns]
        return [line.format(address=self._address) for line in lines]

    async def say(self, line: str) -> None:
        """Speak a line to its end."""
        self.said.append(line)
        self._ear.forget()
        self.phone.send(await self._say(line, self._voice))
        await self.phone.spoken()

    async def mumble(self) -> None:
        """Speak, but not so that anybody understands."""
        speech = np.frombuffer(await self._say(self.rng.choice(MUMBLED), self._voice), dtype="<i2")
        self.phone.send(speech[::-1].tobytes())
        await self.phone.spoken()

    async def play(self, pcm: bytes) -> None:
        """Send a sound that is not speech."""
        self.phone.send(pcm)
        await self.phone.spoken()
