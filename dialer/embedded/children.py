"""What embedded servers have in common: a folder, users that share it, and a guard that ends the server.

Several dialer processes may use one folder at once: the first starts the server, the others find it running, the
last one to leave (or to die, by any signal) ends it.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from dialer.errors import EmbeddedError

_GUARD = Path(__file__).with_name("guard.py")
#: Unprivileged account that servers run as when the dialer runs as root (PostgreSQL refuses root).
UNPRIVILEGED_USER = "nobody"
_LOG_TAIL_LINES = 15
_POLL_S = 0.02


def guard_argv(argv: Sequence[str], **spec: Any) -> list[str]:
    """The command line that runs `argv` under a guard; `spec` as `guard.py` describes it."""
    return [sys.executable, "-I", "-S", str(_GUARD), json.dumps({"argv": [str(part) for part in argv], **spec})]


def log_tail(log: Path) -> str:
    """The last lines of a server's log, for error messages."""
    if not log.is_file():
        return "(no log)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:])


def wait_until(ready: Callable[[], bool], timeout_s: float) -> bool:
    """Poll `ready` until it is true; False once `timeout_s` has passed."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def make_folder(folder: Path) -> None:
    """Raises EmbeddedError where it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EmbeddedError(f"{folder} cannot be made ({error.strerror}): set DIALER_HOME to another place") from error


class EmbeddedServer(ABC):
    """One server in one folder. `start` and `stop` block (under a second as a rule) and may be repeated."""

    #: For error messages: "PostgreSQL", "Redis".
    name: str
    stop_signal: signal.Signals = signal.SIGTERM
    start_timeout_s: float = 30.0
    stop_timeout_s: float = 20.0

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder).absolute()
        self.log = self.folder / "server.log"
        self._users_lock: int | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Where the running server is reached."""

    @abstractmethod
    def is_running(self) -> bool:
        """Whether a server answers in this folder, whoever started it."""

    @abstractmethod
    def _prepare(self) -> dict[str, Any]:
        """Set up the folder; returns the guard's spec (`argv` at least)."""

    @property
    def pid(self) -> int | None:
        """The server's process id, or None when it never ran here."""
        text = (self.folder / "pid").read_text() if (self.folder / "pid").is_file() else ""
        return int(text) if text else None

    def start(self) -> Self:
        """Make sure that a server runs here and stays while we use it.

        Raises EmbeddedError with the server's own last words.
        """
        make_folder(self.folder)
        with self._exclusive():
            if self._users_lock is None:
                self._users_lock = os.open(self.folder / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
                fcntl.flock(self._users_lock, fcntl.LOCK_SH)
            try:
                if not self.is_running():
                    self._launch()
            except BaseException:
                self._let_go()
                raise
        return self

    def stop(self) -> None:
        """Stop using the server; the last user waits until it has ended. Nothing happens if it was not started."""
        if self._users_lock is None:
            return
        with self._exclusive():
            if self._let_go():
                wait_until(lambda: not self.is_running(), self.stop_timeout_s)

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End the server under its users' feet (fault tests); `start` brings it back in the same place."""
        pid = self.pid
        if pid is None or not self.is_running():
            return
        os.kill(pid, how)
        if not wait_until(lambda: not self.is_running(), self.stop_timeout_s):
            raise EmbeddedError(f"{self.name} in {self.folder} did not end by {how.name}")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def _launch(self) -> None:
        """Start the guard and wait until the server answers."""
        if self._guard is not None:
            self._guard.wait(self.stop_timeout_s)
        spec = self._prepare()
        argv = spec.pop("argv")
        command = guard_argv(
            argv,
            lock=str(self.folder / "users.lock"),
            pid_file=str(self.folder / "pid"),
            stop_signal=int(self.stop_signal),
            stop_timeout_s=self.stop_timeout_s / 2,
            **spec,
        )
        with self.log.open("ab") as log:
            self._guard = subprocess.Popen(  # noqa: S603 - our own command line
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
            )
        guard = self._guard
        wait_until(lambda: self.is_running() or guard.poll() is not None, self.start_timeout_s)
        if not self.is_running():
            raise EmbeddedError(f"{self.name} did not start in {self.folder}; its log ends:\n{log_tail(self.log)}")

    def _let_go(self) -> bool:
        """Give up our share of the users' lock; True if nobody else held one, so that the server is ending."""
        if self._users_lock is None:
            return False
        try:
            fcntl.flock(self._users_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            last = True
        except BlockingIOError:
            last = False
        os.close(self._users_lock)
        self._users_lock = None
        if last and self._guard is not None:
            self._guard.wait(self.stop_timeout_s)
            self._guard = None
        return last

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """One process at a time starts or stops the server of a folder."""
        handle = os.open(self.folder / "start.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
