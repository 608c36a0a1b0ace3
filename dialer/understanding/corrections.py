"""Applies a correction ("квартира 43") to the address that was read out."""

from __future__ import annotations

import re

from dialer.understanding.addresses import SETTLEMENTS, STREETS, UNITS

_SHORT = {
    "д": "дом",
    "кв": "квартира",
    "ул": "улица",
    "корп": "корпус",
    "к": "корпус",
    "стр": "строение",
    "пр": "проспект",
    "просп": "проспект",
    "пр-т": "проспект",
    "пер": "переулок",
    "г": "город",
}
_KINDS = STREETS | SETTLEMENTS | UNITS


def apply_correction(pending: str, correction: str) -> str:
    """`pending` with the parts that `correction` names replaced or added; the correction itself if it is a whole
    address (it names a street and a house)."""
    new_parts = [part.strip() for part in correction.split(",") if part.strip()]
    kinds = [_kind(part) for part in new_parts]
    has_street = any(kind in STREETS for kind in kinds)
    if None in kinds or (has_street and "дом" in kinds):
        return correction
    parts = [part.strip() for part in pending.split(",") if part.strip()]
    for kind, new in zip(kinds, new_parts, strict=True):
        same = [place for place, part in enumerate(parts) if _same(_kind(part), kind)]
        if same:
            parts[same[0]] = new
        else:
            parts.append(new)
    return ", ".join(parts)


def agrees(pending: str, said: str) -> bool:
    """Whether everything said is already in `pending` ("да, Ленина, дом пять")."""
    known = {_plain(part) for part in pending.split(",")}
    return all(_plain(part) in known for part in said.split(","))


def replace_number(pending: str, old: int, new: int) -> str | None:
    """`pending` with the number `old` replaced ("не сорок два, а сорок три"); None unless it occurs exactly once."""
    pattern = re.compile(rf"(?<!\d){old}(?!\d)")
    if len(pattern.findall(pending)) != 1:
        return None
    return pattern.sub(str(new), pending)


def _kind(part: str) -> str | None:
    """What a part of an address is: its first word that names a kind, abbreviations spelled out."""
    words: list[str] = re.findall(r"[а-я-]+", part.lower().replace("ё", "е"))
    for word in words:
        full = _SHORT.get(word, word)
        if full in _KINDS:
            return full
    return None


def _plain(part: str) -> tuple[str, ...]:
    """The words of a part, abbreviations spelled out."""
    words = re.findall(r"[а-я-]+|\d+[а-я/\d]*", part.lower().replace("ё", "е"))
    return tuple(_SHORT.get(word, word) for word in words)


def _same(one: str | None, other: str | None) -> bool:
    return one is not None and (one == other or (one in STREETS and other in STREETS))
