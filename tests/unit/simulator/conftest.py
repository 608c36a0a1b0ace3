"""A running simulated PBX with the contract's callees, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from dialer.simulator.pbx import SimulatedPbx, contract_callees
from tests.unit.simulator.bare_ari import BareAri, ari


@pytest.fixture
async def client() -> AsyncIterator[BareAri]:
    async with SimulatedPbx(contract_callees) as pbx, ari(pbx) as listening:
        yield listening
