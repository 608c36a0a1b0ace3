"""What a word may be in a sentence, as far as a story is judged by it (see `told`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: A word to what it may be, all its readings together; empty for what is no Russian word.
Parts = Callable[[str], frozenset[str]]


def readings(tag: Any) -> list[str]:
    """What one reading of a word may be.

    "mine" (I do), "past" (somebody did), "verb" (any other), "now" (may decide here and now), "inf", "noun" with
    "object", "subject" or "oblique" by its case, "other". `tag` is an OpencorporaTag.
    """
    if "impr" in tag and "1per" not in tag:
        return ["impr", "now"]
    if "VERB" in tag:
        if "1per" in tag:
            return ["mine", "now"] if "pres" in tag else ["mine"]
        return ["past"] if "past" in tag and ("masc" in tag or "femn" in tag) else ["verb"]
    if "NOUN" in tag or "ADJF" in tag or "PRTF" in tag:
        case = "object" if "accs" in tag or "gent" in tag else "subject" if "nomn" in tag else "oblique"
        return ["noun", case]
    if "PRED" in tag:
        return ["verb"]
    return ["inf"] if "INFN" in tag else ["other"]
