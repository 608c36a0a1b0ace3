"""The bot's voice: prompts from the cache, else from the provider, else in the offline voice.

What a customer hears must never wait for a provider that is down: the provider has a deadline for its first sound and
a breaker; behind it stands the fallback voice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from pathlib import Path

import structlog

from dialer.domain.usage import usage
from dialer.errors import ProviderError
from dialer.speech.health import Guard, Limits, close_if_online
from dialer.speech.ports import Synthesizer, collect
from dialer.speech.prompt_cache import PromptCache, prompt_key

log = structlog.get_logger()

#: Prompts rendered at once by `warm`.
_WARM_AT_ONCE = 4


class Voice:
    """One process's voice, shared by its calls. Texts are already written out for the ear (`spoken.speak_text`)."""

    def __init__(
        self,
        synthesizer: Synthesizer,
        cache_dir: Path,
        max_mb: int = 500,
        fallback: Synthesizer | None = None,
        guard: Guard | None = None,
    ) -> None:
        self._primary = synthesizer
        self._fallback = fallback
        self._cache = PromptCache(cache_dir, max_mb)
        #: The primary provider's guard; without a fallback it is asked twice.
        self.guard = guard or Guard(synthesizer.name, Limits(retries=0 if fallback else 1))
        self._under_way: dict[str, asyncio.Task[bytes]] = {}

    @property
    def healthy(self) -> bool:
        """Whether the primary provider may be counted on: what back-pressure reads."""
        return self.guard.healthy

    async def close(self) -> None:
        """Close the provider's connections."""
        await close_if_online(self._primary)

    async def probe(self) -> None:
        """Ask the provider for a word, to see whether it is back. Raises ProviderError."""
        await collect(self.guard.stream(lambda: self._primary.speak("да")))

    async def prompt(self, text: str) -> bytes:
        """The whole text as 8 kHz slin. The same text asked for twice at once is synthesised once.

        Raises ProviderError when the provider fails and there is no fallback (or it fails too).
        """
        if not text.strip():
            return b""
        key = self._key(self._primary, text)
        held = self._cache.held(key)
        if held is not None:
            return held
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.create_task(self._obtain(key, text))
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._over(key, done))
        return await asyncio.shield(task)

    async def stream(self, text: str) -> AsyncGenerator[bytes, None]:
        """The whole text piece by piece as it is synthesised; fills the cache. Raises like `prompt`."""
        if not text.strip():
            return
        key = self._key(self._primary, text)
        known = self._cache.held(key)
        if known is None and (under_way := self._under_way.get(key)) is not None:
            known = await asyncio.shield(under_way)
        if known is None:
            known = await asyncio.to_thread(self._cache.get, key)
        if known is not None:
            yield known
            return
        async with aclosing(self._synthesise(key, text)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def at_once(self, text: str) -> bytes:
        """The text from the cache, else in the fallback voice: the provider is asked only if there is no other."""
        known = await asyncio.to_thread(self._cache.get, self._key(self._primary, text))
        if known is not None:
            return known
        return await (self.prompt(text) if self._fallback is None else self._in_fallback_voice(text, self._fallback))

    async def warm(self, texts: Iterable[str]) -> int:
        """Render texts before they are needed; returns how many there are now. A failure is left to the call itself."""
        slots = asyncio.Semaphore(_WARM_AT_ONCE)

        async def one(text: str) -> bool:
            async with slots:
                try:
                    await self.prompt(text)
                except ProviderError as error:
                    log.warning("voice.not_warmed", provider=error.provider, kind=type(error).__name__)
                    return False
            return True

        return sum(await asyncio.gather(*(one(text) for text in dict.fromkeys(texts))))

    async def _obtain(self, key: str, text: str) -> bytes:
        known = await asyncio.to_thread(self._cache.get, key)
        if known is not None:
            return known
        usage().tts_characters += len(text)
        try:
            pcm = await collect(self.guard.stream(lambda: self._primary.speak(text)))
        except ProviderError as error:
            return await self._fall_back(text, error)
        await asyncio.to_thread(self._cache.put, key, pcm)
        return pcm

    async def _synthesise(self, key: str, sentence: str) -> AsyncGenerator[bytes, None]:
        """A text that breaks off is said again in full by the fallback: twice is better than half."""
        usage().tts_characters += len(sentence)
        spoken = []
        try:
            async with aclosing(self.guard.stream(lambda: self._primary.speak(sentence))) as chunks:
                async for chunk in chunks:
                    spoken.append(chunk)
                    yield chunk
        except ProviderError as error:
            yield await self._fall_back(sentence, error)
        else:
            await asyncio.to_thread(self._cache.put, key, b"".join(spoken))

    async def _fall_back(self, text: str, error: ProviderError) -> bytes:
        """The text in the fallback voice, cached under that voice's own name; without one, the error."""
        if self._fallback is None:
            raise error
        log.info("voice.fallback", provider=error.provider, kind=type(error).__name__)
        return await self._in_fallback_voice(text, self._fallback)

    async def _in_fallback_voice(self, text: str, fallback: Synthesizer) -> bytes:
        key = self._key(fallback, text)
        known = await asyncio.to_thread(self._cache.get, key)
        if known is not None:
            return known
        pcm = await collect(fallback.speak(text))
        await asyncio.to_thread(self._cache.put, key, pcm)
        return pcm

    def _over(self, key: str, task: asyncio.Task[bytes]) -> None:
        self._under_way.pop(key, None)
        if not task.cancelled() and task.exception() is not None:
            # Everybody who waited has it; if nobody waits any more, it is told here.
            log.debug("voice.prompt_failed", kind=type(task.exception()).__name__)

    @staticmethod
    def _key(synthesizer: Synthesizer, text: str) -> str:
        return prompt_key(synthesizer.name, synthesizer.voice, text)
