"""Why a customer cancels, from what they said. A rough sorting for people to look at, not a decision about anybody."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

NO_REASON: Final = "no_reason"
OTHER: Final = "other"

#: The first that matches counts: what is said of another shop says more than "не нужно".
_REASONS: Final = (
    ("not_ordered", r"не\s+заказыв|не\s+оформл|не\s+делал[аи]?\s+заказ|ничего\s+не\s+покупал"),
    (
        "bought_elsewhere",
        r"друг(ом|ой|их)\s+(магазин|мест)|уже\s+купил|уже\s+взял|наш(е|ё)?л[аи]?\s+дешевле|уже\s+приобр",
    ),
    ("duplicate", r"дв(а|ажды)\s+(раз|заказ)|второй\s+раз\s+оформ|повторн|дубл|случайно\s+оформ"),
    ("too_expensive", r"дорог|дороже|денег|деньг|не\s+по\s+карману|цен[аы]|стоит"),
    ("too_long", r"долго|поздно|не\s+успе|раньше\s+нужн|ждать"),
    ("changed_mind", r"передумал|не\s+нуж(ен|на|но|ны)|не\s+надо|не\s+хочу|больше\s+не|неактуальн|не\s+актуальн"),
)
_COMPILED: Final = tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _REASONS)
#: A refusal of so few words gives no reason.
_BARE_WORDS: Final = 4


def reason_of(said: Iterable[str]) -> str:
    """The reason in a customer's utterances: a name from the list above, `no_reason` or `other`."""
    text = " ".join(said).replace("ё", "е")
    for name, pattern in _COMPILED:
        if pattern.search(text):
            return name
    return NO_REASON if len(text.split()) <= _BARE_WORDS else OTHER


def reason_in_transcript(path: Path) -> str | None:
    """The reason in a saved transcript; None if it cannot be read (any more)."""
    try:
        lines: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["lines"]
    except (OSError, ValueError, KeyError):
        return None
    return reason_of(str(line.get("text", "")) for line in lines if line.get("who") == "customer")
