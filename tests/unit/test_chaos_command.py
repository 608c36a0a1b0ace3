"""`dialer chaos`: which PBX it takes, and what its exit code says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import CliRunner

from dialer.chaos.campaign import ChaosResult
from dialer.chaos.plan import ChaosPlan
from dialer.cli import chaos
from dialer.ledger.audit import AuditReport

Edit = Callable[[ChaosResult], None]


def _leave(_result: ChaosResult) -> None:
    """A clean run."""


def _run(monkeypatch: pytest.MonkeyPatch, *options: str, there: bool = True, edit: Edit = _leave) -> tuple[int, bool]:
    """Exit code, and whether a real Asterisk was asked for; `there` is whether this machine has one."""
    plans: list[ChaosPlan] = []

    def run_chaos(plan: ChaosPlan, _say: object) -> ChaosResult:
        plans.append(plan)
        result = ChaosResult(plan, finished=True, audit=AuditReport({}, {}, []))
        edit(result)
        return result

    monkeypatch.setattr(chaos, "run_chaos", run_chaos)
    monkeypatch.setattr(chaos, "isolate_mounts", lambda: False)
    monkeypatch.setattr(chaos, "find_asterisk", lambda: object() if there else None)
    code = CliRunner().invoke(chaos.command, list(options)).exit_code
    return code, plans[0].asterisk


@pytest.mark.parametrize(
    ("options", "there", "real"),
    [([], True, True), ([], False, False), (["--simulated"], True, False), (["--asterisk"], False, True)],
)
def test_it_calls_through_a_real_asterisk_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, options: list[str], there: bool, real: bool
) -> None:
    assert _run(monkeypatch, *options, there=there) == (0, real)


@pytest.mark.parametrize(
    "edit",
    [
        lambda result: result.verdict.lost.append("order 1"),
        lambda result: result.verdict.doubled.append("order 1"),
        lambda result: result.verdict.doubled_dials.append("order 1"),
        lambda result: result.audit.violations.append("limbo"),
        lambda result: setattr(result, "audit", None),
        lambda result: setattr(result, "finished", False),
    ],
    ids=["lost", "doubled", "dialed twice", "audit violated", "no audit", "not ended"],
)
def test_whatever_is_wrong_shows_in_the_exit_code(monkeypatch: pytest.MonkeyPatch, edit: Edit) -> None:
    assert _run(monkeypatch, edit=edit)[0] == 1
