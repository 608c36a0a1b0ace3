"""The commands campaign, audit and dnc, run as ops run them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, text

from dialer.cli import cli
from dialer.errors import DialerError
from dialer.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _configured(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DIALER_DATABASE_URL", database_url)
    monkeypatch.setenv("DIALER_LOG_LEVEL", "ERROR")
    settings.cache_clear()
    yield
    settings.cache_clear()


def _run(*words: str, text: str | None = None) -> Result:
    return CliRunner().invoke(cli, list(words), input=text)


def _json(*words: str, text: str | None = None) -> Any:
    result = _run(*words, "--json", text=text)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_campaign_is_created_with_every_setting_and_changed() -> None:
    options = {
        "--script": "personal",
        "--from": "09:30",
        "--to": "20",
        "--timezone": "Asia/Omsk",
        "--weekdays": "1,2,3",
        "--retry-countdowns": "60,120",
        "--lines": "7",
        "--calls-per-second": "2.5",
        "--ring-timeout": "20",
        "--max-call": "90",
        "--cron": "0 22 * * *",
        "--caller-id": "+74950000000",
        "--valid-from": "2026-11-25",
        "--valid-until": "2099-12-31",
    }

    words = [word for option in options.items() for word in option]
    made = _json("campaign", "create", "ночь", *words, "--no-check-order")
    changed = _json("campaign", "change", "ночь", "--cron", "", "--lines", "9", "--valid-until", "")

    assert made["window"] | {"start": "09:30:00", "end": "20:00:00", "timezone": "Asia/Omsk"} == made["window"]
    assert made["window"]["weekdays"] == [1, 2, 3]
    assert (made["state"], made["script"], made["lines"], made["cron"]) == ("draft", "personal", 7, "0 22 * * *")
    assert (made["retry_countdowns_s"], made["calls_per_second"]) == ([60, 120], 2.5)
    assert (made["ring_timeout_s"], made["max_call_s"], made["check_order"]) == (20, 90, False)
    assert (changed["cron"], changed["lines"], changed["max_call_s"]) == (None, 9, 90)
    assert (changed["window"]["valid_from"], changed["window"]["valid_until"]) == ("2026-11-25", None)
    assert "2026-11-25 to ..." in _run("campaign", "show", "ночь").stdout


def test_a_campaign_goes_through_its_life() -> None:
    _json("campaign", "create", "ночь")

    states = [_json("campaign", verb, "ночь")["state"] for verb in ("start", "pause", "resume", "stop")]

    assert states == ["running", "paused", "running", "stopped"]
    assert [campaign["name"] for campaign in _json("campaign", "list")] == ["ночь"]
    assert _json("campaign", "show", "ночь")["orders"]["new"] == 0
    assert "stopped" in _run("campaign", "list").stdout
    assert "ночь" in _run("campaign", "show", "ночь").stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("campaign", "start", "nobody"), "nobody"),
        (("campaign", "create", "x", "--lines", "0"), "lines"),
        (("campaign", "create", "x", "--cron", "soon"), "cron"),
        (("campaign", "create", "x", "--script", "nope"), "script"),
        (("dnc", "add", "112"), "phone"),
    ],
)
def test_mistakes_are_named(words: tuple[str, ...], says: str) -> None:
    result = _run(*words)

    assert isinstance(result.exception, DialerError)
    assert says in str(result.exception)


@pytest.mark.parametrize("option", [("--from", "noon"), ("--retry-countdowns", "a,b")])
def test_unreadable_options_are_usage_errors(option: tuple[str, str]) -> None:
    assert _run("campaign", "create", "x", *option).exit_code == 2


def test_the_do_not_call_list_takes_numbers_as_people_write_them() -> None:
    _run("dnc", "add", "8 (916) 123-45-67")
    imported = _json("dnc", "import", "-", text="+7 916 123-45-67\n\n8 916 765-43-21\nпозвоните мне\n")

    assert (imported["added"], imported["known"]) == (1, 1)
    assert [reject["line"] for reject in imported["rejected"]] == [4]
    assert [row["phone"] for row in _json("dnc", "list")] == ["+79161234567", "+79167654321"]
    assert "removed" in _run("dnc", "remove", "89161234567").stdout
    assert "not on the list" in _run("dnc", "remove", "89161234567").stdout
    assert _json("dnc", "add", "89161234567", "89167654321") == {"added": 1, "known": 1}
    assert _json("dnc", "remove", "89161234567") == {"removed": True}
    assert "+79167654321" in _run("dnc", "list").stdout


def test_the_do_not_call_list_takes_a_table_out_of_excel(tmp_path: Path) -> None:
    table = tmp_path / "stop.csv"
    table.write_bytes("Телефон;Причина\r\n8 916 123-45-67;просил не звонить\r\n".encode("cp1251"))
    assert _json("dnc", "import", str(table)) == {"added": 1, "known": 0, "rejected": []}


def test_the_audit_answers_by_its_exit_code(database_url: str) -> None:
    _json("campaign", "create", "ночь")
    assert _json("audit")["clean"]
    assert "nothing lost" in _run("audit").stdout

    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO batches (campaign_id, source, accepted, created_at) VALUES (1, 'x', 3, now())")
        )
    engine.dispose()
    broken = _run("audit", "--json")

    assert broken.exit_code == 1
    assert "imported 3 orders, but 0 are there" in json.loads(broken.stdout)["violations"][0]
    assert _run("audit").exit_code == 1
