"""Dispositions where SIP says more than the numeric cause. The pairs were read off Asterisk 22 (docs/telephony.md)."""

from __future__ import annotations

import pytest

from dialer.domain.outcome import Disposition
from dialer.telephony.causes import disposition_of_failure


@pytest.mark.parametrize(
    ("cause", "sip_code", "disposition"),
    [
        (17, 486, Disposition.BUSY),
        (17, 600, Disposition.BUSY),
        (19, 480, Disposition.NO_ANSWER),
        (18, 408, Disposition.NO_ANSWER),
        (21, 603, Disposition.REJECTED),
        (21, 403, Disposition.REJECTED),
        (1, 404, Disposition.INVALID_NUMBER),
        (28, 484, Disposition.INVALID_NUMBER),
        (38, 500, Disposition.TRUNK_FAILURE),
        (29, 501, Disposition.TRUNK_FAILURE),
        (27, 502, Disposition.TRUNK_FAILURE),
        (34, 503, Disposition.TRUNK_FAILURE),
        (102, 504, Disposition.TRUNK_FAILURE),
        (127, 505, Disposition.TRUNK_FAILURE),
        (21, 401, Disposition.TRUNK_FAILURE),
        (21, 407, Disposition.TRUNK_FAILURE),
        (58, 488, Disposition.TRUNK_FAILURE),
        (34, None, Disposition.TRUNK_FAILURE),
        (17, None, Disposition.BUSY),
    ],
)
def test_disposition(cause: int, sip_code: int | None, disposition: Disposition) -> None:
    assert disposition_of_failure(cause, sip_code) is disposition
