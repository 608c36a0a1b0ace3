"""The Grafana dashboard and the alert rules name only metrics and labels that the service has."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from dialer.settings import config_dir
from tests.support.factories import CONFIRMED, NO_ANSWER, TRUNK_FAILURE, make_order
from tests.support.stories import tell

if TYPE_CHECKING:
    from httpx2 import AsyncClient

    from dialer.ledger.store import Ledger

_METRIC = re.compile(r"\b(dialer_[a-z0-9_]+)(?:\{([^}]*)\})?")
_LABEL = re.compile(r'([a-z_]+)\s*=~?\s*"')


def dashboard() -> dict[str, Any]:
    board: dict[str, Any] = json.loads((config_dir() / "dashboards" / "grafana.json").read_text("utf-8"))
    return board


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((config_dir() / "dashboards" / "alerts.yaml").read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def used(expressions: list[str]) -> dict[str, set[str]]:
    """Metric -> labels that it is asked for."""
    found: dict[str, set[str]] = {}
    for expression in expressions:
        for name, labels in _METRIC.findall(expression):
            found.setdefault(name, set()).update(_LABEL.findall(labels))
    return found


async def test_every_name_in_the_dashboard_and_the_alerts_is_a_metric(ledger: Ledger, reader: AsyncClient) -> None:
    stories = [(make_order(), [CONFIRMED]), (make_order(), [NO_ANSWER]), (make_order(), [TRUNK_FAILURE])]
    await tell(ledger, stories, artifacts={"latency_ms": {"reply": [300]}}, name="night")
    scraped = (await reader.get("/metrics")).text
    families = list(text_string_to_metric_families(scraped))
    kinds = {family.name: family.type for family in families}
    known: dict[str, set[str]] = {}
    for family in families:
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(kinds[family.name], [""])
        labels = {label for sample in family.samples for label in sample.labels}
        known |= {family.name + suffix: labels for suffix in suffixes}

    panels = dashboard()["panels"]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    expressions += [rule["expr"] for rule in rules()]
    wanted = used(expressions)

    assert wanted.keys() <= known.keys()
    for name, labels in wanted.items():
        assert labels <= known[name] | {"le", "stage"}, name
    shown = used([target["expr"] for panel in panels for target in panel["targets"]]).keys()
    unseen = known.keys() - shown - {name for name in known if name.endswith(("_sum", "_count"))}
    assert unseen == set(), "metrics that no panel shows"


def test_the_dashboard_can_be_imported_as_it_is() -> None:
    board = dashboard()

    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in board["panels"]}) == len(places)
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in board["panels"])


def test_every_alert_says_what_is_wrong_and_what_to_do() -> None:
    for rule in rules():
        assert rule["annotations"]["summary"], rule["alert"]
        assert rule["annotations"]["action"], rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning")
