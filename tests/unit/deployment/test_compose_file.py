"""compose.yaml and the Dockerfiles, as far as they can be judged by reading."""

from __future__ import annotations

import fnmatch
import re
import shlex
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from tests.support.compose import ROOT, MissingVariableError, Service, dotenv, interpolate, read_compose

PROFILES = ("monitoring", "simulation")
SECRETS = (
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "ARI_PASSWORD",
    "FLOWER_PASSWORD",
    "GRAFANA_PASSWORD",
    "DIALER_API__READ_TOKEN",
    "DIALER_API__ENQUEUE_TOKEN",
    "DIALER_API__CONTROL_TOKEN",
)
ONE_SHOTS = {"migrate", "world", "campaign"}
DOCKERFILES = ("docker/Dockerfile", "docker/asterisk.Dockerfile")


def _printed(*options: str) -> dict[str, str]:
    command = [ROOT / "scripts/environment.sh", *options]
    return dotenv(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


VARIABLES = _printed("--simulation")
SERVICES = read_compose(VARIABLES, PROFILES)


@pytest.fixture(params=sorted(SERVICES))
def service(request: pytest.FixtureRequest) -> Service:
    """Each service in turn."""
    return SERVICES[request.param]


def test_each_secret_must_be_set() -> None:
    for name in SECRETS:
        with pytest.raises(MissingVariableError, match=name):
            read_compose({key: value for key, value in VARIABLES.items() if key != name})


def test_a_trunk_must_be_named() -> None:
    with pytest.raises(MissingVariableError, match="TRUNK_HOST"):
        read_compose({**_printed(), "TRUNK_HOST": ""})


def test_secrets_are_long_and_never_twice_the_same() -> None:
    again = _printed("--simulation")

    for name in SECRETS:
        assert len(VARIABLES[name]) == 48
        assert VARIABLES[name] != again[name]


def test_interpolation_is_that_of_compose() -> None:
    env = {"A": "1"}

    assert interpolate("${A}-${B:-two}-$${C}-${D:-}", env) == "1-two-${C}-"


def test_images_are_pinned(service: Service) -> None:
    assert re.fullmatch(r"[a-z0-9/-]+:v?\d+(\.\d+)+(-[a-z]+)?", service.raw["image"])


def test_nobody_is_root(service: Service) -> None:
    assert service.raw["user"].split(":")[0] not in ("0", "root", "")
    assert service.raw["cap_drop"] == ["ALL"]
    assert service.raw["security_opt"] == ["no-new-privileges:true"]


def test_nothing_can_be_written_but_volumes(service: Service) -> None:
    assert service.raw["read_only"] is True


def test_every_service_is_bounded_and_comes_back(service: Service) -> None:
    assert "mem_limit" in service.raw
    assert service.raw["restart"] == "unless-stopped" or service.name in ONE_SHOTS


def test_whoever_stays_has_a_health_check(service: Service) -> None:
    assert (service.health is None) == (service.name in ONE_SHOTS)


def test_what_others_wait_for_can_be_waited_for(service: Service) -> None:
    for need, how in service.needs.items():
        assert need in SERVICES
        expected = "service_completed_successfully" if need in ONE_SHOTS else "service_healthy"
        assert how["condition"] == expected


def test_only_rtp_is_open_to_the_world(service: Service) -> None:
    for port in service.raw.get("ports", []):
        assert port.startswith("127.0.0.1:") or port.endswith("/udp")


def test_no_secret_is_on_a_command_line(service: Service) -> None:
    words = " ".join([*service.command, *(service.health or [])])

    assert not [name for name in SECRETS if VARIABLES[name] in words]


def test_a_workers_end_is_longer_than_its_longest_call() -> None:
    from dialer.settings import CallSettings

    assert int(SERVICES["calls"].raw["stop_grace_period"].removesuffix("s")) > CallSettings().drain_s


def test_every_file_that_is_mounted_is_there(service: Service) -> None:
    missing = [
        source
        for source, _, _ in (volume.partition(":") for volume in service.raw.get("volumes", []))
        if source.startswith("./") and source != "./config/dashboards" and not (ROOT / source).exists()
    ]

    assert missing == []


def test_secrets_come_where_compose_can_put_them(service: Service) -> None:
    # Compose copies a secret that is no file into the container, which fails when its file system is read-only.
    assert not (service.raw.get("secrets") and service.raw["read_only"])


def test_prometheus_is_given_rules_that_are_there() -> None:
    content = yaml.safe_load((ROOT / "docker/prometheus.yml").read_text("utf-8"))

    for path in content["rule_files"]:
        assert (ROOT / "config" / path.removeprefix("/etc/dialer/")).is_file(), path


def test_the_alerts_are_rules_for_prometheus() -> None:
    if shutil.which("promtool") is None:
        pytest.skip("no promtool: apt-get install prometheus")

    done = subprocess.run(
        ["promtool", "check", "rules", ROOT / "config/dashboards/alerts.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_two_nodes_differ_in_queue_and_ports() -> None:
    text = (ROOT / "docker/two-nodes.yaml").read_text("utf-8")
    document: dict[str, Any] = yaml.load(text.replace("!override", ""), Loader=yaml.SafeLoader)

    services = document["services"]
    assert "calls.a" in services["calls"]["command"]
    assert "calls.b" in services["calls-b"]["command"]
    assert services["calls"]["environment"]["DIALER_ARI__NODE"] == "a"
    assert services["calls-b"]["environment"]["DIALER_ARI__NODE"] == "b"


# -- Dockerfiles


def _instructions(name: str) -> list[list[str]]:
    text = (ROOT / name).read_text("utf-8").replace("\\\n", " ")
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return [line.split(maxsplit=1) for line in lines]


@pytest.mark.parametrize("name", DOCKERFILES)
def test_dockerfiles_are_pinned_and_end_as_somebody_without_rights(name: str) -> None:
    steps = _instructions(name)

    bases = [rest.split()[0] for kind, rest in steps if kind == "FROM"]
    assert all(re.search(r":[a-z]*-?\d[\w.-]+", base) for base in bases)
    users = [rest for kind, rest in steps if kind == "USER"]
    assert users and int(users[-1].split(":")[0]) > 10000


@pytest.mark.parametrize("name", DOCKERFILES)
def test_all_that_is_copied_is_there_and_not_ignored(name: str) -> None:
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [shlex.split(rest)[:-1] for kind, rest in _instructions(name) if kind == "COPY" and "--from" not in rest]

    for source in (path for words in copied for path in words):
        assert (ROOT / source).exists(), source
        assert any(source == keep or source.startswith(f"{keep}/") for keep in kept), source


def test_the_image_is_built_by_the_script_that_the_tests_run() -> None:
    assert ["RUN", "docker/install.sh /opt/dialer"] in _instructions("docker/Dockerfile")


def test_constraints_name_one_version_each() -> None:
    lines = [line for line in (ROOT / "docker/constraints.txt").read_text().splitlines() if not line.startswith("#")]

    assert lines and all(fnmatch.fnmatch(line, "?*==?*") for line in lines)
