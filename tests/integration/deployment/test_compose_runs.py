"""compose.yaml with its simulation profile, process by process, on real PostgreSQL, Redis and two real Asterisks.

The trunk is the one that a provider would have: registration with a password, calls over SIP, A-law.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dialer.embedded.asterisk_program import find_asterisk
from tests.support.compose import ROOT, Service, dotenv, read_compose
from tests.support.compose_stack import LocalStack, wait_for
from tests.support.real_parts import missing_asterisk

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(240)]

#: What the guard of a process makes of -SIGTERM.
ENDED_BY_SIGTERM = 256 - 15
#: Customers who answer the first call, and what the shop is told of them.
TOLD = {"confirms": "confirmed", "cancels": "cancelled", "changes_date": "confirmed"}


@pytest.fixture(scope="module")
def variables() -> dict[str, str]:
    """What scripts/environment.sh --simulation prints."""
    printed = subprocess.run(
        [ROOT / "scripts/environment.sh", "--simulation"], capture_output=True, text=True, check=True
    ).stdout
    return dotenv(printed)


@pytest.fixture(scope="module")
def services(variables: dict[str, str]) -> dict[str, Service]:
    """All services of the simulation."""
    return read_compose(variables, profiles=variables["COMPOSE_PROFILES"].split(","))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, services: dict[str, Service]) -> Iterator[LocalStack]:
    """Everything up and healthy, but the campaign, which the first test begins."""
    program = find_asterisk()
    if program is None:
        missing_asterisk()
    running = LocalStack(tmp_path_factory.mktemp("c"), program)
    try:
        running.up({name: service for name, service in services.items() if name != "campaign"})
        yield running
    finally:
        running.close()


def _get(url: str, *, token: str = "", login: str = "") -> Any:
    request = urllib.request.Request(url)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    if login:
        request.add_header("Authorization", "Basic " + base64.b64encode(login.encode()).decode())
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.loads(response.read())


def _dialer(stack: LocalStack, service: Service, *words: str) -> str:
    """The command line inside a container of `service`."""
    done = subprocess.run(
        ["dialer", *words], env=stack.environment(service), cwd=stack.home, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_campaign_runs_through_the_composed_services(
    stack: LocalStack, services: dict[str, Service], variables: dict[str, str], tmp_path: Path
) -> None:
    orders, told = _sample(stack.home / "simulation/world.json", tmp_path / "orders.csv")
    api = services["api"]
    wait_for("the trunk's registration", lambda: _registered(stack, services["asterisk"]), 60)

    stack.swaps["/etc/dialer/demo_orders.csv"] = str(orders)
    assert stack.run(services["campaign"]) == 0, stack.log_tail("campaign")
    campaign = f"http://127.0.0.1:{stack.ports['api']}/api/v1/campaigns/demo"
    wait_for("the campaign's end", lambda: _ended(campaign, variables["DIALER_API__READ_TOKEN"]), 120)
    wait_for("the shop's knowledge", lambda: len(_effects(stack)) == len(told), 20)

    assert _effects(stack) == told
    # What it finds wrong is told by its exit code.
    assert "registration trunk at sip:127.0.0.1" in _dialer(stack, services["calls"], "doctor", "--json")
    assert "clean" in _dialer(stack, api, "audit")
    assert len(list((stack.home / "calls").rglob("*.wav"))) == len(told)


def _sample(world: Path, target: Path) -> tuple[Path, dict[str, str]]:
    """One order for each of these personas, and what the shop is to be told."""
    lives = {phone: about["persona"] for phone, about in json.loads(world.read_text()).items()}
    phones = {persona: next(phone for phone, who in lives.items() if who == persona) for persona in TOLD}
    rows = [f"{persona};{phone};3200;2030-01-10" for persona, phone in phones.items()]
    target.write_text("\n".join(["order_id;phone;amount;delivery_date", *rows]), "utf-8")
    return target, dict(TOLD)


def _effects(stack: LocalStack) -> dict[str, str]:
    """What the shop was told, by order."""
    lines = [json.loads(line) for line in (stack.home / "shop.jsonl").read_text().splitlines()]
    return {line["order_id"]: line["status"] for line in lines if line["kind"] == "effect"}


def _registered(stack: LocalStack, asterisk: Service) -> bool:
    shown = subprocess.run(
        [
            *("asterisk", "-C", str(stack.own(asterisk) / "run/etc/asterisk.conf")),
            *("-rx", "pjsip show registrations"),
        ],
        env=stack.environment(asterisk),
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    return "Registered" in shown


def _ended(url: str, token: str) -> bool:
    return bool(_get(url, token=token)["state"] == "finished")


def test_flower_wants_a_password(stack: LocalStack, variables: dict[str, str]) -> None:
    workers = f"http://127.0.0.1:{stack.ports['flower']}/api/workers?refresh=1"

    with pytest.raises(urllib.error.HTTPError) as refused:
        _get(workers)
    found = _get(workers, login=f"ops:{variables['FLOWER_PASSWORD']}")

    refused.value.close()
    assert refused.value.code == 401
    assert {name.partition("@")[0] for name in found} == {"batch", "calls"}


def test_prometheus_sees_the_figures_and_knows_the_alerts(stack: LocalStack, variables: dict[str, str]) -> None:
    if shutil.which("prometheus") is None:
        pytest.skip("no Prometheus: apt-get install prometheus")
    service = read_compose(variables, ["monitoring"])["prometheus"]
    own = stack.own(service)
    config = (ROOT / "docker/prometheus.yml").read_text("utf-8").replace("/tmp/", f"{own}/tmp/").replace("15s", "1s")
    for name in ("api:8080", "flower:5555"):
        config = config.replace(name, f"127.0.0.1:{stack.ports[name.partition(':')[0]]}")
    config = config.replace("/etc/dialer", str(ROOT / "config"))
    (own / "prometheus.yml").write_text(config, "utf-8")
    base = f"http://127.0.0.1:{stack.ports['prometheus']}"
    stack.swaps |= {"/etc/prometheus/prometheus.yml": f"{own}/prometheus.yml", "=/prometheus": f"={own}/data"}
    service.raw["command"].append(f"--web.listen-address=127.0.0.1:{stack.ports['prometheus']}")

    stack.start(service)
    stack.wait_healthy(service)
    wait_for("both targets to be up", lambda: _targets(base) == {"dialer": "up", "flower": "up"}, 30)

    alerts = {rule["name"] for group in _get(f"{base}/api/v1/rules")["data"]["groups"] for rule in group["rules"]}
    assert "DialerDown" in alerts
    found = _get(f"{base}/api/v1/query?query=dialer_orders")["data"]["result"]
    assert {sample["metric"]["campaign"] for sample in found} == {"demo"}


def _targets(base: str) -> dict[str, str]:
    """Health by job."""
    active = _get(f"{base}/api/v1/targets")["data"]["activeTargets"]
    return {target["labels"]["job"]: target["health"] for target in active}


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_a_stranger_without_the_password_gets_nothing(
    stack: LocalStack, services: dict[str, Service], name: str
) -> None:
    env = {**stack.environment(services[name]), "PGPASSWORD": "wrong", "REDISCLI_AUTH": ""}
    port = str(stack.ports[name])
    words = {
        "postgres": ["psql", "-h", "127.0.0.1", "-p", port, "-U", "dialer", "-w", "-c", "SELECT 1"],
        "redis": ["redis-cli", "-h", "127.0.0.1", "-p", port, "ping"],
    }

    done = subprocess.run(words[name], env=env, capture_output=True, text=True, check=False)

    assert "password" in (done.stderr + done.stdout).lower() or "NOAUTH" in done.stdout


@pytest.mark.parametrize("name", ["asterisk", "asterisk-customers"])
def test_asterisk_has_nothing_to_complain_about(stack: LocalStack, services: dict[str, Service], name: str) -> None:
    log = stack.own(services[name]) / "log/messages.log"

    complaints = [line for line in log.read_text().splitlines() if "] WARNING[" in line or "] ERROR[" in line]

    assert complaints == []


def test_workers_end_in_peace(stack: LocalStack) -> None:
    for name in ("calls", "batch", "beat", "api", "flower"):
        assert stack.stop(name) in (0, ENDED_BY_SIGTERM), stack.log_tail(name)
