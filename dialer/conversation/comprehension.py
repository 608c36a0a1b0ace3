"""From a customer's turn to its meaning: what a session shares with all others, and one utterance understood."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import structlog

from dialer.conversation.hearing_models import JudgePool
from dialer.conversation.listening import Listener, Ticker, Utterance
from dialer.conversation.moves import EXPECT_AT
from dialer.conversation.script import OrderScript
from dialer.conversation.state import State
from dialer.domain.intent import Action, Reading
from dialer.errors import ProviderError
from dialer.speech.ports import Recognizer
from dialer.speech.voice import Voice
from dialer.understanding.ports import Question, Understanding

log = structlog.get_logger(__name__)

_CONTEXT_KEYS = ("order_id", "amount", "delivery_date", "delivery_window", "address")


@dataclass(frozen=True, slots=True)
class SessionPorts:
    """What all conversations of a process share."""

    voice: Voice
    recognizer: Recognizer
    understanding: Understanding
    judges: JudgePool
    min_confidence: float = 0.7
    operator_endpoint: str = ""
    ticker: Ticker = field(default_factory=Ticker)


@dataclass(frozen=True, slots=True)
class Understood:
    """One utterance, its words and its meaning; no meaning when the recogniser failed."""

    utterance: Utterance
    text: str
    reading: Reading | None


async def comprehend(
    ports: SessionPorts, listener: Listener, script: OrderScript, state: State, today: date, utterance: Utterance
) -> Understood:
    """Wait for the utterance's words and find their meaning; never raises for a provider's failure."""
    question = Question(
        expect=EXPECT_AT[state.step],
        today=today,
        asked=listener.hint,
        order={key: str(value) for key in _CONTEXT_KEYS if (value := script.values[key]) is not None},
        pending_address=state.address or None,
    )
    try:
        text = await listener.text_of(utterance)
    except ProviderError as error:
        log.warning("hearing_failed", provider=error.provider)
        return Understood(utterance, "", None)
    if not text:
        return Understood(utterance, "", Reading(Action.UNKNOWN))
    began = listener.now()
    reading = await ports.understanding.understand(text, question)
    utterance.latency_ms["understanding"] = round((listener.now() - began) * 1000)
    return Understood(utterance, text, reading)
