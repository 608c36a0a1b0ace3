"""A hint: the first sign of speech, good enough to pause the bot, and taken back when nothing follows."""

from __future__ import annotations


class Hint:
    """Counts windows. A hint is over after `calm` windows in a row without a sign of speech, or when it is `longest`
    windows old: a murmur behind the customer is never quite speech, and must not hold the bot for good. After that the
    next hint needs a calm before it. What becomes speech is heard all the same.
    """

    def __init__(self, calm: int, longest: int) -> None:
        self._calm = calm
        self._longest = longest
        #: Windows since the hint was given; None when there is none.
        self._age: int | None = None
        #: Windows in a row without a sign.
        self._quiet = 0
        self._worn = False

    @property
    def given(self) -> bool:
        """Whether a hint stands."""
        return self._age is not None

    @property
    def wanted(self) -> bool:
        """Whether a sign of speech would be a hint now."""
        return self._age is None and not self._worn

    def give(self) -> None:
        """There is a sign."""
        self._age = self._quiet = 0

    def reset(self) -> None:
        """It has become speech, or a new sound begins."""
        self._age, self._worn = None, False

    def ends(self, sign: bool) -> bool:
        """The next window, with or without a sign: whether the hint that stood before it is over."""
        self._quiet = 0 if sign else self._quiet + 1
        calm = self._quiet >= self._calm
        if calm:
            self._worn = False
        if self._age is None:
            return False
        self._age += 1
        if not calm and self._age < self._longest:
            return False
        self._age, self._worn = None, not calm
        return True
