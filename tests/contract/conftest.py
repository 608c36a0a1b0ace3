"""The two PBXs that the contract suite runs on, and what its tests need around a line.

The real one runs wherever an Asterisk is found (tests/support/real_parts.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import numpy as np
import pytest
from numpy.typing import NDArray

from dialer.embedded.asterisk import EmbeddedAsterisk
from dialer.embedded.asterisk_program import find_asterisk
from dialer.settings import AriSettings, CallSettings, Settings
from dialer.simulator.pbx import SimulatedPbx
from dialer.simulator.pbx.callees import contract_callees
from dialer.telephony.line import AriLine
from dialer.telephony.ports import DialRequest, DialResult, LineHandlers
from dialer.telephony.switch import AriSwitch
from tests.support.real_parts import missing_asterisk

#: How long anything that must happen may take on a busy machine.
PATIENCE_S = 15.0


@dataclass
class Pbx:
    """A PBX under test: how to reach it, and its far side's record of dials."""

    kind: str
    #: How audio travels: `ari.media`.
    media: str
    url: str
    username: str
    password: str
    far_side: Callable[[], list[str]]

    def settings(self, **ari: Any) -> Settings:
        """Settings of a worker on this PBX."""
        return Settings(
            ari=AriSettings(
                **{
                    "url": self.url,
                    "username": self.username,
                    "password": self.password,
                    "media": self.media,
                    "reconnect_min_s": 0.05,
                    "reconnect_max_s": 0.2,
                    **ari,
                }
            ),
            calls=CallSettings(cap_margin_s=1.0),
        )

    async def listed(self, what: str) -> list[Any]:
        """`channels` or `bridges` as the PBX lists them now."""
        login = aiohttp.encode_basic_auth(self.username, self.password)
        async with (
            aiohttp.ClientSession(headers={"Authorization": login}) as session,
            session.get(f"{self.url}/{what}") as response,
        ):
            found: list[Any] = await response.json()
            return found


@pytest.fixture(scope="session")
def asterisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAsterisk]:
    """A real Asterisk for the whole session."""
    if find_asterisk() is None:
        missing_asterisk()
    with EmbeddedAsterisk(tmp_path_factory.mktemp("asterisk")) as running:
        yield running


def _pbxs(*media: str) -> list[Any]:
    return [
        pytest.param(f"{kind}-{one}", marks=[pytest.mark.asterisk] if kind == "asterisk" else [])
        for kind in ("simulated", "asterisk")
        for one in media
    ]


#: For tests of what happens before there is any audio: the way that it would take makes no difference.
before_audio = pytest.mark.parametrize("pbx", _pbxs("websocket"), indirect=True)


@pytest.fixture(params=_pbxs("websocket", "audiosocket"))
async def pbx(request: pytest.FixtureRequest) -> AsyncIterator[Pbx]:
    """Each test runs on both, with audio both ways; after it nothing may be left on either."""
    kind, _, media = request.param.partition("-")
    if kind == "simulated":
        async with SimulatedPbx(contract_callees) as simulated:
            found = Pbx(
                kind,
                media,
                simulated.ari_url,
                simulated.username,
                simulated.password,
                lambda: [call.number for call in simulated.calls],
            )
            yield found
            await _nothing_is_left(found)
        return
    real: EmbeddedAsterisk = request.getfixturevalue("asterisk")
    before = len(real.far_side_calls())
    found = Pbx(
        kind,
        media,
        real.url,
        real.username,
        real.password,
        lambda: [call.number for call in real.far_side_calls()[before:]],
    )
    yield found
    await _nothing_is_left(found)


async def _nothing_is_left(pbx: Pbx) -> None:
    """No channel and no bridge: the far end's own channels need a moment to end."""
    await eventually(lambda: _both_empty(pbx), "channels or bridges were left behind")


async def _both_empty(pbx: Pbx) -> bool:
    return not await pbx.listed("channels") and not await pbx.listed("bridges")


async def eventually(condition: Callable[[], Awaitable[bool]], failure: str) -> None:
    """Wait for something that no event tells of."""
    deadline = time.monotonic() + PATIENCE_S
    while not await condition():
        assert time.monotonic() < deadline, failure
        await asyncio.sleep(0.02)


@pytest.fixture
async def switch(pbx: Pbx) -> AsyncIterator[AriSwitch]:
    """One worker's switch."""
    async with AriSwitch(pbx.settings()) as connected:
        yield connected


@dataclass
class Heard:
    """Everything that a line told its listener, with the times at which it did."""

    pcm: bytearray = field(default_factory=bytearray)
    digits: list[str] = field(default_factory=list)
    marks: dict[str, float] = field(default_factory=dict)
    rang: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def handlers(self) -> LineHandlers:
        """What to give to `dial`."""
        return LineHandlers(on_audio=self._audio, on_digit=self._digit, on_mark=self._mark, on_ringing=self.rang.set)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what was heard meets the condition."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def mark(self, name: str) -> float:
        """Wait for a mark; returns the time at which it came."""
        await self.until(lambda: name in self.marks)
        return self.marks[name]

    def samples(self) -> NDArray[np.float64]:
        """All audio heard so far."""
        return np.frombuffer(bytes(self.pcm), dtype="<i2").astype(np.float64)

    def _audio(self, pcm: bytes) -> None:
        self.pcm += pcm
        self.changed.set()

    def _digit(self, digit: str) -> None:
        self.digits.append(digit)
        self.changed.set()

    def _mark(self, name: str) -> None:
        self.marks[name] = time.monotonic()
        self.changed.set()


@pytest.fixture
def heard() -> Heard:
    """An empty record."""
    return Heard()


@pytest.fixture
async def line(switch: AriSwitch) -> AsyncIterator[AriLine]:
    """A line that is closed whatever the test does."""
    fresh = switch.line()
    yield fresh
    await fresh.close()


Dial = Callable[..., Awaitable[DialResult]]


@pytest.fixture
def dial(line: AriLine, heard: Heard, request: pytest.FixtureRequest) -> Dial:
    """Dial a contract callee by number (without the plus sign) on `line`."""

    async def dialing(number: str, **more: Any) -> DialResult:
        call = DialRequest(attempt_id=attempt_id(request), phone=f"+{number}", **{"ring_timeout_s": 10.0, **more})
        return await line.dial(call, heard.handlers())

    return dialing


def attempt_id(request: pytest.FixtureRequest) -> str:
    """A channel id of this test's own."""
    return f"{request.node.originalname}-{time.monotonic_ns()}"


def speech(duration_s: float, seed: int = 1) -> bytes:
    """Noise shaped like a voice's loudness: unlike a tone, it matches itself at one place only. 8 kHz slin."""
    count = int(duration_s * 8000)
    noise = np.random.default_rng(seed).normal(0.0, 3000.0, count)
    smooth = np.convolve(noise, np.ones(4) / 2.0, mode="same")
    return bytes(np.clip(smooth, -20000, 20000).astype("<i2").tobytes())


def likeness(heard: NDArray[np.float64], said: bytes) -> float:
    """How well what was said is found in what was heard, at its best place: 1.0 is identical, 0.0 unrelated."""
    wanted = np.frombuffer(said, dtype="<i2").astype(np.float64)
    if len(heard) < len(wanted):
        return 0.0
    size = 1 << (len(heard) + len(wanted)).bit_length()
    products = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size)), size)
    places = len(heard) - len(wanted) + 1
    energy = np.convolve(heard**2, np.ones(len(wanted)), mode="valid")
    return float(np.max(products[:places] / np.sqrt(energy * np.sum(wanted**2) + 1.0)))
