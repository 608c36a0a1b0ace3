"""Nobody waits in silence: what the bot says while an answer is still being made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import chain, repeat

from dialer.conversation.script import OrderScript
from dialer.conversation.speaking import Speaker

#: Silence after the customer's last word (or the bot's last "one moment") at which the bot lets itself be heard.
#: The pause that ends a turn, the recogniser, the model and the voice all happen within it.
HOLD_AFTER_S = 1.4
#: Until then it is looked again this often whether somebody speaks.
_LOOK_S = 0.1


class Company:
    """Keeps one customer company. `now` gives seconds since answer, `is_talking` whether the customer speaks."""

    def __init__(
        self, speaker: Speaker, script: OrderScript, now: Callable[[], float], is_talking: Callable[[], bool]
    ) -> None:
        self._speaker = speaker
        self._script = script
        self._now = now
        self._is_talking = is_talking
        self._task: asyncio.Task[None] | None = None
        #: Told of words said out of turn, and when.
        self.on_words: Callable[[str, float], None] = lambda _text, _at: None

    def begin(self, since_s: float) -> None:
        """The customer fell silent at `since_s` and waits for an answer from now on."""
        self.end()
        self._task = asyncio.create_task(self._keep(since_s))

    def end(self) -> None:
        """The answer can be heard, or there will be none."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _keep(self, since_s: float) -> None:
        prompts: Iterator[str] = chain(["hold"], repeat("hold_again"))
        while True:
            await asyncio.sleep(max(0.0, since_s + HOLD_AFTER_S - self._now()))
            if self._speaker.paused and not self._is_talking():
                await self._speaker.resume()
                return
            if self._is_talking() or self._speaker.left_s() > 0:
                since_s = self._now() + self._speaker.left_s() - HOLD_AFTER_S + _LOOK_S
                continue
            since_s = await self._fill(self._script.text(next(prompts)))

    async def _fill(self, text: str) -> float:
        """Say it; returns when it will have been heard."""
        at_s = self._now()
        if await self._speaker.fill(text):
            self.on_words(text, at_s)
        return self._now() + self._speaker.left_s()
