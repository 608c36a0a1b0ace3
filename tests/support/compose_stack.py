"""The services of compose.yaml as local processes: their own commands, environment and health checks.

What a container would have is put in place: hosts become loopback ports, the image's paths folders below one folder.
Nothing else of a service is changed.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from dialer.embedded.asterisk_program import AsteriskProgram
from dialer.embedded.children import guard_argv, wait_until
from dialer.embedded.postgres import postgres_programs
from dialer.embedded.redis import redis_program
from tests.support.compose import ROOT, Service

PATIENCE_S = 60.0
_TAIL = 3000


def free_ports(*names: str) -> dict[str, int]:
    """A port for each name: free for TCP and UDP now, all different."""
    ports: dict[str, int] = {}
    with ExitStack() as held:
        while len(ports) < len(names):
            tcp = held.enter_context(socket.socket())
            udp = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            tcp.bind(("127.0.0.1", 0))
            port = int(tcp.getsockname()[1])
            with suppress(OSError):
                udp.bind(("127.0.0.1", port))
                ports[names[len(ports)]] = port
    return ports


class LocalStack:
    """Starts services in the order given and ends them all on `close`."""

    def __init__(self, folder: Path, asterisk: AsteriskProgram) -> None:
        self.folder = folder
        #: Other things that are elsewhere, for single tests.
        self.swaps: dict[str, str] = {}
        self.ports = free_ports(
            "postgres", "redis", "ari", "ari2", "sip", "sip2", "shop", "api", "flower", "prometheus"
        )
        self.home = folder / "home"
        self.bin = folder / "bin"
        for path in (self.home, self.bin):
            path.mkdir(parents=True)
        # While this is held (and this process lives) the children live.
        self._lock = (folder / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_SH)
        self._asterisk = asterisk
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        wrapper = self.bin / "asterisk"
        wrapper.write_text("#!/bin/sh\nexec " + " ".join(f"'{word}'" for word in asterisk.argv) + ' "$@"\n')
        wrapper.chmod(0o755)
        redis = redis_program()
        assert redis is not None
        self.path = [self.bin, postgres_programs(), Path(redis).parent, Path(sys.executable).parent]

    # -- what a container would have

    def place(self, service: Service, text: str) -> str:
        """A word of a command, or a value of the environment, as it must be outside a container."""
        own = self.own(service)
        swaps = {
            **self.swaps,
            "@postgres:5432": f"@127.0.0.1:{self.ports['postgres']}",
            "@redis:6379": f"@127.0.0.1:{self.ports['redis']}",
            "http://asterisk:8088": f"http://127.0.0.1:{self.ports['ari']}",
            "http://asterisk-customers:8088": f"http://127.0.0.1:{self.ports['ari2']}",
            "127.0.0.1:9090": f"127.0.0.1:{self.ports['prometheus']}",
            "http://shop:8090": f"http://127.0.0.1:{self.ports['shop']}",
            "127.0.0.1:8080": f"127.0.0.1:{self.ports['api']}",
            "127.0.0.1:5555": f"127.0.0.1:{self.ports['flower']}",
            "--port=5555": f"--port={self.ports['flower']}",
            "0.0.0.0": "127.0.0.1",
            "asterisk-customers": "127.0.0.1",
            "/etc/dialer": str(ROOT / "config"),
            "/var/lib/dialer": str(self.home),
            "/opt/dialer/docker": str(ROOT / "docker"),
            **{f"/docker/{name}-run.sh": str(ROOT / f"docker/{name}-run.sh") for name in ("redis", "prometheus")},
            "/var/run/asterisk": str(own / "run"),
            "/tmp": str(own / "tmp"),
        }
        text = re.sub("|".join(map(re.escape, swaps)), lambda found: swaps[found[0]], text)
        return str(self.ports["shop"]) if text == "8090" else text

    def own(self, service: Service) -> Path:
        """The service's own folder."""
        folder = self.folder / "s" / service.name
        (folder / "tmp").mkdir(parents=True, exist_ok=True)
        return folder

    def environment(self, service: Service) -> dict[str, str]:
        """The service's own environment, and what its image or network would give it."""
        env = {key: self.place(service, value) for key, value in service.environment.items()}
        return {**self._image(service), **env, **self._remapped(service)}

    def _image(self, service: Service) -> dict[str, str]:
        return {
            "PATH": ":".join([*map(str, self.path), "/usr/sbin:/usr/bin:/sbin:/bin"]),
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(self.own(service) / "tmp"),
            "DIALER_LOG_JSON": "true",
        }

    def _remapped(self, service: Service) -> dict[str, str]:
        """Ports and paths that only a container could have."""
        own = self.own(service)
        if service.name == "redis":
            config = str(own / "redis.conf")
            return {"REDIS_PORT": str(self.ports["redis"]), "REDIS_BIND": "127.0.0.1", "REDIS_CONFIG": config}
        if service.name not in ("asterisk", "asterisk-customers"):
            return {"DIALER_API__PORT": str(self.ports["api"])} if service.name == "api" else {}
        second = service.name == "asterisk-customers"
        rtp = 30000 if second else 31000
        return {
            "MODULES_DIR": str(self._asterisk.modules),
            "DATA_DIR": str(self._asterisk.data),
            "RUN_DIR": str(own / "run"),
            "STATE_DIR": str(own / "lib"),
            "LOG_DIR": str(own / "log"),
            "HTTP_PORT": str(self.ports["ari2" if second else "ari"]),
            "SIP_HOST": "127.0.0.1",
            "SIP_PORT": str(self.ports["sip2" if second else "sip"]),
            "TRUNK_PORT": str(self.ports["sip2"]),
            "RTP_START": str(rtp),
            "RTP_END": str(rtp + 399),
        }

    # -- starting and asking

    def command(self, service: Service) -> list[str]:
        """The service's own command line."""
        words = [self.place(service, word) for word in service.command]
        return self._postgres(service, words) if service.name == "postgres" else words

    def start(self, service: Service) -> None:
        """Start it; its health is another question."""
        user = "nobody" if service.name == "postgres" and os.geteuid() == 0 else None
        argv = guard_argv(
            self.command(service),
            lock=str(self.folder / "lock"),
            user=user,
            search=user is not None,
            stop_signal=int(signal.SIGINT if service.name == "postgres" else signal.SIGTERM),
            stop_timeout_s=20.0,
        )
        with self.log(service.name).open("ab") as log:
            self._children[service.name] = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.home,
                env=self.environment(service),
                start_new_session=True,
            )

    def run(self, service: Service) -> int:
        """Run a one-shot service to its end; its exit code."""
        self.start(service)
        return self._children.pop(service.name).wait(PATIENCE_S)

    def is_healthy(self, service: Service) -> bool:
        """One run of its health check."""
        assert service.health is not None
        words = [self.place(service, word) for word in service.health]
        if service.name == "postgres":
            words += ["-p", str(self.ports["postgres"])]
        env = self.environment(service)
        if service.name == "redis":
            words = [word.replace("redis-cli", f"redis-cli -p {self.ports['redis']}") for word in words]
        done = subprocess.run(words, env=env, cwd=self.home, capture_output=True, timeout=PATIENCE_S, check=False)
        return done.returncode == 0

    def wait_healthy(self, service: Service) -> None:
        """Repeat the health check until it is content."""
        healthy = wait_until(lambda: not self.is_alive(service.name) or self.is_healthy(service), PATIENCE_S)
        assert healthy and self.is_alive(service.name), f"{service.name}: {self.log_tail(service.name)}"

    def up(self, services: Mapping[str, Service]) -> None:
        """Start everything in order, waiting for what each service needs, and then for every health check."""
        for service in services.values():
            for need, how in service.needs.items():
                if need in services and how["condition"] == "service_healthy":
                    self.wait_healthy(services[need])
            one_shot = any(
                other.needs.get(service.name, {}).get("condition") == "service_completed_successfully"
                for other in services.values()
            )
            if one_shot or service.health is None:
                code = self.run(service)
                assert code == 0, f"{service.name} ended with {code}: {self.log_tail(service.name)}"
            else:
                self.start(service)
        for service in services.values():
            if service.health is not None:
                self.wait_healthy(service)

    def is_alive(self, name: str) -> bool:
        return name in self._children and self._children[name].poll() is None

    def stop(self, name: str, timeout_s: float = 30.0) -> int:
        """SIGTERM, as `docker stop` does; the exit code."""
        child = self._children.pop(name)
        child.send_signal(signal.SIGTERM)
        return child.wait(timeout_s)

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def log_tail(self, name: str) -> str:
        path = self.log(name)
        return path.read_text(errors="replace")[-_TAIL:] if path.is_file() else "(no log)"

    def close(self) -> None:
        """End everything."""
        for child in self._children.values():
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        for child in self._children.values():
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(5)
        self._children.clear()
        self._lock.close()

    # -- PostgreSQL: what its image's entrypoint would do

    def _postgres(self, service: Service, words: list[str]) -> list[str]:
        data = self.own(service) / "data"
        sockets = self.own(service) / "tmp"
        env = self.environment(service)
        if not data.exists():
            data.mkdir(mode=0o700)
            secret = sockets / "password"
            secret.write_text(env["POSTGRES_PASSWORD"])
            if os.geteuid() == 0:
                nobody = pwd.getpwnam("nobody").pw_uid
                for path in (data, sockets, secret):
                    os.chown(path, nobody, -1)
            self._once(
                [
                    *("initdb", "-D", str(data), "-U", env["POSTGRES_USER"], f"--pwfile={secret}", "--no-sync"),
                    *env["POSTGRES_INITDB_ARGS"].split(),
                ],
                env,
            )
            self._once(
                ["sh", "-c", f"echo 'CREATE DATABASE {env['POSTGRES_DB']}' | postgres --single -D {data} postgres"], env
            )
        place = ["-c", "listen_addresses=127.0.0.1", "-c", f"port={self.ports['postgres']}", "-c", "fsync=off"]
        return [*words, "-D", str(data), *place, "-c", f"unix_socket_directories={sockets}"]

    def _once(self, argv: list[str], env: Mapping[str, str]) -> None:
        user = "nobody" if os.geteuid() == 0 else None
        done = subprocess.run(
            guard_argv(argv, user=user, search=user is not None),
            env=dict(env),
            cwd="/",
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()[-_TAIL:] + done.stdout.decode()[-_TAIL:]


def wait_for(condition: str, ready: object, timeout_s: float) -> None:
    """Wait until a callable is true, or fail with what was waited for."""
    assert callable(ready)
    deadline = time.monotonic() + timeout_s
    while not ready():
        assert time.monotonic() < deadline, f"in vain for {timeout_s:.0f} s: {condition}"
        time.sleep(0.25)
