"""The recipient's time zone, as far as the phone number tells it.

Landlines tell their region; Russian mobile numbers may be anywhere in the country and tell nothing: such orders have
the campaign's zone unless the file names one. Data: Google's numbering plan (`phonenumbers`).
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import phonenumbers
from phonenumbers import timezone as zones

#: The library puts Kaliningrad into Bucharest's zone, which has summer time.
_CORRECTED: Final = {"Europe/Bucharest": "Europe/Kaliningrad"}
#: Russian mobile numbers; asked apart since they are nearly all that an import sees.
_RUSSIAN_MOBILE: Final = "+79"
_UNKNOWN: Final = "Etc/Unknown"


def zone_of_number(phone: str) -> str | None:
    """IANA zone of an E.164 number; None when the number leaves open what the time is where it rings."""
    if phone.startswith(_RUSSIAN_MOBILE):
        return None
    found = zones.time_zones_for_number(phonenumbers.parse(phone))
    if phone.startswith("+7"):
        found = tuple(_CORRECTED.get(name, name) for name in found)
    if not found or _UNKNOWN in found or len({_clock(name) for name in found}) > 1:
        return None
    return str(found[0])


@lru_cache(maxsize=512)
def _clock(zone: str) -> tuple[object, ...]:
    """What tells two zones' clocks apart: their offsets in winter and in summer."""
    year = datetime.now(ZoneInfo("UTC")).year
    return tuple(datetime(year, month, 1, tzinfo=ZoneInfo(zone)).utcoffset() for month in (1, 7))
