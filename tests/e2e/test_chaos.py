"""A small campaign under fire. `make chaos` is the large one."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.chaos.campaign import run_chaos
from dialer.chaos.plan import ChaosPlan

pytestmark = pytest.mark.timeout(280)


def test_nothing_is_lost_and_nobody_called_twice(tmp_path: Path) -> None:
    # Given a campaign whose every part will fail, with a repetitive broker and clocks that differ
    plan = ChaosPlan(
        out=tmp_path / "chaos",
        orders=30,
        lines=10,
        seed=5,
        minutes=4,
        mischief=True,
        pause_s=(1.0, 3.0),
        most_faults=5,
        faults=("call worker killed", "Redis killed, data lost", "PostgreSQL killed", "PBX killed", "worker frozen"),
    )
    # When
    result = run_chaos(plan, print)
    # Then the far sides have nothing to complain of
    assert result.verdict.doubled_dials == []
    assert result.verdict.lost == []
    assert result.verdict.doubled == []
    assert result.audit is not None
    assert result.audit.violations == []
    assert result.finished
    assert result.faults.total() > 0
    assert result.verdict.decisions_made > 0
