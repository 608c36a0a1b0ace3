"""From a customer's turn to its meaning: what a session shares with all others, and one utterance understood."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import date

import structlog

from dialer.conversation.listening import Listener, Ticker, Utterance
from dialer.conversation.machine import sounds_like_machine
from dialer.conversation.moves import EXPECT_AT
from dialer.conversation.script import OrderScript
from dialer.conversation.state import State
from dialer.domain.intent import Action, Reading
from dialer.errors import ProviderError
from dialer.speech.ports import PromptVoice, Recognizer
from dialer.understanding.ports import Question, Understanding

log = structlog.get_logger(__name__)

#: How long the words of one turn may be waited for, retries included; then the customer is asked for keys.
HEARING_LIMIT_S = 4.5
_CONTEXT_KEYS = ("order_id", "amount", "delivery_date", "delivery_window", "address")


@dataclass(frozen=True, slots=True)
class SessionPorts:
    """What all conversations of a process share."""

    voice: PromptVoice
    recognizer: Recognizer
    understanding: Understanding
    min_confidence: float = 0.7
    operator_endpoint: str = ""
    ticker: Ticker = field(default_factory=Ticker)


@dataclass(frozen=True, slots=True)
class Understood:
    """One utterance, its words and its meaning; no meaning when the recogniser failed."""

    utterance: Utterance
    text: str
    reading: Reading | None


class Comprehension:
    """Understands the utterances of one call."""

    def __init__(self, ports: SessionPorts, listener: Listener, script: OrderScript, today: date) -> None:
        self._understanding = ports.understanding
        self._listener = listener
        self._today = today
        self._order = {key: str(value) for key in _CONTEXT_KEYS if (value := script.values[key]) is not None}

    def question(self, state: State) -> Question:
        """What the customer is answering at this moment."""
        return Question(
            expect=EXPECT_AT[state.step],
            today=self._today,
            asked=self._listener.hint,
            order=self._order,
            pending_address=state.address or None,
        )

    def is_complete(self, text: str, state: State) -> bool:
        """Whether words need no more patience: the rules know them, and they are not a bare "no" that may go on."""
        if state.at_first_turn and sounds_like_machine(text):
            return True
        reading = self._understanding.by_rules(text, self.question(state)) if text else None
        if reading is None or reading.action is Action.UNKNOWN or reading.confidence < state.min_confidence:
            return False
        return reading.action is not Action.CANCEL or len(text.split()) > 1

    async def understand(self, utterance: Utterance, state: State) -> Understood:
        """Wait for the utterance's words and find their meaning; never raises for a provider's failure."""
        try:
            async with asyncio.timeout(HEARING_LIMIT_S):
                text = await self._listener.text_of(utterance)
        except TimeoutError:
            log.warning("hearing_too_slow")
            return Understood(utterance, "", None)
        except ProviderError as error:
            log.warning("hearing_failed", provider=error.provider)
            return Understood(utterance, "", None)
        if not text:
            return Understood(utterance, "", Reading(Action.UNKNOWN))
        began = self._listener.now()
        reading = await self._understanding.understand(text, self.question(state))
        utterance.latency_ms["understanding"] = round((self._listener.now() - began) * 1000)
        return Understood(utterance, text, reading)
