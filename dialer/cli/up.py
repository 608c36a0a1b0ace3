"""`dialer up`: the whole product on one machine, in the foreground."""

from __future__ import annotations

import fcntl
import os
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from dialer.cli._common import demand_free_port
from dialer.errors import ConflictError, DialerError
from dialer.settings import settings

if TYPE_CHECKING:
    from dialer.demo.processes import Processes
    from dialer.settings import Settings

_CELERY: Final = ("-m", "celery", "-A", "workers.app")
_DIALER: Final = ("-c", "from dialer.cli import main; main()")
_BATCH_THREADS: Final = 8
#: Threads of a call worker over its lines: for messages that only find that they have nothing to do.
_SPARE_THREADS: Final = 2
_LOOK_EVERY_S: Final = 0.5
#: Pauses before a part that has died is started again; a part that ran for a while begins anew.
_BACKOFF_S: Final = (1.0, 2.0, 5.0, 15.0, 30.0)
_RAN_WELL_S: Final = 60.0
_STOP_MARGIN_S: Final = 15.0


@click.command("up")
@click.option("--lines", default=20, show_default=True, type=click.IntRange(1, 500), help="Calls per Asterisk node.")
@click.option("--api/--no-api", default=True, show_default=True, help="Serve the API and the board.")
@click.option("--simulate", is_flag=True, help="Call simulated customers: no Asterisk, no keys, nobody is disturbed.")
def command(*, lines: int, api: bool, simulate: bool) -> None:
    """Run database and broker (unless configured), batch worker, call workers, beat and API until Ctrl-C.

    Everything lives under DIALER_HOME, logs in up/logs. A part that dies is started again. Ctrl-C lets live calls end;
    a second one hangs up. `dialer doctor` says what is missing.

    With --simulate a telephone network, its customers and a shop run here as well. Retries come 60 times sooner
    (30 s, 2 min, 4 min); everything else is as in earnest, the calling window too.
    """
    from dialer.demo.processes import Processes
    from dialer.embedded.children import make_folder
    from dialer.telemetry import configure_logging

    config = settings()
    configure_logging(config)
    if simulate:
        _refuse_earnest(config)
    folder = config.home / "up"
    make_folder(folder)
    with ExitStack() as stack, _stop_signals() as stop:
        stack.enter_context(_alone(folder))
        if api:
            demand_free_port(config.api)
        env = _services(config, stack)
        if api:
            env |= _token(config, folder)
        _keep_last_logs(folder / "logs")
        processes = Processes(folder, env)
        stack.callback(processes.close)
        outside = _simulated(processes) if simulate else {}
        parts = _Parts(config, processes, lines, api=api, outside=outside)
        parts.run(stop)


def _refuse_earnest(config: Settings) -> None:
    """Simulated decisions must not get into a ledger or a shop that real customers have orders in."""
    if config.database_url:
        raise ConflictError("--simulate keeps its own ledger under DIALER_HOME: unset DIALER_DATABASE_URL")
    if config.orders_api.url:
        raise ConflictError("--simulate has a shop of its own: unset DIALER_ORDERS_API__URL")
    if config.nodes:
        raise ConflictError("--simulate has a telephone network of its own: take the nodes out of default.toml")


def _simulated(processes: Processes) -> dict[str, list[str]]:
    from dialer.demo.simulated import REHEARSAL_TIME_SCALE, start_rehearsal

    parts = start_rehearsal(processes)
    click.echo(f"Simulation: nobody is really called. Retries come {REHEARSAL_TIME_SCALE:g} times sooner.")
    click.echo(f"For `dialer doctor` and `dialer stop` in another terminal: . {processes.folder / 'simulation.env'}")
    return parts


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Raises ConflictError when another `dialer up` runs in this home."""
    handle = os.open(folder / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise ConflictError(f"`dialer up` runs already in {folder.parent}") from error
    finally:
        os.close(handle)


def _services(config: Settings, stack: ExitStack) -> dict[str, str]:
    """Start what is not configured; the environment that names both."""
    from dialer.embedded.postgres import EmbeddedPostgres
    from dialer.embedded.redis import EmbeddedRedis
    from dialer.ledger.store import migrate

    database, broker = config.database_url, config.broker_url
    if not database:
        database = stack.enter_context(EmbeddedPostgres(config.home / "postgres")).url
        click.echo(f"PostgreSQL in {config.home / 'postgres'}")
    if not broker:
        broker = stack.enter_context(EmbeddedRedis(config.home / "redis")).url
        click.echo(f"Redis in {config.home / 'redis'}")
    migrate(database)
    return {"DIALER_DATABASE_URL": database, "DIALER_BROKER_URL": broker}


def _token(config: Settings, folder: Path) -> dict[str, str]:
    """Without any token: one of this home's own, the same at every start."""
    tokens = (config.api.read_token, config.api.enqueue_token, config.api.control_token)
    if any(token.get_secret_value() for token in tokens):
        return {}
    path = folder / "api-token"
    if not path.is_file():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(18))
    click.echo(f"Token of the API and the board: {path.read_text()} (kept in {path})")
    return {"DIALER_API__CONTROL_TOKEN": path.read_text()}


def _keep_last_logs(logs: Path) -> None:
    for path in logs.glob("*.log"):
        path.replace(path.with_suffix(".log.1"))


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set; the second one ends at once."""
    stop = threading.Event()

    def note(_number: int, _frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Parts:
    """The parts, started in order and watched; `outside` runs already and is only watched."""

    def __init__(
        self, config: Settings, processes: Processes, lines: int, *, api: bool, outside: dict[str, list[str]]
    ) -> None:
        self._config, self._processes = config, processes
        self._stop_timeout_s = config.calls.drain_s + _STOP_MARGIN_S
        self._outside = outside
        self._parts = {"batch": self._worker("batch", "batch", _BATCH_THREADS)}
        self._env: dict[str, dict[str, str]] = {}
        for node in ["default"] if outside else config.node_lines:
            name, queue = ("calls", "calls") if node == "default" else (f"calls-{node}", f"calls.{node}")
            self._parts[name] = self._worker(name, queue, lines + _SPARE_THREADS)
            self._env[name] = {"DIALER_ARI__NODE": node}
        schedule = str(processes.folder / "beat-schedule")
        self._parts["beat"] = [*_CELERY, "beat", "-s", schedule, "--pidfile", ""]
        if api:
            self._parts["api"] = [*_DIALER, "api"]
        self._started: dict[str, float] = dict.fromkeys(outside, time.monotonic())
        self._deaths = dict.fromkeys((*self._parts, *outside), 0)

    @staticmethod
    def _worker(name: str, queue: str, threads: int) -> list[str]:
        return [*_CELERY, "worker", "-P", "threads", "-c", str(threads), "-Q", queue, "-n", f"{name}@%h"]

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; then everything ends, live calls in their own time."""
        for name in self._parts:
            self._start(name)
        click.echo(f"{', '.join(self._parts)} are starting; logs in {self._processes.logs}")
        if "api" in self._parts:
            click.echo(f"Board http://{self._config.api.host}:{self._config.api.port}/")
        while not stop.wait(_LOOK_EVERY_S):
            for name in (*self._outside, *self._parts):
                if not self._processes.is_alive(name):
                    self._start_again(name, stop)
        self._end()

    def _start(self, name: str) -> None:
        self._started[name] = time.monotonic()
        argv, env = (self._parts | self._outside)[name], self._env.get(name)
        self._processes.start(name, argv, stop_timeout_s=self._stop_timeout_s, env=env)

    def _start_again(self, name: str, stop: threading.Event) -> None:
        ran_well = time.monotonic() - self._started[name] > _RAN_WELL_S
        self._deaths[name] = 0 if ran_well else self._deaths[name]
        pause_s = _BACKOFF_S[min(self._deaths[name], len(_BACKOFF_S) - 1)]
        self._deaths[name] += 1
        last_words = self._processes.log_tail(name).strip().splitlines()[-1:] or ["(no last words)"]
        click.echo(f"{name} has ended: {last_words[0][:300]}; starting it again in {pause_s:g} s", err=True)
        if not stop.wait(pause_s):
            self._start(name)

    def _end(self) -> None:
        click.echo("Ending; live calls may go on to their end. Ctrl-C again hangs up.")
        try:
            for name in ("beat", "api", *(name for name in self._parts if name.startswith("calls")), "batch"):
                self._processes.stop(name, self._stop_timeout_s)
        except KeyboardInterrupt as error:
            raise DialerError("ended at once; `dialer audit` tells how the ledger stands") from error
