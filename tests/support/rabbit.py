"""A RabbitMQ of our own on free loopback ports, from Debian's package `rabbitmq-server`."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dialer.embedded.children import EmbeddedServer

_HOST = "127.0.0.1"
#: Debian's own wrapper on PATH insists on the system's folders and user.
_PROGRAMS = (Path("/usr/lib/rabbitmq/bin/rabbitmq-server"), Path("/usr/local/sbin/rabbitmq-server"))
_MAPPER = "epmd"
_AMQP_GREETING = b"AMQP\x00\x00\x09\x01"


def rabbit_program() -> Path | None:
    """The server's own start script, or None."""
    if shutil.which(_MAPPER) is None:
        return None
    return next((path for path in _PROGRAMS if path.is_file()), None)


@contextmanager
def own_rabbit(folder: Path, program: Path) -> Iterator[Rabbit]:
    """RabbitMQ with its port mapper (which it would leave behind, had it to start one itself)."""
    ports = _free_ports(3)
    with PortMapper(folder / "epmd", ports[0]), Rabbit(folder / "rabbit", program, ports) as server:
        yield server


class PortMapper(EmbeddedServer):
    """Erlang's port mapper."""

    name = "epmd"

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder)
        self._port = port

    @property
    def url(self) -> str:
        return f"{_HOST}:{self._port}"

    def is_running(self) -> bool:
        return _connects(self._port)

    def _prepare(self) -> dict[str, Any]:
        return {"argv": [shutil.which(_MAPPER), "-address", _HOST, "-port", self._port]}


class Rabbit(EmbeddedServer):
    """The broker; its queues outlive it, as in a real one."""

    name = "RabbitMQ"
    start_timeout_s = 60.0

    def __init__(self, folder: Path, program: Path, ports: list[int]) -> None:
        super().__init__(folder)
        self._program = program
        self._mapper_port, self._port, self._inner_port = ports
        self._password = secrets.token_hex(12)

    @property
    def url(self) -> str:
        """`amqp://` URL of its first virtual host."""
        return f"amqp://dialer:{self._password}@{_HOST}:{self._port}//"

    def is_running(self) -> bool:
        """Whether it greets a client, as it does once it has started wholly."""
        try:
            with socket.create_connection((_HOST, self._port), timeout=1) as probe:
                probe.sendall(_AMQP_GREETING)
                return bool(probe.recv(64))
        except OSError:
            return False

    def _prepare(self) -> dict[str, Any]:
        config = self.folder / "rabbitmq.conf"
        config.touch(mode=0o600)
        config.write_text(
            f"default_user = dialer\ndefault_pass = {self._password}\nlog.console = true\nlog.file = false\n"
        )
        plugins = self.folder / "plugins"
        plugins.write_text("[].")
        env = {
            "HOME": self.folder,
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "ERL_EPMD_ADDRESS": _HOST,
            "ERL_EPMD_PORT": self._mapper_port,
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": config,
            "RABBITMQ_ENABLED_PLUGINS_FILE": plugins,
            "RABBITMQ_LOG_BASE": self.folder,
            "RABBITMQ_MNESIA_BASE": self.folder / "mnesia",
            "RABBITMQ_NODENAME": "dialer@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": _HOST,
            "RABBITMQ_NODE_PORT": self._port,
            "RABBITMQ_DIST_PORT": self._inner_port,
            "RABBITMQ_PID_FILE": self.folder / "rabbit.pid",
            # The script becomes the server, instead of staying before it.
            "RUNNING_UNDER_SYSTEMD": "1",
        }
        return {"argv": ["env", "-i", *(f"{name}={value}" for name, value in env.items()), self._program]}


def _connects(port: int) -> bool:
    try:
        socket.create_connection((_HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server((_HOST, 0)) for _ in range(count)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports
