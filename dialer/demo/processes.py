"""Child processes of a demo or a fault campaign: each under a guard, so that none outlives its parent."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dialer.embedded.children import guard_argv, log_tail, wait_until
from dialer.errors import EmbeddedError


class Processes:
    """The children of one folder. Closing (or dying, by any signal) ends them all."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.folder = folder
        self.env = dict(env)
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self._lock_path = folder / "children.lock"
        self._lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_SH)
        self._guards: dict[str, subprocess.Popen[bytes]] = {}

    def start(
        self, name: str, argv: Sequence[str], *, stop_timeout_s: float = 20.0, env: Mapping[str, str] | None = None
    ) -> None:
        """Start `python ARGV` under `name`; its output goes to logs/NAME.log."""
        (self.folder / f"{name}.pid").unlink(missing_ok=True)
        command = guard_argv(
            [sys.executable, *argv],
            lock=str(self._lock_path),
            hold=False,
            pid_file=str(self.folder / f"{name}.pid"),
            stop_signal=int(signal.SIGTERM),
            stop_timeout_s=stop_timeout_s,
        )
        with (self.logs / f"{name}.log").open("ab") as log:
            self._guards[name] = subprocess.Popen(  # noqa: S603 - our own command line
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, **self.env, **(env or {})},
            )

    def start_ready(self, name: str, argv: Sequence[str], timeout_s: float = 30.0) -> dict[str, Any]:
        """Start a child that writes a JSON file when it is ready (`--ready FILE`); returns that file's content."""
        ready = self.folder / f"{name}.ready"
        ready.unlink(missing_ok=True)
        self.start(name, [*argv, "--ready", str(ready)])
        wait_until(lambda: ready.is_file() or not self.is_alive(name), timeout_s)
        if not ready.is_file():
            raise EmbeddedError(f"{name} did not start; its log ends:\n{self.log_tail(name)}")
        content: dict[str, Any] = json.loads(ready.read_text())
        return content

    def wait_for_line(self, name: str, needle: str, timeout_s: float = 30.0) -> None:
        """Wait until a child's log holds `needle`. Raises EmbeddedError when it ends or takes too long."""
        log = self.logs / f"{name}.log"
        found = wait_until(
            lambda: not self.is_alive(name) or (log.is_file() and needle in log.read_text(errors="replace")), timeout_s
        )
        if not found or not self.is_alive(name):
            raise EmbeddedError(f"{name} is not ready; its log ends:\n{self.log_tail(name)}")

    def is_alive(self, name: str) -> bool:
        """Whether the child runs."""
        return name in self._guards and self._guards[name].poll() is None

    def log_tail(self, name: str) -> str:
        """The last lines of a child's log."""
        return log_tail(self.logs / f"{name}.log")

    def pid(self, name: str) -> int:
        """The child's own process id (not its guard's)."""
        path = self.folder / f"{name}.pid"
        wait_until(lambda: path.is_file() and bool(path.read_text()), 5.0)
        return int(path.read_text())

    def signal(self, name: str, how: signal.Signals) -> None:
        """Send a signal to the child itself."""
        os.kill(self.pid(name), how)

    def stop(self, name: str, timeout_s: float = 30.0) -> None:
        """End one child in its own good time (SIGTERM), then by force."""
        guard = self._guards.pop(name, None)
        if guard is None:
            return
        guard.send_signal(signal.SIGTERM)
        try:
            guard.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.signal(name, signal.SIGKILL)
            guard.wait(5.0)

    def close(self) -> None:
        """End all children: first ask everyone, then wait for each."""
        for guard in self._guards.values():
            if guard.poll() is None:
                guard.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 15.0
        for name, guard in list(self._guards.items()):
            try:
                guard.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.stop(name, timeout_s=0.1)
        self._guards.clear()
        os.close(self._lock)
