"""Several nodes, and secrets from files, in the settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from dialer.errors import ConfigError
from dialer.settings import AriSettings, NodeSettings, Settings

EAST = NodeSettings(url="http://east:8088/ari", lines=30)
WEST = NodeSettings(url="http://west:8088/ari", endpoint="PJSIP/{number}@other")


def _settings() -> Settings:
    return Settings(ari=AriSettings(password=SecretStr("secret"), node="east"), nodes={"east": EAST, "west": WEST})


def test_one_node_needs_no_list() -> None:
    settings = Settings(ari=AriSettings(node="default"))

    assert settings.node_lines == {"default": 0}
    assert settings.on_node("anything") is settings


def test_a_node_has_its_own_address_and_the_common_password() -> None:
    west = _settings().on_node("west").ari

    assert (west.node, west.url, west.endpoint) == ("west", "http://west:8088/ari", "PJSIP/{number}@other")
    assert west.password.get_secret_value() == "secret"
    assert _settings().on_node("east").ari.endpoint == AriSettings().endpoint


def test_an_unknown_node_is_named() -> None:
    with pytest.raises(ConfigError, match="'north' is none of nodes: east, west"):
        _settings().on_node("north")


def test_nodes_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALER_NODES__EAST__URL", "http://east:8088/ari")
    monkeypatch.setenv("DIALER_NODES__EAST__LINES", "30")

    assert Settings().nodes == {"east": EAST}


def test_secrets_come_from_files_named_like_the_variables(tmp_path: Path) -> None:
    (tmp_path / "DIALER_ARI__PASSWORD").write_text("from a file\n")
    (tmp_path / "dialer_api__control_token").write_text("token")
    (tmp_path / "something_else").write_text("not ours")

    settings = Settings(_secrets_dir=tmp_path)  # type: ignore[call-arg]

    assert settings.ari.password.get_secret_value() == "from a file"
    assert settings.api.control_token.get_secret_value() == "token"


def test_the_environment_beats_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "DIALER_ARI__PASSWORD").write_text("from a file")
    monkeypatch.setenv("DIALER_ARI__PASSWORD", "from the environment")

    settings = Settings(_secrets_dir=tmp_path)  # type: ignore[call-arg]

    assert settings.ari.password.get_secret_value() == "from the environment"
