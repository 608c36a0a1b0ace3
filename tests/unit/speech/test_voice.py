"""The bot's voice: cache, single flight, streaming and fallback."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dialer.domain.breaker import Breaker
from dialer.errors import ProviderError
from dialer.speech.health import Guard, Limits
from dialer.speech.prompt_cache import PromptCache, prompt_key
from dialer.speech.voice import Voice


class Speaker:
    """A synthesizer whose speech is its text; may be told to fail or to wait."""

    def __init__(self, name: str = "online", voice: str = "anna") -> None:
        self.name = name
        self.voice = voice
        self.asked: list[str] = []
        self.down = False
        self.break_off = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = asyncio.Event()

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        self.asked.append(text)
        self.begun.set()
        await self.gate.wait()
        if self.down:
            raise ProviderError(self.name, "down")
        sound = f"{self.name}:{text}".encode("utf-16-le")
        yield sound[:4]
        if self.break_off:
            raise ProviderError(self.name, "broke off")
        yield sound[4:]


def said(text: str, by: str = "online") -> bytes:
    return f"{by}:{text}".encode("utf-16-le")


def voice(folder: Path, speaker: Speaker, fallback: Speaker | None = None, **limits: float) -> Voice:
    bounds = Limits(backoff_s=0.0, **limits)  # type: ignore[arg-type]
    return Voice(speaker, folder, 1, fallback, Guard(speaker.name, bounds, Breaker(threshold=100)))


async def test_a_prompt_is_synthesised_once_and_then_comes_from_disk(tmp_path: Path) -> None:
    speaker = Speaker()

    first = await voice(tmp_path, speaker).prompt("Здравствуйте!")
    second = await voice(tmp_path, speaker).prompt("Здравствуйте!")

    assert first == second == said("Здравствуйте!")
    assert speaker.asked == ["Здравствуйте!"]


async def test_another_voice_or_text_is_another_prompt(tmp_path: Path) -> None:
    one, other = Speaker(voice="anna"), Speaker(voice="boris")

    await voice(tmp_path, one).prompt("да")
    await voice(tmp_path, other).prompt("да")
    await voice(tmp_path, other).prompt("нет")

    assert (one.asked, other.asked) == (["да"], ["да", "нет"])


async def test_the_same_prompt_asked_for_at_once_is_synthesised_once(tmp_path: Path) -> None:
    speaker = Speaker()
    speaker.gate.clear()
    both = voice(tmp_path, speaker)
    waiting = [asyncio.create_task(both.prompt("да")) for _ in range(5)]
    await speaker.begun.wait()

    waiting[0].cancel()
    speaker.gate.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)

    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1:] == [said("да")] * 4
    assert speaker.asked == ["да"]


async def test_a_provider_that_is_down_is_replaced_and_its_cache_is_kept_clean(tmp_path: Path) -> None:
    speaker, offline = Speaker(), Speaker("offline")
    both = voice(tmp_path, speaker, offline)
    await both.prompt("известное")
    speaker.down = True

    assert await both.prompt("известное") == said("известное")
    assert await both.prompt("новое") == said("новое", "offline")
    assert await both.prompt("новое") == said("новое", "offline")
    assert offline.asked == ["новое"]
    speaker.down = False

    assert await both.prompt("новое") == said("новое")


async def test_a_provider_that_says_nothing_is_replaced_in_time(tmp_path: Path) -> None:
    speaker, offline = Speaker(), Speaker("offline")
    speaker.gate.clear()

    assert await voice(tmp_path, speaker, offline, first_s=0.02).prompt("да") == said("да", "offline")


async def test_without_a_fallback_the_failure_is_told_to_everybody_who_waits(tmp_path: Path) -> None:
    speaker = Speaker()
    speaker.down = True
    alone = voice(tmp_path, speaker)

    results = await asyncio.gather(*(alone.prompt("да") for _ in range(3)), return_exceptions=True)

    assert all(isinstance(result, ProviderError) for result in results)


async def test_a_stream_brings_pieces_as_they_come_and_fills_the_cache(tmp_path: Path) -> None:
    speaker = Speaker()
    one = voice(tmp_path, speaker)

    chunks = [chunk async for chunk in one.stream("Это магазин. Подтверждаете?")]

    assert len(chunks) > 1
    assert b"".join(chunks) == said("Это магазин. Подтверждаете?")
    assert await one.prompt("Это магазин. Подтверждаете?") == b"".join(chunks)
    assert len(speaker.asked) == 1


async def test_a_stream_of_what_is_being_rendered_does_not_ask_twice(tmp_path: Path) -> None:
    speaker = Speaker()
    speaker.gate.clear()
    one = voice(tmp_path, speaker)
    rendering = asyncio.create_task(one.prompt("да"))
    await speaker.begun.wait()
    streaming = asyncio.create_task(anext(one.stream("да")))

    speaker.gate.set()

    assert await streaming == await rendering
    assert speaker.asked == ["да"]


async def test_a_text_that_breaks_off_is_said_again_in_full(tmp_path: Path) -> None:
    speaker, offline = Speaker(), Speaker("offline")
    speaker.break_off = True

    chunks = [chunk async for chunk in voice(tmp_path, speaker, offline).stream("Первое.")]

    assert said("Первое.", "offline") in chunks


async def test_what_must_be_said_at_once_does_not_wait_for_the_provider(tmp_path: Path) -> None:
    speaker, offline = Speaker(), Speaker("offline")
    both = voice(tmp_path, speaker, offline)
    await both.prompt("известное")
    speaker.gate.clear()

    assert await both.at_once("известное") == said("известное")
    assert await both.at_once("новое") == said("новое", "offline")


async def test_a_lonely_provider_says_it_as_soon_as_it_can(tmp_path: Path) -> None:
    assert await voice(tmp_path, Speaker()).at_once("новое") == said("новое")


async def test_a_half_spoken_sentence_is_never_cached(tmp_path: Path) -> None:
    speaker = Speaker()
    one = voice(tmp_path, speaker)
    stream = one.stream("Первое.")
    await anext(stream)
    await stream.aclose()

    assert await one.prompt("Первое.") == said("Первое.")
    assert len(speaker.asked) == 2


async def test_warming_renders_each_text_once_and_survives_failures(tmp_path: Path) -> None:
    speaker = Speaker()
    one = voice(tmp_path, speaker)

    assert await one.warm(["да", "нет", "да"]) == 2
    assert sorted(speaker.asked) == ["да", "нет"]
    speaker.down = True
    assert await one.warm(["да", "новое"]) == 1


class TestPromptCache:
    """Files, budget, and a disk that fails."""

    def test_the_longest_unused_prompts_make_room(self, tmp_path: Path) -> None:
        cache = PromptCache(tmp_path, max_mb=1)
        keys = [prompt_key("p", "v", str(number)) for number in range(4)]
        for age, key in enumerate(keys):
            cache.put(key, bytes(240_000))
            os.utime(tmp_path / key[:2] / f"{key}.pcm", (1000 + age, 1000 + age))

        fresh = PromptCache(tmp_path, max_mb=1)
        assert fresh.get(keys[0]) is not None
        fresh.put(prompt_key("p", "v", "more"), bytes(240_000))

        kept = [key for key in keys if (tmp_path / key[:2] / f"{key}.pcm").exists()]
        assert keys[0] in kept
        assert keys[1] not in kept
        assert sum(path.stat().st_size for path in tmp_path.rglob("*.pcm")) <= 1024 * 1024

    def test_the_text_cannot_be_told_from_the_folder(self, tmp_path: Path) -> None:
        PromptCache(tmp_path, 1).put(prompt_key("p", "v", "улица Ленина"), b"12")

        (path,) = tmp_path.rglob("*.pcm")
        assert "Ленина" not in str(path)
        assert path.stat().st_mode & 0o077 == 0

    def test_a_disk_that_fails_costs_the_cache_and_nothing_else(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the way")
        cache = PromptCache(tmp_path / "file" / "sub", 1)

        cache.put("ab" * 32, b"12")

        assert cache.get("ab" * 32) == b"12"
        assert PromptCache(tmp_path / "file" / "sub", 1).get("ab" * 32) is None


@pytest.mark.parametrize("text", ["", "  "])
async def test_nothing_to_say_is_no_sound(tmp_path: Path, text: str) -> None:
    assert await voice(tmp_path, Speaker()).prompt(text) == b""
