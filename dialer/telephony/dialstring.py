"""From a phone number to what may be dialed. Nothing else ever becomes part of a dial string."""

from __future__ import annotations

import re
from collections.abc import Sequence

import phonenumbers

from dialer.errors import InputError

#: E.164 with the plus sign, ASCII digits only: no `@`, `/`, `&` or Unicode digit can pass.
_E164 = re.compile(r"\+[1-9][0-9]{7,14}", re.ASCII)
_SHORTEST_NATIONAL = 8

_REFUSED_TYPES = {
    phonenumbers.PhoneNumberType.PREMIUM_RATE: "premium-rate numbers are not dialed",
    phonenumbers.PhoneNumberType.SHARED_COST: "shared-cost numbers are not dialed",
    phonenumbers.PhoneNumberType.UAN: "universal access numbers are not dialed",
    phonenumbers.PhoneNumberType.VOICEMAIL: "voicemail access numbers are not dialed",
}
#: Russian access codes that cost by the minute although number plans differ on their type (809 and kin).
_REFUSED_PREFIXES = ("7803", "7807", "7809", "7881")


def dial_number(phone: str, allowed_prefixes: Sequence[str]) -> str:
    """The digits to dial for an E.164 number (`+79161234567` -> `79161234567`).

    Raises InputError for anything that is not a plain E.164 number under one of `allowed_prefixes` (country
    calling codes, perhaps with leading digits of the area), and for emergency, short and premium-rate numbers.
    """
    if not _E164.fullmatch(phone):
        raise InputError("phone", "not an E.164 number (a plus sign and 8 to 15 digits)")
    digits = phone[1:]
    if not any(prefix and digits.startswith(prefix) for prefix in allowed_prefixes):
        raise InputError("phone", "its country code is not allowed")
    parsed = phonenumbers.parse(phone)
    national = phonenumbers.national_significant_number(parsed)
    region = phonenumbers.region_code_for_country_code(parsed.country_code or 0)
    if len(national) < _SHORTEST_NATIONAL or not phonenumbers.is_possible_number(parsed):
        raise InputError("phone", "too short or too long for its country")
    if phonenumbers.is_emergency_number(national, region) or phonenumbers.is_emergency_number(digits, region):
        raise InputError("phone", "emergency numbers are not dialed")
    refusal = _REFUSED_TYPES.get(phonenumbers.number_type(parsed))
    if refusal or digits.startswith(_REFUSED_PREFIXES):
        raise InputError("phone", refusal or "premium-rate numbers are not dialed")
    return digits
