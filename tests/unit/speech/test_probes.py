"""A lost provider is probed, and its recovery is seen without a call."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dialer.domain.breaker import Breaker
from dialer.errors import ProviderError
from dialer.speech.health import Guard, GuardedRecognizer
from dialer.speech.ports import Hypothesis
from dialer.speech.voice import Voice


class Provider:
    """Hears and speaks, unless it is down."""

    name = "online"
    voice = "anna"

    def __init__(self) -> None:
        self.down = True
        self.closed = False

    async def transcribe(self, pcm: bytes, *, hint: str = "") -> AsyncIterator[Hypothesis]:
        self._check()
        yield Hypothesis("", final=True)

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        self._check()
        yield b"\0\0"

    def _check(self) -> None:
        if self.down:
            raise ProviderError("online", "down")

    async def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("kind", ["hearing", "speaking"])
async def test_a_probe_closes_the_breaker_once_the_provider_is_back(tmp_path: Path, kind: str) -> None:
    now = [0.0]
    provider = Provider()
    guard = Guard("online", breaker=Breaker(threshold=1, open_s=15.0), clock=lambda: now[0])
    watched = GuardedRecognizer(provider, guard) if kind == "hearing" else Voice(provider, tmp_path, 1, provider, guard)
    with pytest.raises(ProviderError):
        await watched.probe()
    assert not watched.healthy

    provider.down = False
    with pytest.raises(ProviderError):
        await watched.probe()  # the breaker is still open
    now[0] = 16.0
    await watched.probe()

    assert watched.healthy
    await watched.close()
    assert provider.closed
