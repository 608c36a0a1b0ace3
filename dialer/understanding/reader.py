"""Looking at the words of one utterance by place; places outside it are empty."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dialer.understanding.vocabulary import Token


class Reader:
    """What the grammars share."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens

    def form(self, at: int) -> str:
        """The word at `at`, levelled and mended; empty outside the utterance."""
        return self.tokens[at].form if 0 <= at < len(self.tokens) else ""

    def lemma(self, at: int, lemmas: Collection[str]) -> str | None:
        """The lemma of the word at `at` that is among `lemmas`, if any."""
        if not 0 <= at < len(self.tokens):
            return None
        for lemma in self.tokens[at].lemmas:
            if lemma in lemmas:
                return lemma
        return None
