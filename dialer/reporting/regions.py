"""Where customers are: by the time zone that the shop gave, else by the number's own area."""

from __future__ import annotations

from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from phonenumbers import geocoder

#: As many digits (with the plus) as tell a Russian area or operator: +7 and the three-digit code.
PREFIX_CHARS: Final = 5
#: Neither a zone nor a geographic number: Russian mobile numbers name no place.
UNKNOWN: Final = "mobile"
ERASED: Final = "erased"

#: Fixed-line numbers of a code share the area; a subscriber number completes it to a valid form.
_ANY_SUBSCRIBER: Final = "2000000"


@lru_cache(maxsize=4096)
def region_of(timezone: str, prefix: str, language: str = "ru") -> str:
    """A region's name, or UNKNOWN or ERASED. `prefix` is the number's first PREFIX_CHARS characters."""
    if prefix.startswith("+999"):
        return ERASED
    if timezone and _is_zone(timezone):
        return timezone
    try:
        number = phonenumbers.parse(prefix + _ANY_SUBSCRIBER)
    except phonenumbers.NumberParseException:
        return UNKNOWN
    kind = phonenumbers.number_type(number)
    if kind not in (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE):
        return UNKNOWN
    return geocoder.description_for_number(number, language) or UNKNOWN


@lru_cache(maxsize=1024)
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    return True
