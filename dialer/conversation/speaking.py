"""The bot's mouth: prompts sentence by sentence, with marks that tell what was heard."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

from dialer.conversation.recording import BotTrack
from dialer.errors import DialerError
from dialer.speech.pcm import silence
from dialer.speech.ports import PromptVoice
from dialer.speech.spoken import speak_text
from dialer.telephony.ports import Line

#: Grace over the audio's own length before a sentence counts as heard without its mark.
MARK_GRACE_S = 1.0
#: Silence between two sentences; voices leave less than this at their ends.
SENTENCE_PAUSE_S = 0.2

_ABBREVIATIONS = frozenset(
    "г ул д кв корп стр лит пр просп пер наб ш обл р-н пл б-р бул мкр пос с дер оф под эт руб коп т им св".split()
)
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+(?=[«\"(]?[А-ЯЁA-Z0-9])")


def sentences(text: str) -> list[str]:
    """Split at sentence ends, not after abbreviations ("ул. Ленина", "г. Тверь") and not after initials."""
    parts: list[str] = []
    for piece in _SENTENCE_END.split(text):
        if parts and _ends_in_abbreviation(parts[-1]):
            parts[-1] = f"{parts[-1]} {piece}"
        elif piece:
            parts.append(piece)
    return parts


def _ends_in_abbreviation(text: str) -> bool:
    if not text.endswith(".") or text.endswith("..."):
        return False
    word = re.split(r"[\s,(]+", text[:-1])[-1].lower()
    return word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha())


@dataclass(slots=True)
class Sentence:
    """One sentence of what is being said."""

    mark: str
    text: str
    heard: bool = False


class Speaker:
    """Says texts on a line. `now` gives seconds since answer."""

    def __init__(
        self,
        line: Line,
        voice: PromptVoice,
        track: BotTrack,
        now: Callable[[], float],
        on_failure: Callable[[DialerError], None],
    ) -> None:
        self._line = line
        self._voice = voice
        self._track = track
        self._now = now
        self._on_failure = on_failure
        self._sentences: list[Sentence] = []
        self._saying: asyncio.Task[None] | None = None
        self._count = 0
        self._paused = False
        self.over = asyncio.Event()
        self.over.set()
        self._over_at = now()

    @property
    def speaking(self) -> bool:
        """Whether something is still to be heard."""
        return not self.over.is_set()

    @property
    def silent_s(self) -> float:
        """How long ago the last of it was heard, or dropped; 0 while something is still to be heard."""
        return 0.0 if self.speaking else self._now() - self._over_at

    @property
    def paused(self) -> bool:
        """Whether playing is held by `pause`."""
        return self._paused

    @property
    def question_begun(self) -> bool:
        """Whether the last sentence, the question, has begun to be heard."""
        return all(sentence.heard for sentence in self._sentences[:-1])

    @property
    def heard_text(self) -> str:
        """What the customer has really got, in whole sentences."""
        return " ".join(sentence.text for sentence in self._sentences if sentence.heard)

    def say(self, text: str, on_first_audio: Callable[[float], None] = lambda _at: None) -> None:
        """Say `text` after what is being said; returns at once.

        `on_first_audio` gets the time at which the first of it can be heard.
        """
        if not self.speaking:
            self._sentences = []
        added = []
        for part in sentences(text):
            self._count += 1
            added.append(Sentence(f"s{self._count}", part))
        self._sentences += added
        self.over.clear()
        self._saying = asyncio.create_task(self._play(added, self._saying, on_first_audio))

    async def _play(
        self, added: list[Sentence], before: asyncio.Task[None] | None, on_first_audio: Callable[[float], None]
    ) -> None:
        if before is not None:
            await before
        try:
            begun = False
            for sentence in added:
                async with aclosing(self._voice.stream(speak_text(sentence.text))) as pieces:
                    async for pcm in pieces:
                        audible_at = self._now() + self.left_s()
                        await self._hand_over(pcm)
                        if not begun:
                            begun = True
                            on_first_audio(audible_at)
                await self._line.mark(sentence.mark)
                if sentence is not added[-1]:
                    await self._hand_over(silence(SENTENCE_PAUSE_S))
        except DialerError as error:
            self._on_failure(error)

    async def _hand_over(self, pcm: bytes) -> None:
        self._track.play(pcm, self._now())
        await self._line.play(pcm)

    async def sound(self, pcm: bytes) -> None:
        """Play something that is not speech."""
        await self._hand_over(pcm)

    async def fill(self, text: str) -> bool:
        """Say a few words while the answer is being made; False if the customer hears something anyway.

        They are no part of what is being said: whatever is said next comes behind them.
        """
        try:
            pcm = await self._voice.at_once(speak_text(text))
        except DialerError as error:
            self._on_failure(error)
            return False
        if self._paused or self.left_s() > 0:
            return False
        await self._hand_over(pcm)
        return True

    def on_mark(self, mark: str) -> None:
        """A sentence has been heard in full."""
        for sentence in self._sentences:
            sentence.heard = True
            if sentence.mark == mark:
                break
        if self._sentences and self._sentences[-1].mark == mark:
            self._end()

    async def pause(self) -> None:
        """Fall silent at once, ready to go on."""
        if self.speaking and not self._paused:
            self._paused = True
            self._track.pause(self._now())
            await self._line.pause()

    async def resume(self) -> None:
        """Go on where `pause` stopped."""
        if self._paused:
            self._paused = False
            self._track.resume(self._now())
            await self._line.resume()

    async def repeat_sentence(self) -> None:
        """Begin the interrupted sentence anew."""
        rest = " ".join(sentence.text for sentence in self._sentences if not sentence.heard)
        await self.stop()
        if rest:
            self.say(rest)

    async def stop(self) -> None:
        """Drop what has not been heard."""
        if self._saying is not None and not self._saying.done():
            self._saying.cancel()
            await asyncio.gather(self._saying, return_exceptions=True)
        self._saying = None
        if self.speaking:
            self._track.flush(self._now())
            await self._line.flush()
        self._paused = False
        self._sentences = [sentence for sentence in self._sentences if sentence.heard]
        self._end()

    async def close(self) -> None:
        """The call is over: stop handing audio over."""
        if self._saying is not None:
            self._saying.cancel()
            await asyncio.gather(self._saying, return_exceptions=True)

    def left_s(self) -> float:
        """Seconds until everything handed over so far will have been heard."""
        return self._track.left_s(self._now())

    async def wait_over(self) -> None:
        """Until all has been heard, by its mark or by the clock."""
        while self.speaking:
            if self._saying is not None:
                await asyncio.wait({self._saying})
            try:
                await asyncio.wait_for(self.over.wait(), self.left_s() + MARK_GRACE_S)
            except TimeoutError:
                if not self._paused and self.left_s() == 0.0:
                    self._end()

    def _end(self) -> None:
        if self.speaking:
            self._over_at = self._now()
            self.over.set()
