"""The two ways to fill in `config/asterisk` (tests and demo in Python, a server's own in shell) agree."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from dialer.embedded.asterisk import render_config
from dialer.errors import EmbeddedError
from dialer.settings import config_dir

_SCRIPT = Path(__file__).parents[3] / "scripts" / "asterisk-config.sh"
_TRUNK = {
    "ARI_PASSWORD": r"p&s\1/w|rd@",
    "TRUNK_HOST": "sip.example.net",
    "TRUNK_USERNAME": "shop",
    "TRUNK_PASSWORD": "$x'y;z",
}
_DEFAULTS = {
    "STATE_DIR": "/var/lib/asterisk",
    "DATA_DIR": "/usr/share/asterisk",
    "RUN_DIR": "/var/run/asterisk",
    "LOG_DIR": "/var/log/asterisk",
    "SBIN_DIR": "/usr/sbin",
    "MODULES_DIR": "/usr/lib/x86_64-linux-gnu/asterisk/modules",
    "SYSTEM_NAME": "dialer",
    "ARI_USERNAME": "dialer",
    "HTTP_HOST": "127.0.0.1",
    "HTTP_PORT": "8088",
    "MANAGER_PORT": "5038",
    "SIP_HOST": "0.0.0.0",
    "SIP_PORT": "5060",
    "TRUNK_PORT": "5060",
    "RTP_START": "10000",
    "RTP_END": "20000",
}


def run_script(target: Path, **values: str) -> subprocess.CompletedProcess[str]:
    """The shell script, with nothing of our own environment but PATH."""
    environment = {"PATH": os.environ["PATH"], "MODULES_DIR": _DEFAULTS["MODULES_DIR"], **values}
    return subprocess.run([str(_SCRIPT), str(target)], env=environment, capture_output=True, text=True, check=False)


def test_both_ways_write_the_same_files(tmp_path: Path) -> None:
    by_shell, by_python = tmp_path / "shell", tmp_path / "python"

    result = run_script(by_shell, **_TRUNK)
    render_config(by_python, {**_DEFAULTS, **_TRUNK, "ETC_DIR": by_shell}, loopback=False)

    assert result.returncode == 0, result.stderr
    names = {path.name for path in by_shell.iterdir()}
    assert names == {path.name for path in by_python.iterdir()}
    assert {"ari.conf", "http.conf", "pjsip_trunk.conf", "modules.conf"} <= names
    for name in names:
        assert (by_shell / name).read_text() == (by_python / name).read_text(), name
        assert (by_shell / name).stat().st_mode & 0o077 == 0
    # Unescaped, a comment would begin in the middle of the password.
    assert r"password = $x'y\;z" in (by_shell / "pjsip_trunk.conf").read_text()


def test_a_missing_value_is_named(tmp_path: Path) -> None:
    result = run_script(tmp_path, **{key: value for key, value in _TRUNK.items() if key != "TRUNK_HOST"})
    assert result.returncode == 1
    assert "TRUNK_HOST is not set" in result.stderr

    with pytest.raises(EmbeddedError, match="TRUNK_HOST"):
        render_config(tmp_path, {**_DEFAULTS, "ARI_PASSWORD": "x", "ETC_DIR": tmp_path}, loopback=False)


def test_the_configuration_keeps_its_doors_shut() -> None:
    folder = config_dir() / "asterisk"
    modules = (folder / "modules.conf").read_text()

    assert "autoload = no" in modules
    for dangerous in ("app_system", "func_shell", "res_agi", "res_curl", "app_originate"):
        assert dangerous not in modules
    assert "live_dangerously = no" in (folder / "asterisk.conf").read_text()
    manager = (folder / "manager.conf").read_text()
    assert "read = none\nwrite = reporting\n" in manager
    assert "bindaddr = 127.0.0.1" in manager
    assert "control_message_format = json" in (folder / "chan_websocket.conf").read_text()
