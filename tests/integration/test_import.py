"""`dialer import`: what it prints, what it leaves in the ledger, and how it exits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dialer.cli.import_orders import command
from dialer.errors import InputError
from dialer.settings import settings
from tests.unit.intake.support import DATA, file_of, good_line

BAD = "9;x@y;5;;;;;"


@pytest.fixture(autouse=True)
def fresh_settings() -> Iterator[None]:
    settings.cache_clear()
    yield
    settings.cache_clear()


def run(*arguments: object, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments], input=stdin)


def facts_of(result: Result) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(result.stdout)
    return facts


def test_a_dry_run_needs_no_database_and_says_where_the_rejects_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIALER_DATABASE_URL", "postgresql://127.0.0.1:1/nowhere")
    path = tmp_path / "orders.csv"
    path.write_bytes((DATA / "half_broken_cp1251.csv").read_bytes())

    result = run(path, "--dry-run", "--json")

    facts = facts_of(result)
    assert result.exit_code == 0
    assert (facts["accepted"], facts["duplicates"], facts["rejected"]) == (5, 1, 7)
    assert (facts["encoding"], facts["delimiter"], facts["dry_run"]) == ("cp1251", ";", True)
    rejects = Path(facts["rejects_file"])
    assert rejects == tmp_path / "orders.rejects.csv"
    assert len(rejects.read_text("utf-8-sig").splitlines()) == 8


def test_a_clean_file_leaves_no_rejects(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(file_of(good_line(1), good_line(2)))

    facts = facts_of(run(path, "--dry-run", "--json"))

    assert facts["rejects_file"] is None
    assert list(tmp_path.iterdir()) == [path]


def test_dates_that_are_over_are_imported_and_pointed_out(tmp_path: Path) -> None:
    # Given one order of long ago, one of a far day
    path = tmp_path / "orders.csv"
    past, coming = (good_line(number).replace("2026", year) for number, year in ((1, "2001"), (2, "2099")))
    path.write_bytes(file_of(past, coming))
    # When
    facts = facts_of(run(path, "--dry-run", "--json"))
    shown = run(path, "--dry-run").stdout
    # Then
    assert (facts["accepted"], facts["past_dates"]) == (2, 1)
    assert "Delivery dates that are over: 1" in shown


def test_people_see_line_field_and_reason_but_no_cells(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(file_of(good_line(1), BAD))

    shown = run(path, "--dry-run").stdout

    assert "accepted" in shown
    assert "phone" in shown
    assert "x@y" not in shown
    assert "Анна" not in shown


def test_standard_input_is_read(tmp_path: Path) -> None:
    rejects = tmp_path / "bad.csv"

    result = run("-", "--dry-run", "--json", "--rejects", rejects, stdin=file_of(good_line(1), BAD))

    assert (facts_of(result)["accepted"], facts_of(result)["rejected"]) == (1, 1)
    assert rejects.exists()


def test_exit_codes(tmp_path: Path) -> None:
    rejects = tmp_path / "bad.csv"

    assert run("-", "--dry-run", "--rejects", rejects, stdin=file_of(BAD)).exit_code == 1
    assert run("-", "--dry-run", "--rejects", rejects, stdin=file_of()).exit_code == 0
    assert isinstance(run(tmp_path / "none.csv", "--dry-run").exception, InputError), "main() turns it into exit code 2"
    assert run("-", stdin=file_of(good_line(1))).exit_code == 2, "a campaign is needed"


def test_rejects_never_overwrite_the_input(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(file_of(BAD))

    result = run(path, "--dry-run", "--rejects", path)

    assert isinstance(result.exception, InputError)
    assert path.read_bytes() == file_of(BAD)


def test_importing_twice_adds_nothing(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALER_DATABASE_URL", database_url)
    path = tmp_path / "orders.csv"
    path.write_bytes(file_of(*(good_line(number) for number in range(1, 31)), good_line(30), BAD))

    first = run(path, "--campaign", "ночь", "--json")
    second = run(path, "--campaign", "ночь", "--json")

    counts = [[facts_of(result)[name] for name in ("accepted", "duplicates", "rejected")] for result in (first, second)]
    assert counts == [[30, 1, 1], [0, 31, 1]]
    assert [facts_of(result)["campaign_created"] for result in (first, second)] == [True, False]
    assert [result.exit_code for result in (first, second)] == [0, 0]
    assert asyncio.run(_order_count(database_url)) == 30


async def _order_count(url: str) -> int:
    from sqlalchemy import func, select

    from dialer.ledger.store import Ledger
    from dialer.ledger.tables import orders

    ledger = Ledger(url)
    async with ledger.begin() as tx:
        count = (await tx.execute(select(func.count()).select_from(orders))).scalar_one()
    await ledger.close()
    return int(count)
