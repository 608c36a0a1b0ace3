"""A customer's audio in real time, for whoever hears it. Needs nothing but Python."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

FRAME_BYTES = 320
FRAME_S = 0.02
#: Calls begin this far apart: their turns do not fall together.
STAGGER_S = 1.0


def percentiles(values: list[float], *shares: int) -> dict[str, float]:
    """Nearest ranks, rounded to tenths; nothing of nothing."""
    ranked = sorted(values)
    return {
        f"p{share}": round(ranked[min(len(ranked) - 1, len(ranked) * share // 100)], 1) for share in shares if ranked
    }


def frames(pcm: bytes) -> list[bytes]:
    """8 kHz slin in pieces of 20 ms."""
    return [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm), FRAME_BYTES)]


async def play(pcm: bytes, deliver: Callable[[bytes], Awaitable[None] | None], late_ms: list[float]) -> None:
    """Deliver 20 ms every 20 ms from now on; `late_ms` gets how much behind its time each one was delivered."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    for frame in frames(pcm):
        wait = due - loop.time()
        if wait > 0:
            await asyncio.sleep(wait)
        late_ms.append((loop.time() - due) * 1000)
        delivering = deliver(frame)
        if delivering is not None:
            await delivering
        due += FRAME_S
