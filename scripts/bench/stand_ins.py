"""Our side of the scenario: the product's own parts, but for a recogniser that knows the scenario's words."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

from dialer.conversation import silero
from dialer.conversation.comprehension import SessionPorts
from dialer.conversation.script import OrderScript, Script, load_script
from dialer.domain.order import Order
from dialer.settings import config_dir
from dialer.speech.offline import OfflineSynthesizer
from dialer.speech.ports import Hypothesis, duration_s
from dialer.speech.voice import Voice
from dialer.understanding.service import RulesThenModel
from scripts.bench.scenario import AMOUNT, ORDER_ID, SCRIPT, words_of


class KnownWords:
    """A recogniser that tells the scenario's phrases by their length; shared by all calls."""

    name = "known_words"

    def __init__(self, delay_s: float = 0.0) -> None:
        self._delay_s = delay_s

    async def transcribe(self, pcm: bytes, *, hint: str = "") -> AsyncIterator[Hypothesis]:
        """See `speech.ports.Recognizer`."""
        if self._delay_s:
            await asyncio.sleep(self._delay_s)
        yield Hypothesis(words_of(duration_s(pcm)), final=True, confidence=1.0)


def ports(folder: Path, *, recognizer_delay_s: float = 0.0) -> SessionPorts:
    """What the scenario's calls share; prompts are cached in `folder`."""
    silero.weights()
    return SessionPorts(
        voice=Voice(OfflineSynthesizer(), folder / "prompts"),
        recognizer=KnownWords(recognizer_delay_s),
        understanding=RulesThenModel(),
    )


def script_of(folder: Path, text: str) -> Script:
    """The script that `text` (YAML) holds, which may extend those that come with the product; kept in `folder`."""
    shutil.copytree(config_dir() / "scripts", folder, dirs_exist_ok=True)
    (folder / "bench.yaml").write_text(text, "utf-8")
    return load_script(folder, "bench")


def order(phone: str) -> Order:
    """The scenario's order, to be called at `phone`."""
    return Order(order_id=ORDER_ID, phone=phone, amount=Decimal(AMOUNT))


def scenario_script(folder: Path) -> Script:
    """The scenario's script, kept in `folder`."""
    return script_of(folder, SCRIPT)


def order_script(folder: Path) -> OrderScript:
    """What the bot says in the scenario."""
    return scenario_script(folder).for_order(order("+79160000000"), "Твой выбор")
