"""The doctor in front of a real PostgreSQL and a real Redis, sound and broken."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine, text

from dialer.cli import cli
from dialer.demo.processes import Processes
from dialer.doctor.broker import check_broker
from dialer.doctor.database import check_database
from dialer.doctor.finding import Finding, State
from dialer.domain.policy import CallingWindow
from dialer.embedded.redis import EmbeddedRedis
from dialer.settings import load_settings, settings
from tests.support.factories import make_campaign

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dialer.ledger.store import Ledger
    from tests.support.database import DatabaseServer

SCRIPTS = {"delivery"}
LONG_AGO = datetime.now(UTC) - timedelta(days=2)


def failures(findings: list[Finding]) -> list[str]:
    """What failed; every failure must say what to do."""
    found = [finding for finding in findings if finding.state is State.FAILED]
    assert all(finding.advice for finding in found)
    return [f"{finding.check}: {finding.message}" for finding in found]


class TestDatabase:
    async def test_a_sound_one_is_ok(self, database_url: str) -> None:
        findings = await check_database(database_url, SCRIPTS, None)

        assert failures(findings) == []
        assert {finding.check for finding in findings} == {"database", "clock", "campaigns", "outbox"}

    async def test_nobody_listens(self) -> None:
        (found,) = failures(await check_database("postgresql://x:p4ss@127.0.0.1:9/dialer", SCRIPTS, None))

        assert found.startswith("database: PostgreSQL:")
        assert "p4ss" not in found

    async def test_a_database_that_does_not_exist(self, database_server: DatabaseServer) -> None:
        findings = await check_database(database_server.server.url_of("nonesuch"), SCRIPTS, None)

        assert "does not exist" in failures(findings)[0]
        assert "createdb" in findings[0].advice

    @pytest.mark.parametrize("url", ["mysql://host/db", "not a url"])
    async def test_a_url_that_is_none(self, url: str) -> None:
        assert len(failures(await check_database(url, SCRIPTS, None))) == 1

    async def test_none_at_all(self) -> None:
        assert len(failures(await check_database(None, SCRIPTS, None))) == 1

    async def test_tables_that_are_missing_or_of_another_release(
        self, database_server: DatabaseServer, database_url: str
    ) -> None:
        with database_server.empty() as url:
            empty = await check_database(url, SCRIPTS, None)
        engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        engine.dispose()
        newer = await check_database(database_url, SCRIPTS, None)

        assert "no tables" in failures(empty)[0]
        assert "9999" in failures(newer)[0]
        assert "dialer migrate" in next(finding.advice for finding in newer if finding.state is State.FAILED)

    async def test_a_campaign_whose_script_cannot_be_used(self, ledger: Ledger, database_url: str) -> None:
        await make_campaign(ledger, name="ночь", script="lost")

        assert "campaign ночь: its script 'lost'" in failures(await check_database(database_url, SCRIPTS, None))[0]

    async def test_a_night_that_was_not_opened(self, ledger: Ledger, database_url: str) -> None:
        await make_campaign(ledger, name="ночь", running=False, now=LONG_AGO, cron="0 * * * *")

        assert "should have opened" in failures(await check_database(database_url, SCRIPTS, None))[0]

    async def test_a_campaign_after_its_last_day(self, ledger: Ledger, database_url: str) -> None:
        await make_campaign(ledger, window=CallingWindow(valid_until=date(2020, 1, 1)), now=LONG_AGO)

        findings = await check_database(database_url, SCRIPTS, None)

        assert "its last day is over" in [finding.message for finding in findings]

    async def test_a_watched_folder_that_names_no_campaign(self, database_url: str, tmp_path: Path) -> None:
        (tmp_path / "ноч").mkdir()

        findings = await check_database(database_url, SCRIPTS, tmp_path)

        assert any(finding.check == "watched folder" and "ноч" in finding.message for finding in findings)


class TestBroker:
    @pytest.fixture
    def redis(self, tmp_path: Path) -> Iterator[EmbeddedRedis]:
        with EmbeddedRedis(tmp_path / "redis") as server:
            yield server

    async def test_nobody_listens(self) -> None:
        (found,) = failures(await check_broker("redis://127.0.0.1:9/0", load_settings()))

        assert "does not take connections" in found

    async def test_a_wrong_password(self, redis: EmbeddedRedis) -> None:
        wrong = f"redis://:wr0ng@{redis.url.split('@')[1]}"

        findings = await check_broker(wrong, load_settings())

        assert len(failures(findings)) == 1
        assert "password" in findings[0].advice
        assert "wr0ng" not in findings[0].message

    async def test_no_workers_and_no_beat(self, redis: EmbeddedRedis) -> None:
        found = failures(await check_broker(redis.url, load_settings(tick_s=0.1)))

        assert [line.split(":")[0] for line in found] == ["workers", "beat"]

    async def test_a_batch_worker_and_beat_but_nobody_to_call(
        self, redis: EmbeddedRedis, database_url: str, tmp_path: Path
    ) -> None:
        processes = Processes(tmp_path / "up", {"DIALER_DATABASE_URL": database_url, "DIALER_BROKER_URL": redis.url})
        celery = ["-m", "celery", "-A", "workers.app"]
        try:
            processes.start("batch", [*celery, "worker", "-P", "threads", "-c", "2", "-Q", "batch", "-n", "b@x"])
            processes.start("beat", [*celery, "beat", "-s", str(tmp_path / "schedule"), "--pidfile", ""])
            processes.wait_for_line("batch", "ready.")
            findings = await check_broker(redis.url, load_settings(tick_s=3))
        finally:
            processes.close()

        assert failures(findings) == ["workers: nobody listens to queue calls (the calls of node default)"]
        assert Finding("beat", State.OK, "the dispatcher ticks") in findings


class TestCommand:
    @pytest.fixture(autouse=True)
    def _configured(self, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
        for name in [name for name in os.environ if name.startswith("DIALER_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("DIALER_HOME", str(tmp_path))
        monkeypatch.setenv("DIALER_DATABASE_URL", database_url)
        monkeypatch.setenv("DIALER_BROKER_URL", "redis://127.0.0.1:9/0")
        monkeypatch.setenv("DIALER_ARI__URL", "http://127.0.0.1:9/ari")
        settings.cache_clear()
        yield
        settings.cache_clear()

    def test_failures_are_told_by_exit_code_and_as_json(self) -> None:
        result = CliRunner().invoke(cli, ["doctor", "--json"])

        answer = json.loads(result.stdout)
        failed = {check["check"] for check in answer["checks"] if check["state"] == "failed"}
        assert (result.exit_code, answer["healthy"]) == (1, False)
        assert {"broker", "asterisk"} <= failed
        assert all(check["advice"] for check in answer["checks"] if check["state"] != "ok")

    def test_people_get_a_table(self) -> None:
        result = CliRunner().invoke(cli, ["doctor"])

        assert result.exit_code == 1
        assert "-> " in result.stdout
        assert "failed" in result.stdout

    def test_settings_that_cannot_be_read_are_a_finding(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DIALER_TICK_S", "soon")
        settings.cache_clear()

        result = CliRunner().invoke(cli, ["doctor", "--json"])

        (check,) = json.loads(result.stdout)["checks"]
        assert (result.exit_code, check["check"]) == (1, "settings")
        assert "tick_s" in check["message"]


@pytest.mark.skipif(sys.platform != "linux", reason="the embedded servers are for Linux")
async def test_the_embedded_services_of_the_home_are_found_when_they_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dialer.cli.doctor import _services

    config = load_settings(home=tmp_path, database_url="", broker_url="")
    before = _services(config)
    with EmbeddedRedis(tmp_path / "redis") as redis:
        after = _services(config)
        url = redis.url

    assert (before.broker_url, after.broker_url) == (None, url)
