"""RabbitMQ in the place of Redis, by `DIALER_BROKER_URL` alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from dialer.doctor.broker import check_broker
from dialer.doctor.finding import State
from dialer.settings import load_settings
from tests.support.live_campaign import live_campaign
from tests.support.rabbit import Rabbit, own_rabbit, rabbit_program

pytestmark = pytest.mark.timeout(180)
PERSONAS = {"confirms": 3, "busy": 1}


@pytest.fixture
def rabbit(tmp_path: Path) -> Iterator[Rabbit]:
    """A server of our own. RabbitMQ is optional, in CI too."""
    program = rabbit_program()
    if program is None:
        pytest.skip("no RabbitMQ: apt-get install rabbitmq-server")
    with own_rabbit(tmp_path / "broker", program) as server:
        yield server


async def test_a_campaign_gets_through_a_rabbitmq_that_is_killed_on_the_way(rabbit: Rabbit, tmp_path: Path) -> None:
    settings = {"DIALER_BROKER_URL": rabbit.url}
    async with live_campaign(tmp_path / "live", PERSONAS, lines=2, settings=settings) as campaign:
        await campaign.until_talking(1)
        seen = await check_broker(rabbit.url, load_settings(tick_s=1))
        rabbit.kill()
        rabbit.start()
        await campaign.until_over()

        assert (await campaign.audit()).clean
        dials = Counter(dial.number for dial in campaign.dials())
        assert sorted(dials.values())[:3] == [1, 1, 1]
        assert [finding for finding in seen if finding.state is not State.OK] == []


async def test_the_doctor_names_a_wrong_password(rabbit: Rabbit) -> None:
    login, _, place = rabbit.url.rpartition("@")

    (found,) = await check_broker(f"{login}wr0ng@{place}", load_settings())

    assert found.state is State.FAILED
    assert "user or password in DIALER_BROKER_URL" in found.advice
    assert "wr0ng" not in found.message
