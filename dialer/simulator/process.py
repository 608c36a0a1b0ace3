"""What the simulator's processes have in common: they end when told, and never outlive their parent."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import sys
from pathlib import Path

#: prctl(2): the signal that this process gets when its parent dies.
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Have this process terminated when its parent ends (Linux; elsewhere nothing happens).

    A parent that is gone already is not noticed: call it first thing.
    """
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set `stop` on SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


def announce(path: Path, facts: dict[str, object]) -> None:
    """Write `facts` as JSON for our own user's eyes, all at once: a reader never sees half of it."""
    draft = path.with_name(path.name + ".part")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(facts), encoding="utf-8")
    draft.replace(path)
