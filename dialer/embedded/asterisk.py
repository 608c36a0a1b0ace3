"""A real Asterisk as a child process: trunk and callees on one machine, over SIP on the loopback interface.

For the contract suite and `dialer demo --asterisk`. All its files are below one folder; it runs as the present user.
"""

from __future__ import annotations

import csv
import http.client
import json
import random
import re
import secrets
import socket
import tempfile
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dialer.embedded.asterisk_program import AsteriskProgram, find_asterisk
from dialer.embedded.children import EmbeddedServer
from dialer.errors import EmbeddedError
from dialer.settings import config_dir

_HOST = "127.0.0.1"
#: A Unix socket's path may have 107 characters.
_LONGEST_RUN_DIR = 90
_RTP_PORTS = 1000
_PLACEHOLDER = re.compile(r"@([A-Z_]+)@")
#: The last module that a call needs: when it runs, everything runs.
_LAST_MODULE = "chan_pjsip.so"


@dataclass(frozen=True, slots=True)
class FarSideCall:
    """A call as its callee's side recorded it: digits without the plus sign, Asterisk's own CDR disposition."""

    number: str
    disposition: str
    talk_s: int


def render_config(target: Path, values: Mapping[str, object], *, loopback: bool) -> None:
    """Fill in `config/asterisk/*.conf`; with `loopback` the callees' side too (and instead of the trunk).

    Raises EmbeddedError naming a placeholder without a value.
    """
    source = config_dir() / "asterisk"
    files = {path.name: path for path in sorted(source.glob("*.conf"))}
    if loopback:
        files |= {path.name: path for path in sorted((source / "loopback").glob("*.conf"))}
    target.mkdir(parents=True, exist_ok=True)
    for name, path in files.items():

        def fill(found: re.Match[str], name: str = name) -> str:
            if found[1] not in values:
                raise EmbeddedError(f"config/asterisk/{name}: no value for @{found[1]}@")
            # A comment would begin at a semicolon.
            return str(values[found[1]]).replace(";", r"\;")

        rendered = target / name
        rendered.touch(mode=0o600)
        rendered.write_text(_PLACEHOLDER.sub(fill, path.read_text(encoding="utf-8")), encoding="utf-8")


class EmbeddedAsterisk(EmbeddedServer):
    """Asterisk on free loopback ports. `url`, `username`, `password` and `endpoint` are what `AriSettings` needs."""

    name = "Asterisk"
    username = "dialer"
    #: Dial string of the loopback trunk.
    endpoint = "PJSIP/{number}@trunk"
    stop_timeout_s = 6.0

    def __init__(
        self, folder: Path, *, program: AsteriskProgram | None = None, trunk: Mapping[str, object] | None = None
    ) -> None:
        """`trunk` (the placeholders of pjsip_trunk.conf) takes the place of the loopback trunk and its callees."""
        super().__init__(folder)
        self._program = program or find_asterisk()
        self._trunk = trunk
        self._address = self.folder / "address.json"

    @property
    def url(self) -> str:
        """Base of the REST interface."""
        return f"http://{_HOST}:{self._values['HTTP_PORT']}/ari"

    @property
    def password(self) -> str:
        """The ARI user's password."""
        return str(self._values["ARI_PASSWORD"])

    @property
    def messages(self) -> Path:
        """Asterisk's own log."""
        return self.folder / "log" / "messages.log"

    def problems(self) -> list[str]:
        """Warnings and errors in Asterisk's log so far."""
        if not self.messages.is_file():
            return []
        return [line for line in self.messages.read_text(errors="replace").splitlines() if _is_problem(line)]

    def far_side_calls(self) -> list[FarSideCall]:
        """The callees' own record of every call that has ended, in order of their ends."""
        records = self.folder / "log" / "cdr-csv" / "Master.csv"
        if not records.is_file():
            return []
        with records.open(newline="", encoding="utf-8") as lines:
            rows = [row for row in csv.reader(lines) if row[3] == "customers"]
        return [FarSideCall(number=row[2], disposition=row[14], talk_s=int(row[13])) for row in rows]

    def is_running(self) -> bool:
        """Whether our Asterisk answers and has loaded everything."""
        if not self._address.is_file():
            return False
        connection = http.client.HTTPConnection(_HOST, int(self._values["HTTP_PORT"]), timeout=1)
        login = b64encode(f"{self.username}:{self.password}".encode()).decode()
        try:
            connection.request(
                "GET", f"/ari/asterisk/modules/{_LAST_MODULE}", headers={"Authorization": f"Basic {login}"}
            )
            answer = connection.getresponse()
            return answer.status == 200 and json.loads(answer.read()).get("status") == "Running"
        except (OSError, http.client.HTTPException, ValueError):
            return False
        finally:
            connection.close()

    def _prepare(self) -> dict[str, Any]:
        program = self._program
        if program is None:
            raise EmbeddedError("no Asterisk 22.6 or later: run `make asterisk`, or set DIALER_ASTERISK_ROOT")
        if not self._address.is_file():
            self._address.touch(mode=0o600)
            self._address.write_text(json.dumps(self._new_values(program)))
        values = self._values
        for folder in ("state/keys", "state/cache", "state/spool", "log/cdr-csv"):
            (self.folder / folder).mkdir(parents=True, exist_ok=True)
        Path(str(values["RUN_DIR"])).mkdir(parents=True, exist_ok=True)
        self.messages.unlink(missing_ok=True)
        render_config(self.folder / "etc", {**values, **(self._trunk or {})}, loopback=self._trunk is None)
        return {"argv": [*program.argv, "-f", "-g", "-C", str(self.folder / "etc" / "asterisk.conf")]}

    def _new_values(self, program: AsteriskProgram) -> dict[str, object]:
        """Ports and paths; kept for restarts, so that workers find it where it was."""
        http_port, manager_port, sip_port, customers_port = _free_ports(4)
        rtp_start = 10000 + _RTP_PORTS * random.randrange(20)
        run_dir = self.folder / "run"
        if len(str(run_dir)) > _LONGEST_RUN_DIR:
            run_dir = Path(tempfile.mkdtemp(prefix="dialer-asterisk-"))
        return {
            "ETC_DIR": str(self.folder / "etc"),
            "MODULES_DIR": str(program.modules),
            "STATE_DIR": str(self.folder / "state"),
            "DATA_DIR": str(program.data),
            "RUN_DIR": str(run_dir),
            "LOG_DIR": str(self.folder / "log"),
            "SBIN_DIR": str(self.folder),
            "SYSTEM_NAME": "dialer",
            "ARI_USERNAME": self.username,
            "ARI_PASSWORD": secrets.token_hex(16),
            "HTTP_HOST": _HOST,
            "HTTP_PORT": http_port,
            "MANAGER_PORT": manager_port,
            "SIP_HOST": _HOST,
            "SIP_PORT": sip_port,
            "CUSTOMERS_PORT": customers_port,
            "RTP_START": rtp_start,
            "RTP_END": rtp_start + _RTP_PORTS - 1,
        }

    @property
    def _values(self) -> dict[str, Any]:
        if not self._address.is_file():
            raise EmbeddedError(f"Asterisk has not been started in {self.folder}")
        values: dict[str, Any] = json.loads(self._address.read_text())
        return values


def _is_problem(line: str) -> bool:
    return "] WARNING[" in line or "] ERROR[" in line


def _free_ports(count: int) -> list[int]:
    """Ports that are free for TCP and UDP now, all different."""
    probes: list[socket.socket] = []
    ports: list[int] = []
    try:
        while len(ports) < count:
            tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            probes += [tcp, udp]
            tcp.bind((_HOST, 0))
            try:
                udp.bind((_HOST, tcp.getsockname()[1]))
            except OSError:
                continue
            ports.append(int(tcp.getsockname()[1]))
    finally:
        for probe in probes:
            probe.close()
    return ports
