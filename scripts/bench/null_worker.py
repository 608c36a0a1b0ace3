"""Celery's own command line for workers whose calls dial nothing (`dialer.simulator.null_line`).

    NULL_THINK_S=5 python -m scripts.bench.null_worker -A workers.app worker -P threads -Q calls ...

Everything else is the product's own. The voice is silent, too: a null call's greeting would be rendered for nobody.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator

from celery.bin.celery import main

from dialer import bootstrap
from dialer.simulator.null_line import NullSwitch


class Silence:
    """A voice without a sound: implements `speech.ports.PromptVoice`."""

    async def prompt(self, text: str) -> bytes:
        return b""

    async def stream(self, text: str) -> AsyncGenerator[bytes, None]:
        yield b""

    async def at_once(self, text: str) -> bytes:
        return b""


if __name__ == "__main__":
    think_s = float(os.environ.get("NULL_THINK_S", "0"))
    bootstrap.make_switch = lambda _settings: NullSwitch(think_s)
    bootstrap.make_voice = lambda _settings: Silence()
    sys.exit(main())
