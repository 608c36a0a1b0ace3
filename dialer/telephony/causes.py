"""From hangup causes to dispositions, where the SIP answer says more than Asterisk's numeric cause."""

from __future__ import annotations

from dialer.domain.outcome import Disposition, disposition_of_cause

#: Our credentials or codecs are wrong, or payment is due: the trunk's fault, whatever the cause reads.
_TRUNK_SIP_CODES = frozenset({401, 402, 407, 488, 606})


def disposition_of_failure(cause: int, sip_code: int | None = None) -> Disposition:
    """The disposition of a dial that was not answered.

    `sip_code` is `tech_cause` of `ChannelDestroyed`. Asterisk 22 turns 500 into 38 and 503 into 34, but 501, 502,
    504 and 505 into 29, 27, 102 and 127 (docs/telephony.md): every 5xx is the trunk's fault.
    """
    if sip_code is not None and (500 <= sip_code < 600 or sip_code in _TRUNK_SIP_CODES):
        return Disposition.TRUNK_FAILURE
    return disposition_of_cause(cause)
