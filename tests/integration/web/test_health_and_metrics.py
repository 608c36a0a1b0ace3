"""Health, metrics, headers, the OpenAPI document and its page."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from dialer.errors import BrokerError
from dialer.ledger.store import Ledger
from dialer.web.app import create_app
from dialer.web.metrics import Metrics
from tests.integration.web.conftest import READ, client_of
from tests.support.factories import CONFIRMED, NO_ANSWER, TRUNK_FAILURE, make_campaign, make_order
from tests.support.stories import tell

if TYPE_CHECKING:
    from fastapi import FastAPI
    from httpx2 import AsyncClient

    from dialer.settings import Settings


def samples(scraped: str) -> dict[tuple[str, ...], float]:
    """(name, values of the labels in the labels' order) -> value."""
    return {
        (sample.name, *(sample.labels[label] for label in sorted(sample.labels, reverse=True))): sample.value
        for family in text_string_to_metric_families(scraped)
        for sample in family.samples
    }


async def test_health_needs_no_token(stranger: AsyncClient) -> None:
    alive, ready = await stranger.get("/healthz"), await stranger.get("/readyz")

    assert (alive.status_code, ready.status_code) == (200, 200)
    assert ready.json()["checks"] == {"database": "ok", "broker": "not configured"}


async def test_a_service_without_its_database_or_broker_is_not_ready(web_settings: Settings) -> None:
    async def no_broker() -> None:
        raise BrokerError("away")

    ledger = Ledger("postgresql://nobody@127.0.0.1:9/none")
    async with client_of(create_app(web_settings, ledger, probe_broker=no_broker), READ) as client:
        ready = await client.get("/readyz")
        asked = await client.get("/api/v1/campaigns")
    await ledger.close()

    assert ready.status_code == 503
    assert ready.json()["checks"] == {"database": "failing: LedgerError", "broker": "failing: BrokerError"}
    assert (asked.status_code, asked.headers["Retry-After"]) == (503, "5")
    assert "127.0.0.1" not in asked.text


async def test_metrics_are_the_ledgers_numbers(ledger: Ledger, reader: AsyncClient) -> None:
    stories = [(make_order(), [CONFIRMED]), (make_order(), [NO_ANSWER, CONFIRMED]), (make_order(), [TRUNK_FAILURE])]
    await tell(ledger, stories, artifacts={"latency_ms": {"reply": [300, 301, 9000]}}, name="night")
    await make_campaign(ledger, 4, name="due", now=await ledger.now())

    found = samples((await reader.get("/metrics")).text)

    assert found["dialer_attempts_total", "answered", "night"] == 2
    assert found["dialer_attempts_total", "no_answer", "night"] == 1
    assert found["dialer_decisions_total", "confirmed", "night"] == 2
    assert found["dialer_orders", "decided", "night"] == 2
    assert found["dialer_talk_seconds_total", "night"] == 40.0
    assert found["dialer_due_orders", "due"] == 4
    assert found["dialer_oldest_due_order_age_seconds", "due"] >= 0
    assert found["dialer_lines", "due"] == 10
    assert found["dialer_lines_in_use", "due"] == 0
    assert found["dialer_outbox_pending",] == 2
    assert found["dialer_outbox_dead_letters",] == 0
    assert found["dialer_trunk_failures", "default"] == 0


async def test_latencies_are_counted_once_and_by_bucket(ledger: Ledger) -> None:
    metrics = Metrics(ledger, lag=timedelta(0), fresh_s=0)
    late = "UPDATE attempts SET ended_at = clock_timestamp() - interval '1 s' WHERE ended_at IS NOT NULL"
    artifacts = {"latency_ms": {"reply": [300, 301, 9000]}}
    await tell(ledger, [(make_order(), [CONFIRMED])], artifacts=artifacts, name="first")
    async with ledger.begin() as tx:
        await tx.execute(text(late))
    name = "dialer_reply_latency_seconds"

    await metrics.scrape()
    found = samples((await metrics.scrape()).decode())

    assert found[f"{name}_bucket", "reply", "0.2"] == 0
    assert found[f"{name}_bucket", "reply", "0.3"] == 1
    assert found[f"{name}_bucket", "reply", "0.5"] == 2
    assert found[f"{name}_bucket", "reply", "5.0"] == 2
    assert found[f"{name}_bucket", "reply", "+Inf"] == found[f"{name}_count", "reply"] == 3
    assert found[f"{name}_sum", "reply"] == 9.601


async def test_every_answer_has_the_security_headers(stranger: AsyncClient) -> None:
    for path in ("/healthz", "/api/v1/campaigns", "/static/icon.svg", "/nowhere"):
        headers = (await stranger.get(path)).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


async def test_the_page_to_try_the_api_loads_nothing_from_elsewhere(stranger: AsyncClient) -> None:
    page = await stranger.get("/docs")

    assert page.status_code == 200
    assert "//" not in page.text.replace("<!doctype html>", "")
    for path in ("/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/static/docs.js"):
        assert path in page.text
        assert (await stranger.get(path)).status_code == 200
    assert (await stranger.get("/docs/../core.py")).status_code == 404


async def test_the_document_describes_every_type_it_names(app: FastAPI) -> None:
    document = app.openapi()
    known = document["components"]["schemas"]

    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [found for value in node.values() for found in references(value)]
        return [found for value in node for found in references(value)] if isinstance(node, list) else []

    assert {reference.rpartition("/")[2] for reference in references(document)} <= known.keys()
    assert {"Problem", "BatchOfOrders", "OrderRow"} <= known.keys()
