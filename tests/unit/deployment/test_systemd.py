"""The units and programs of an installation with systemd, as far as they can be judged by reading and by trying."""

from __future__ import annotations

import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest

from tests.support.compose import ROOT, dotenv

UNITS = sorted((ROOT / "config/systemd").rglob("*.service"))
#: Needs what only an installation has.
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class _Unit(RawConfigParser):
    """Names keep their case; a key may come twice, the last one counts."""

    def __init__(self, path: Path) -> None:
        super().__init__(strict=False, interpolation=None)
        self.read(path, "utf-8")

    def optionxform(self, optionstr: str) -> str:
        return optionstr


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_services_have_few_rights_and_come_back(path: Path) -> None:
    service = _Unit(path)["Service"]

    assert service["User"] in ("dialer", "asterisk")
    assert service["NoNewPrivileges"] == "yes"
    assert service["CapabilityBoundingSet"] == ""
    assert service["ProtectSystem"] == "strict"
    assert service["Restart"] == "always"


def test_a_call_worker_has_time_for_its_longest_call() -> None:
    from dialer.settings import CallSettings

    service = _Unit(ROOT / "config/systemd/dialer-calls@.service")["Service"]

    assert int(service["TimeoutStopSec"]) > CallSettings().drain_s


def _printed(*options: str) -> dict[str, str]:
    command = [ROOT / "scripts/environment.sh", "--systemd", *options]
    return dotenv(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize("options", [(), ("--simulation",)])
def test_the_environment_of_the_services_is_whole(options: tuple[str, ...]) -> None:
    env = _printed(*options)

    assert env["POSTGRES_PASSWORD"] in env["DIALER_DATABASE_URL"]
    assert env["REDIS_PASSWORD"] in env["DIALER_BROKER_URL"]
    assert env["DIALER_ARI__PASSWORD"] == env["ARI_PASSWORD"]
    # Without it Flower would be open to everybody.
    assert env["FLOWER_BASIC_AUTH"].endswith(env["FLOWER_PASSWORD"])
    assert env["ASTERISK_ROOT"] in (ROOT / "config/systemd/dialer-asterisk.service").read_text()


def test_values_are_read_as_they_stand(tmp_path: Path) -> None:
    file = tmp_path / "dialer.env"
    file.write_text("# a comment\nA=p$a&s s;w\nB=\"two words\"\nC='x'\n\nD=a=b", "utf-8")

    done = subprocess.run(
        [ROOT / "scripts/bin/dialer-env", "sh", "-c", 'printf "%s|%s|%s|%s" "$A" "$B" "$C" "$D"'],
        env={"PATH": _PATH, "DIALER_ENV_FILE": str(file)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "p$a&s s;w|two words|x|a=b"


def test_an_environment_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [ROOT / "scripts/bin/dialer-env", "true"],
        env={"PATH": _PATH, "DIALER_ENV_FILE": str(tmp_path / "none")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "none cannot be read" in done.stderr
