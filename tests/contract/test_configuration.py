"""The configuration in `config/asterisk`, loaded into a real Asterisk."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dialer.embedded.asterisk import EmbeddedAsterisk
from dialer.embedded.asterisk_program import find_asterisk

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
