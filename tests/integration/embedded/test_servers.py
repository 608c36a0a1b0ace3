"""Embedded PostgreSQL and Redis: shared by several processes, ended with the last one, back after a crash."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import psycopg
import pytest
import redis as redis_client

from dialer.demo.stack import Stack, StackPlan
from dialer.embedded import postgres as embedded_postgres
from dialer.embedded import redis as embedded_redis
from dialer.embedded.children import EmbeddedServer, wait_until
from dialer.embedded.postgres import EmbeddedPostgres
from dialer.embedded.redis import EmbeddedRedis
from dialer.errors import EmbeddedError
from dialer.simulator.world import World

if TYPE_CHECKING:
    from pathlib import Path

_USER_PROCESS = """
import sys
from pathlib import Path
from dialer.embedded.{module} import {name} as Server
Server(Path(sys.argv[1])).start()
print("using", flush=True)
sys.stdin.read()
"""


def _other_process(server: EmbeddedServer) -> subprocess.Popen[str]:
    """Another process that uses the same folder until its input ends or it is killed."""
    kind = type(server)
    code = _USER_PROCESS.format(module=kind.__module__.rsplit(".", 1)[1], name=kind.__name__)
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(server.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "using\n"
    return process


@pytest.fixture(params=[EmbeddedPostgres, EmbeddedRedis])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> EmbeddedServer:
    made: EmbeddedServer = request.param(tmp_path / "server")
    return made


def test_a_killed_process_leaves_no_server_behind(server: EmbeddedServer) -> None:
    with _other_process(server) as process:
        assert server.is_running()

        process.kill()
        process.wait()

    assert wait_until(lambda: not server.is_running(), 10)


def test_the_last_user_ends_the_server_whoever_started_it(server: EmbeddedServer) -> None:
    with _other_process(server) as starter:
        server.start()
        pid = server.pid

        starter.kill()
        starter.wait()

        assert not wait_until(lambda: not server.is_running(), 0.3)
        assert server.pid == pid
    server.stop()
    assert not server.is_running()


def test_a_killed_guard_takes_the_server_along(server: EmbeddedServer) -> None:
    server.start()
    assert server._guard is not None

    server._guard.kill()

    assert wait_until(lambda: not server.is_running(), 10)
    server.stop()


def test_a_crashed_server_comes_back_in_the_same_place(server: EmbeddedServer) -> None:
    server.start()
    url, pid = server.url, server.pid
    server.kill(signal.SIGKILL)

    server.start()

    assert (server.url, server.is_running()) == (url, True)
    assert server.pid != pid
    server.stop()


def test_postgres_keeps_its_data_and_takes_connections_over_its_socket(tmp_path: Path) -> None:
    where = {"host": str(EmbeddedPostgres(tmp_path).socket_folder), "user": "postgres", "dbname": "dialer"}
    with EmbeddedPostgres(tmp_path), psycopg.connect(**where) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")

    with EmbeddedPostgres(tmp_path), psycopg.connect(**where) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_postgres_works_below_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / ("long" * 30))

    with server:
        assert server.is_running()

    assert wait_until(lambda: not server.socket_folder.exists(), 5)


def test_a_server_that_cannot_start_says_why_in_its_own_words(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path):
        pass
    (tmp_path / "data" / "PG_VERSION").write_text("9\n")

    with pytest.raises(EmbeddedError, match="incompatible with server"):
        EmbeddedPostgres(tmp_path).start()


def test_redis_asks_for_its_password(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server:
        port = server.url.rsplit(":", 1)[1].split("/")[0]
        with (
            redis_client.Redis.from_url(server.url) as known,
            redis_client.Redis.from_url(f"redis://127.0.0.1:{port}/0") as stranger,
        ):
            assert known.ping()
            with pytest.raises(redis_client.AuthenticationError):
                stranger.ping()


def test_without_a_redis_program_a_fake_one_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_redis, "redis_program", lambda: None)

    with EmbeddedRedis(tmp_path) as server, redis_client.Redis.from_url(server.url) as client:
        client.set("key", "value")

        assert client.get("key") == b"value"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes users")
def test_root_may_have_its_programs_and_its_data_below_a_closed_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an installation in a folder that the unprivileged user cannot pass
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    package = embedded_postgres.postgres_programs().parents[1]
    for folder in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(folder, closed / folder.name)
    programs = closed / embedded_postgres.postgres_programs().relative_to(package.parent)
    monkeypatch.setattr(embedded_postgres, "postgres_programs", lambda: programs)
    # When
    with EmbeddedPostgres(closed / "server") as server:
        # Then
        assert server.is_running()


def test_a_stack_that_did_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a PostgreSQL that does not start
    def refuse(_server: EmbeddedPostgres) -> EmbeddedPostgres:
        raise EmbeddedError("no room")

    monkeypatch.setattr(EmbeddedPostgres, "start", refuse)
    stack = Stack(StackPlan(tmp_path / "stack", lines=1), World({}))
    # When
    with pytest.raises(EmbeddedError, match="no room"):
        try:
            stack.start_services()
        finally:
            stack.close()
    # Then nothing is left running
    assert not stack.redis.is_running()
