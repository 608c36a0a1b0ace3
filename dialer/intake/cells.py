"""Single cells: what is empty, what is forbidden, and what a spreadsheet would run as a formula."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from dialer.errors import InputError

#: First characters that make Excel or LibreOffice treat a cell as a formula (OWASP, "CSV Injection").
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
#: Ways in which exports write "nothing".
_EMPTY: Final = frozenset({"", "-", "–", "—", "n/a", "null", "none", "nan", "нет данных", "не указано", "не указан"})
_LONGEST_EMPTY: Final = max(map(len, _EMPTY))
#: White space that people type or paste (not `\s`: that would take separator control characters for blanks too).
_BLANKS: Final = re.compile("[ \t\r\n\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
#: Characters that programs put into cells without anybody seeing them: zero-width and direction marks, a stray BOM.
_INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
#: What stands for a byte that fits no encoding.
REPLACEMENT: Final = "\ufffd"


def harmless_cell(value: str) -> str:
    """A cell that no spreadsheet runs: a leading apostrophe in front of `= + - @`, tab and carriage return."""
    return f"'{value}" if value.startswith(_FORMULA_STARTS) else value


def without_guard(value: str) -> str:
    """The reverse of `harmless_cell`, so that a corrected rejects file can be imported again."""
    return value[1:] if value.startswith("'") and value[1:].startswith(_FORMULA_STARTS) else value


def tidy(value: str) -> str:
    """Trimmed, with invisible marks dropped and runs of white space (line breaks too) made one space.

    Any other control character is kept: `clean_text` refuses it.
    """
    if value.isprintable() and "  " not in value:  # nearly every cell: nothing to be done
        return value.strip(" ")
    return _BLANKS.sub(" ", _INVISIBLE.sub("", value)).strip(" ")


def is_empty(value: str) -> bool:
    """Whether a tidied cell says "nothing"."""
    return len(value) <= _LONGEST_EMPTY and value.casefold() in _EMPTY


def clean_text(field: str, value: str, max_chars: int) -> str:
    """A tidied cell that holds text.

    Raises InputError for control characters, undecodable bytes and excess length.
    """
    text = tidy(value)
    if len(text) <= max_chars and text.isprintable() and REPLACEMENT not in text:
        return text
    if REPLACEMENT in text:
        raise InputError(field, "повреждённые символы: строка записана не в UTF-8 и не в Windows-1251")
    if has_control(text):
        raise InputError(field, "управляющие символы недопустимы")
    if len(text) > max_chars:
        raise InputError(field, f"слишком длинно: {len(text)} символов при допустимых {max_chars}")
    return text


def safe_attribute(value: str, max_chars: int) -> str:
    """An extra column's cell: cleaned and cut rather than refused, since no call depends on it."""
    kept = value[: max_chars * 4]
    if not kept.isprintable() or REPLACEMENT in kept:
        kept = "".join(" " if _is_control(char) or char == REPLACEMENT else char for char in kept)
    return tidy(kept)[:max_chars].rstrip()


def has_control(text: str) -> bool:
    """Whether the text holds a control, surrogate or private-use character."""
    return not text.isprintable() and any(_is_control(char) for char in text)


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cs", "Co", "Cn"}
