"""Text that can be stored, shown and sent on: what providers and customers' systems send may hold anything."""

from __future__ import annotations

import re
from typing import Any

#: Control characters but for tab and line ends, and lone surrogates: PostgreSQL, UTF-8 files and CSV take none of them.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def plain_text(text: str) -> str:
    """The text with a space in place of each character that nobody can store."""
    return _UNFIT.sub(" ", text)


def plain_json(value: Any) -> Any:
    """A JSON value with plain text in it, however deep."""
    match value:
        case str():
            return plain_text(value)
        case dict():
            return {plain_text(key) if isinstance(key, str) else key: plain_json(item) for key, item in value.items()}
        case list() | tuple():
            return [plain_json(item) for item in value]
        case _:
            return value
