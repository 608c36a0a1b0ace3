"""What happens when a real part (PostgreSQL, Redis, Asterisk, Chromium) is missing: a skip at home, a failure in CI."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(reason: str, *, undeliverable: bool = False) -> NoReturn:
    """Skip with `reason`; fail when DIALER_REQUIRE_REAL=1, unless the package archive could not deliver the part."""
    if os.environ.get("DIALER_REQUIRE_REAL") == "1" and not undeliverable:
        pytest.fail(reason)
    pytest.skip(reason)


def missing_asterisk() -> NoReturn:
    """No Asterisk was found. `.ci/run` says when the archive itself could not deliver one."""
    missing(
        "no Asterisk 22.6 or later: run `make asterisk`, or set DIALER_ASTERISK_ROOT",
        undeliverable=os.environ.get("DIALER_ASTERISK_UNDELIVERABLE") == "1",
    )
