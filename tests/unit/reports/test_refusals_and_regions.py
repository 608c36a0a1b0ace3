"""Reasons of refusal, regions, operator's costs and charts."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from dialer.domain.privacy import tombstone
from dialer.errors import ConfigError
from dialer.reporting import charts
from dialer.reporting.analytics import Analytics, Bucket, Cost
from dialer.reporting.charts import Column, Slice
from dialer.reporting.operator_cost import OperatorPrices, load_operator_prices
from dialer.reporting.refusals import reason_in_transcript, reason_of
from dialer.reporting.regions import ERASED, UNKNOWN, region_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("Нет, отмените", "no_reason"),
        ("Отмените пожалуйста, я передумал", "changed_mind"),
        ("Мне это больше не нужно", "changed_mind"),
        ("Слишком дорого для меня", "too_expensive"),
        ("Я уже купила в другом магазине, дешевле", "bought_elsewhere"),
        ("Я ничего у вас не заказывал", "not_ordered"),
        ("Так долго ждать я не буду, отменяйте", "too_long"),
        ("Я случайно оформила два заказа, этот отмените", "duplicate"),
        ("Отменяйте, мы уезжаем в отпуск на море", "other"),
    ],
)
def test_the_reason_is_read_from_the_customers_words(said: str, reason: str) -> None:
    assert reason_of([said]) == reason


def test_a_transcript_that_cannot_be_read_has_no_reason(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")

    assert reason_in_transcript(tmp_path / "a.json") is None
    assert reason_in_transcript(tmp_path / "none.json") is None


def test_a_region_is_the_zone_or_the_numbers_area() -> None:
    assert region_of("Asia/Omsk", "+7916") == "Asia/Omsk"
    assert region_of("", "+7343") == "Свердловская обл"
    assert region_of("", "+7916") == UNKNOWN
    assert region_of("Mars/Base", "+7916") == UNKNOWN
    assert region_of("Asia/Omsk", tombstone(5)[:5]) == ERASED


def test_an_operators_cost_is_paid_time_and_trunk() -> None:
    prices = OperatorPrices(hour=360, dial_s=20, after_talk_s=30, talk_factor=2, trunk_minute=6)

    # 10 dials of 20 s, 4 talks of 30 s afterwards, 100 s of the bot's talk are 200 s of a person's: 520 s at 0.1.
    assert prices.cost_rub(dials=10, talks=4, talk_s=100) == pytest.approx(52 + 20)


def test_the_shipped_prices_load_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    assert load_operator_prices().hour > 0
    (tmp_path / "operator.toml").write_text(
        "hour = -1\ndial_s = 1\nafter_talk_s = 1\ntalk_factor = 1\ntrunk_minute = 1\n"
    )
    with pytest.raises(ConfigError, match="hour"):
        load_operator_prices(tmp_path / "operator.toml")


def test_charts_are_well_formed_escape_texts_and_set_no_styles() -> None:
    drawn = [
        charts.bar([Slice("<a>", "good", 3), Slice("b", "bad", 0)]),
        charts.bar([]),
        charts.ring(0.5, 0.85, "50 %", '"half"'),
        charts.ring(None, 0.85, "—", "none"),
        charts.columns([Column("<1>", 1, 2, share=0.9), Column("2", 0, 0)], "by & by", 0.85),
        charts.columns([], "none", 0.85),
        charts.area([1, 2, 3], [0, 1, 1], "pace"),
        charts.area([], [], "none"),
    ]

    for svg in drawn:
        ElementTree.fromstring(svg)
        assert "style=" not in svg
    assert "&lt;a&gt;" in drawn[0]


def test_a_bars_slices_fill_it() -> None:
    svg = charts.bar([Slice("a", "good", 1), Slice("b", "bad", 3)])

    rects = [rect.attrib for rect in ElementTree.fromstring(svg) if rect.attrib["class"].startswith("tone-")]
    assert [(float(rect["x"]), round(float(rect["width"]))) for rect in rects] == [(0.0, 25), (25.0, 75)]


@pytest.mark.parametrize(("busy", "first", "last"), [([], "9", "20"), ([7, 12], "7", "20"), ([23], "9", "23")])
def test_a_picture_of_the_day_shows_shop_hours_and_every_call(busy: list[int], first: str, last: str) -> None:
    hours = [Bucket(str(hour), attempts=int(hour in busy)) for hour in range(24)]
    cost = Cost(0.0, 0.0, attempts=0, confirmed=0)
    found = Analytics("night", "Europe/Moscow", hours, [], [], [], {}, {}, {}, None, cost)
    assert (found.shown_hours[0].key, found.shown_hours[-1].key) == (first, last)
