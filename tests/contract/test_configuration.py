"""The configuration in `config/asterisk`, loaded into a real Asterisk."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from dialer.embedded.asterisk import EmbeddedAsterisk
from dialer.embedded.asterisk_program import find_asterisk
from dialer.settings import config_dir

pytestmark = pytest.mark.asterisk


@pytest.fixture(autouse=True)
def _needs_asterisk(asterisk: EmbeddedAsterisk) -> None:
    """The session's own instance decides whether there is one."""


def test_the_loopback_configuration_loads_without_a_complaint(tmp_path: Path) -> None:
    with EmbeddedAsterisk(tmp_path / "pbx") as running:
        assert running.problems() == []
        assert running.is_running()


def test_the_trunk_template_loads_without_a_complaint(tmp_path: Path) -> None:
    trunk = {"TRUNK_HOST": "127.0.0.1", "TRUNK_PORT": 9, "TRUNK_USERNAME": "shop", "TRUNK_PASSWORD": "not-a-secret"}

    with EmbeddedAsterisk(tmp_path / "pbx", trunk=trunk) as running:
        # Nobody answers on that port: that the registration fails is not the configuration's fault.
        complaints = [line for line in running.problems() if "res_pjsip_outbound_registration" not in line]
        assert complaints == []
        rendered = (tmp_path / "pbx/etc/pjsip_trunk.conf").read_text()
        assert "client_uri = sip:shop@127.0.0.1" in rendered


@pytest.mark.parametrize("auth", ["registration", "ip", "tls"])
def test_each_kind_of_trunk_is_written_whole(tmp_path: Path, auth: str) -> None:
    env = {
        "TRUNK_AUTH": auth,
        "TRUNK_HOST": "sip.example",
        "TRUNK_USERNAME": "shop",
        "TRUNK_PASSWORD": "p",
        "ARI_PASSWORD": "a",
    }

    _write_config(tmp_path / "etc", env | {"EXTERNAL_ADDRESS": "192.0.2.1"})

    written = {path.name: path.read_text() for path in (tmp_path / "etc").glob("*.conf")}
    assert not [name for name, text in written.items() if re.search(r"@[A-Z_]+@", text)]
    assert "external_media_address = 192.0.2.1" in written["pjsip_nat.conf"]
    assert ("type = registration" in written["pjsip_trunk.conf"]) == (auth != "ip")
    assert ("media_encryption = sdes" in written["pjsip_trunk.conf"].replace(";media", "")) == (auth == "tls")


def test_a_missing_secret_is_named(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        _write_config(tmp_path / "etc", {"TRUNK_HOST": "sip.example", "TRUNK_USERNAME": "u", "TRUNK_PASSWORD": "p"})

    assert "ARI_PASSWORD is not set" in failed.value.stderr


def _write_config(target: Path, env: dict[str, str]) -> None:
    script = Path(__file__).resolve().parents[2] / "scripts/asterisk-config.sh"
    path = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    subprocess.run([script, target], env=path | env, capture_output=True, text=True, check=True)


@pytest.mark.parametrize("auth", ["ip", "tls"])
def test_the_other_trunks_load_without_a_complaint(tmp_path: Path, auth: str) -> None:
    values = {"TRUNK_HOST": "127.0.0.1", "TRUNK_PORT": 9, "TRUNK_USERNAME": "shop", "TRUNK_PASSWORD": "p"}
    config = tmp_path / "config"
    shutil.copytree(config_dir(), config)
    shutil.copytree(config / f"asterisk/trunk_{auth}", config / "asterisk", dirs_exist_ok=True)
    certificates = "/etc/ssl/certs/ca-certificates.crt"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIALER_CONFIG_DIR", str(config))
        with EmbeddedAsterisk(tmp_path / "pbx", trunk={**values, "CA_FILE": certificates}) as running:
            # Nobody answers on that port: that the registration fails is not the configuration's fault.
            complaints = [line for line in running.problems() if "res_pjsip_outbound_registration" not in line]
            assert complaints == []


def test_it_runs_where_it_was_after_a_kill(tmp_path: Path) -> None:
    with EmbeddedAsterisk(tmp_path / "pbx") as running:
        url, password = running.url, running.password
        running.kill()
        running.start()
        assert (running.url, running.password) == (url, password)
        assert running.is_running()


def test_secrets_are_readable_by_the_owner_only(tmp_path: Path) -> None:
    with EmbeddedAsterisk(tmp_path / "pbx") as running:
        holders = [path for path in running.folder.rglob("*") if path.is_file() and _mentions(path, running.password)]
        assert holders
        assert [path for path in holders if path.stat().st_mode & 0o077] == []


def _mentions(path: Path, secret: str) -> bool:
    return bool(re.search(secret.encode(), path.read_bytes()))


def test_an_asterisk_is_found_by_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DIALER_ASTERISK_ROOT", str(tmp_path))

    assert find_asterisk() is None
