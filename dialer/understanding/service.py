"""Understanding as the conversation uses it: rules, then the language model, then "unknown"."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, Self

import structlog

from dialer.domain.breaker import Breaker, BreakerState
from dialer.domain.intent import Action, Reading
from dialer.errors import ProviderError
from dialer.settings import Settings
from dialer.understanding import rules
from dialer.understanding.ports import Question

log = structlog.get_logger(__name__)

_UNKNOWN = Reading(Action.UNKNOWN)
#: Confidence of a confirmation or cancellation that only the model sees: the bot asks back.
UNSUPPORTED_CONFIDENCE = 0.5


class Model(Protocol):
    """A language model that reads an utterance. `read` raises ProviderError."""

    async def read(self, text: str, question: Question) -> Reading: ...

    async def close(self) -> None: ...


class RulesThenModel:
    """The port `Understanding`. Loads the rules' dictionaries when it is made (about half a second)."""

    def __init__(
        self,
        model: Model | None = None,
        *,
        breaker: Breaker | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        rules.load()
        self._model = model
        self._breaker = breaker or Breaker()
        self._clock = clock

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Rules, and the model when `understanding.llm` is on. Raises ConfigError when its key is missing."""
        if not settings.understanding.llm:
            return cls()
        from dialer.understanding.llm import OpenAIModel

        return cls(OpenAIModel(settings.openai))

    @property
    def healthy(self) -> bool:
        """Whether the model, if there is one, may be counted on: what back-pressure reads."""
        return self._model is None or self._breaker.state(self._clock()) is BreakerState.CLOSED

    def by_rules(self, text: str, question: Question) -> Reading | None:
        """What the rules settle; None where they leave it open. Never raises."""
        return rules.read(text, question)

    async def understand(self, text: str, question: Question) -> Reading:
        """Rules, then the model if there is one. A provider's failure reads as UNKNOWN with source NONE."""
        reading = rules.read(text, question)
        if reading is not None:
            return reading
        if self._model is None or not self._breaker.allow(self._clock()):
            return _UNKNOWN
        try:
            answer = await self._model.read(text, question)
        except ProviderError as error:
            self._breaker.failed(self._clock())
            log.warning("model_failed", provider=error.provider, kind=type(error).__name__, permanent=error.permanent)
            return _UNKNOWN
        self._breaker.succeeded(self._clock())
        return _guarded(answer, text, question)

    async def close(self) -> None:
        """Close the model's connections."""
        if self._model is not None:
            await self._model.close()


def _guarded(answer: Reading, text: str, question: Question) -> Reading:
    """The model alone neither confirms nor cancels: words that contradict it make it unknown, words that do not
    support it make the bot ask back."""
    if answer.action not in (Action.CONFIRM, Action.CANCEL):
        return answer
    support = rules.support(answer.action, text, question)
    if support is rules.Support.AGAINST:
        log.info("model_contradicted", action=answer.action.value)
        return _UNKNOWN
    if support is rules.Support.NONE:
        return replace(answer, confidence=min(answer.confidence, UNSUPPORTED_CONFIDENCE))
    return answer
