"""Words and forms of both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.requests import Request

import dialer.web
from dialer.domain.order import OrderState
from dialer.domain.outcome import Decision, Disposition
from dialer.domain.privacy import tombstone
from dialer.web.board import words
from dialer.web.board.language import Speech, speech_of
from dialer.web.board.texts import TEXTS

RU, EN = Speech("ru"), Speech("en")
TEMPLATES = Path(dialer.web.__file__).parent / "templates"


def request(query: str = "", cookie: str = "", accept: str = "") -> Request:
    headers = [(b"cookie", cookie.encode()), (b"accept-language", accept.encode())]
    return Request({"type": "http", "query_string": query.encode(), "headers": headers})


@pytest.mark.parametrize(
    ("query", "cookie", "accept", "language"),
    [
        ("", "", "", "ru"),
        ("", "", "de-DE,de;q=0.9", "ru"),
        ("", "", "en-US,en;q=0.9,ru;q=0.5", "en"),
        ("", "", "ru-RU,ru;q=0.9,en;q=0.5", "ru"),
        ("", "lang=en", "ru", "en"),
        ("lang=ru", "lang=en", "en", "ru"),
        ("lang=xx", "lang=yy", "en", "en"),
    ],
)
def test_the_language_is_asked_for_remembered_or_preferred(query: str, cookie: str, accept: str, language: str) -> None:
    assert speech_of(request(query, cookie, accept)).language == language


def test_every_text_exists_in_both_languages_with_the_same_values() -> None:
    for key, (russian, english) in TEXTS.items():
        assert russian, key
        assert not re.search("[а-яА-Я]", english), key
        assert set(re.findall(r"{(\w)}", russian)) == set(re.findall(r"{(\w)}", english)), key


def test_every_text_that_templates_ask_for_exists_and_none_is_left_over() -> None:
    sources = [path.read_text("utf-8") for path in [*TEMPLATES.rglob("*.j2")]]
    sources += [
        path.read_text("utf-8") for path in (TEMPLATES.parent / "board").glob("*.py") if path.name != "texts.py"
    ]
    asked = {
        key for source in sources for key in re.findall(r"(?:\bw|speech|self|\btab|tally)\(\s*['\"](\w+)['\"]", source)
    }

    assert {key for key in asked if not key.endswith("_")} <= TEXTS.keys()
    everything = "\n".join(sources)
    prefixes = ("stage_", "provider_", "trunk_", "notice_", "problem_", "token_")
    assert [
        key for key in TEXTS if not key.startswith(prefixes) and not re.search(rf"['\"]{key}['\"]", everything)
    ] == []


def test_every_word_of_the_ledger_is_known() -> None:
    assert set(Decision) <= words.DECISIONS.keys()
    assert set(OrderState) <= words.STATES.keys()
    assert set(Disposition) <= words.DISPOSITIONS.keys()
    assert RU.word(words.DECISIONS, "brand_new") == "brand_new"


def test_numbers_have_each_languages_form() -> None:
    assert (RU.number(1234567.5, 1), EN.number(1234567.5, 1)) == ("1\u202f234\u202f567,5", "1,234,567.5")
    assert (RU.percent(0.875), EN.percent(0.875)) == ("87,5\u202f%", "87.5%")
    assert (RU.percent(None), EN.number(None)) == ("—", "—")
    assert RU.money(3200) == "3\u202f200\u202f₽"
    assert RU.money(0.5) == "0,50\u202f₽"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (61, "1 min 01 s"), (3600, "1 h 00 min"), (-3, "0 s")]
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert EN.duration(seconds).replace("\u202f", " ") == text


def test_phones_are_masked_and_erased_ones_say_so() -> None:
    assert EN.phone("+79161234567") == "+7 916 ***-**-67"
    assert EN.phone(tombstone(12)) == "erased"


def test_nouns_beside_numbers() -> None:
    russian, english = Speech("ru"), Speech("en")
    counted = [russian.count("orders", number) for number in (1, 2, 5, 11, 21, 112)]
    assert counted == ["1 заказ", "2 заказа", "5 заказов", "11 заказов", "21 заказ", "112 заказов"]
    assert [russian.noun("of_decisions", number) for number in (1, 2, 11, 21)] == [
        *("решения", "решений", "решений", "решения"),
    ]
    assert [english.count("orders", number) for number in (0, 1, 2)] == ["0 orders", "1 order", "2 orders"]
