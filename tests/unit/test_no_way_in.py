"""What comes from outside stays data: cells, templates, messages, secrets."""

from __future__ import annotations

import traceback
from decimal import Decimal
from pathlib import Path

import pytest

from dialer.conversation.script import load_script
from dialer.domain.order import Order
from dialer.errors import ConfigError
from dialer.settings import config_dir, load_settings
from workers.app import make_app

SECRET = "hunter2-do-not-show"
ATTACK = "{{ ''.__class__.__mro__[1].__subclasses__() }}{% for x in range(10**9) %}{% endfor %}"


@pytest.fixture
def secret_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DATABASE_URL": f"postgresql://u:{SECRET}@h/db",
        "BROKER_URL": f"redis://:{SECRET}@h:1/0",
        "ARI__PASSWORD": SECRET,
        "ORDERS_API__TOKEN": SECRET,
        "OPENAI__API_KEY": SECRET,
        "API__READ_TOKEN": SECRET,
        "API__ENQUEUE_TOKEN": SECRET,
        "API__CONTROL_TOKEN": SECRET,
    }.items():
        monkeypatch.setenv(f"DIALER_{name}", value)


@pytest.mark.usefixtures("secret_environment")
def test_settings_never_show_secrets() -> None:
    config = load_settings()
    assert SECRET not in f"{config!r} {config} {config.ari!r} {config.api!r} {config.openai}"


@pytest.mark.usefixtures("secret_environment")
def test_an_error_in_the_settings_names_the_key_and_shows_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a secret where a number should be
    monkeypatch.setenv("DIALER_CALLS__LEASE_S", SECRET)
    # When
    with pytest.raises(ConfigError) as raised:
        load_settings()
    # Then
    assert "calls.lease_s" in str(raised.value)
    assert SECRET not in "".join(traceback.format_exception(raised.value))


def test_cells_are_values_and_never_templates() -> None:
    # Given an order whose every text is an attack
    order = Order("1", "+79161234567", Decimal(5), ATTACK, address=ATTACK, attributes={"gift": ATTACK})
    script = load_script(config_dir() / "scripts", "personal").for_order(order, "Shop")
    # When
    said = script.text("greeting")
    # Then the bot would read it out, letter by letter
    assert "__subclasses__()" in said


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ order_id.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ attributes.update({'x': 1}) }}",
    ],
)
def test_scripts_cannot_reach_python(template: str, tmp_path: Path) -> None:
    # Given a script with such a prompt
    for path in (config_dir() / "scripts").glob("*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "evil.yaml").write_text(f'extends: delivery\nprompts:\n  hold: "{template}"\n')
    order = Order("1", "+79161234567", Decimal(5), attributes={"gift": "y"})
    # When, then
    with pytest.raises(ConfigError):
        load_script(tmp_path, "evil").for_order(order, "Shop").text("hold")


def test_a_scripts_name_leads_nowhere_else() -> None:
    with pytest.raises(ConfigError):
        load_script(config_dir() / "scripts", "../default")


def test_messages_are_json_and_nothing_else() -> None:
    conf = make_app(load_settings(broker_url="redis://localhost:1/0")).conf
    assert conf.accept_content == ["json"]
    assert {conf.task_serializer, conf.result_serializer, conf.event_serializer} == {"json"}
    assert conf.task_ignore_result


@pytest.mark.usefixtures("secret_environment")
def test_a_failing_connection_shows_no_password() -> None:
    from dialer.ledger.store import migrate

    # Given
    url = f"postgresql://u:{SECRET}@127.0.0.1:9/db"
    # When
    try:
        migrate(url)
    except Exception:  # noqa: BLE001 - the whole traceback is the subject
        shown = traceback.format_exc()
    # Then
    assert "PostgreSQL" in shown
    assert SECRET not in shown
