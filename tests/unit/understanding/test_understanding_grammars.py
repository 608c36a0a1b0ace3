"""Numbers, dates, times, addresses, phrases and repairs, each by itself."""

from __future__ import annotations

from datetime import date

import pytest

from dialer.understanding import grammar
from dialer.understanding.addresses import find_address
from dialer.understanding.corrections import agrees, apply_correction, replace_number
from dialer.understanding.dates import DateGrammar, chosen
from dialer.understanding.numerals import numbers
from dialer.understanding.patterns import Phrases, expand_optional
from dialer.understanding.repair import Repairs, sound
from dialer.understanding.times import TimeGrammar

SUNDAY = date(2026, 11, 22)
WEDNESDAY = date(2026, 11, 25)


def day(text: str, today: date = SUNDAY) -> str | None:
    tokens = grammar.vocabulary().tokens(text)
    found = chosen(DateGrammar(tokens, numbers(tokens), today, bare_digits=True).find(), tokens)
    return found.isoformat() if found else None


def window(text: str) -> str | None:
    tokens = grammar.vocabulary().tokens(text)
    found = TimeGrammar(tokens, numbers(tokens), set()).find()
    return found[-1].window if found else None


def address(text: str) -> str | None:
    tokens = grammar.vocabulary().tokens(text)
    found = find_address(tokens, numbers(tokens))
    return found.text if found else None


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("сто двадцать пять", [125]),
        ("двести пятьдесят шесть", [256]),
        ("сорок два", [42]),
        ("десять пять", [10, 5]),
        ("двадцать двадцать", [20, 20]),
        ("пятьсот", [500]),
        ("двацать пять", [25]),
        ("15 и 3", [15, 3]),
    ],
)
def test_numbers(text: str, values: list[int]) -> None:
    assert [number.value for number in numbers(grammar.vocabulary().tokens(text))] == values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("завтра", "2026-11-23"),
        ("послезавтра", "2026-11-24"),
        ("после завтра", "2026-11-24"),
        ("в четверг", "2026-11-26"),
        ("в воскресенье", "2026-11-29"),
        ("двадцать пятого", "2026-11-25"),
        ("двадцать пятого ноября", "2026-11-25"),
        ("первого", "2026-12-01"),
        ("двадцать пятого двенадцатого", "2026-12-25"),
        ("в субботу или нет в воскресенье", "2026-11-29"),
        ("десятого января", "2027-01-10"),
        ("тридцать первого", "2026-12-31"),
        ("25.11", "2026-11-25"),
        ("31.02", None),
        ("через три дня", "2026-11-25"),
        ("дня через три", "2026-11-25"),
        ("через пару дней", "2026-11-24"),
        ("через две недели", "2026-12-06"),
        ("через неделю в среду", "2026-12-02"),
        ("через месяц", "2026-12-22"),
        ("на выходных", "2026-11-28"),
        ("не завтра а послезавтра", "2026-11-24"),
        ("завтра не могу давайте в четверг", "2026-11-26"),
        ("в пятницу меня не будет", None),
        ("не смогу в пятницу", None),
        ("в среду или в четверг", None),
        ("в среду ой нет в четверг", "2026-11-26"),
        ("после двадцать пятого", None),
        ("завтра не раньше шести", "2026-11-23"),
        ("пятый этаж", None),
        ("улица двадцать пятого октября", None),
    ],
)
def test_dates_said_on_a_sunday(text: str, expected: str | None) -> None:
    found = day(text)

    if text.startswith("улица"):
        assert found != "2026-11-25"
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("в среду", "2026-12-02"),
        ("в пятницу", "2026-11-27"),
        ("в следующую пятницу", "2026-12-04"),
        ("в эту пятницу", "2026-11-27"),
        ("на следующей неделе во вторник", "2026-12-01"),
        ("в субботу на следующей неделе", "2026-12-05"),
    ],
)
def test_weekdays_said_on_a_wednesday(text: str, expected: str) -> None:
    assert day(text, WEDNESDAY) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("с десяти до двух", "10:00-14:00"),
        ("с двух до пяти", "14:00-17:00"),
        ("с девяти до шести", "09:00-18:00"),
        ("с семи до девяти вечера", "19:00-21:00"),
        ("с 10:00 до 14:00", "10:00-14:00"),
        ("после шести", "после 18:00"),
        ("до двенадцати", "до 12:00"),
        ("не раньше семи", "после 19:00"),
        ("не позже пяти", "до 17:00"),
        ("в семь вечера", "19:00"),
        ("часов в восемь", "20:00"),
        ("в девять утра", "09:00"),
        ("полседьмого", "18:30"),
        ("в час дня", "13:00"),
        ("вечером", "вечером"),
        ("во второй половине дня", "после обеда"),
        ("у меня пять кошек", None),
    ],
)
def test_times(text: str, expected: str | None) -> None:
    assert window(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("дом пятнадцать корпус два квартира сорок два", "дом 15, корпус 2, квартира 42"),
        ("ну значит улица ленина дом пять", "улица ленина, дом 5"),
        ("подтверждаю но везите на работу улица кирова дом восемь", "улица кирова, дом 8"),
        ("улица мира три нет пять", "улица мира 5"),
        ("улица мира дом три ой дом пять квартира шесть", "улица мира, дом 5, квартира 6"),
        ("большая садовая улица дом три", "большая садовая улица, дом 3"),
        ("Ул. Ленина, д. 5, кв. 10.", "улица Ленина, дом 5, квартира 10"),
        ("москва улица тверская дом десять", "москва, улица тверская, дом 10"),
        ("невский проспект двадцать восемь", "невский проспект 28"),
        ("санкт-петербург невский проспект дом два", "санкт-петербург, невский проспект, дом 2"),
        ("улица двадцать пятого октября дом девять", "улица 25 октября, дом 9"),
        ("седьмой микрорайон дом пятнадцать", "7-й микрорайон, дом 15"),
        ("дом тридцать четыре дробь два", "дом 34/2"),
        ("дом восемь а квартира три", "дом 8а, квартира 3"),
        ("дом восемь литера б", "дом 8, литера б"),
        ("квартира сорок три а не сорок два", "квартира 43"),
        ("корпус не два а три", "корпус 3"),
        ("привезите на улицу мира дом шесть пожалуйста", "улица мира, дом 6"),
        ("улица та же только дом двадцать", "дом 20"),
        ("не знаю", None),
        ("я буду дома", None),
    ],
)
def test_addresses(text: str, expected: str | None) -> None:
    assert address(text) == expected


def test_a_correction_replaces_the_part_of_its_kind() -> None:
    pending = "г. Казань, ул. Баумана, д. 5, кв. 42"

    assert apply_correction(pending, "квартира 43") == "г. Казань, ул. Баумана, д. 5, квартира 43"
    assert apply_correction(pending, "проспект мира") == "г. Казань, проспект мира, д. 5, кв. 42"
    assert apply_correction(pending, "улица мира, дом 1") == "улица мира, дом 1"
    assert agrees(pending, "улица баумана, дом 5")
    assert not agrees(pending, "улица баумана, дом 6")


def test_a_number_is_replaced_only_when_it_is_unmistakable() -> None:
    assert replace_number("дом 5, квартира 42", 42, 43) == "дом 5, квартира 43"
    assert replace_number("дом 42, квартира 42", 42, 43) is None
    assert replace_number("дом 142", 42, 43) is None


def test_longer_phrases_win_and_gaps_hold_soft_words_only() -> None:
    phrases: Phrases[str] = Phrases()
    phrases.add("отменить", "cancel")
    phrases.add("не отменить", "keep")
    not_, please, cancel, cat = (
        frozenset({"не"}),
        frozenset({"@soft", "@light"}),
        frozenset({"отменить"}),
        frozenset({"кот"}),
    )

    assert [found.kind for found in phrases.find([not_, please, cancel])] == ["keep"]
    assert [found.kind for found in phrases.find([not_, cat, cancel])] == ["cancel"]
    assert expand_optional("а? б") == ["а б", "б"]


@pytest.mark.parametrize("between", [{"@soft"}, {"@soft", "@neg"}, {"@soft", "@light", "@turn"}])
def test_a_negation_reaches_across_light_words_only(between: set[str]) -> None:
    phrases: Phrases[str] = Phrases()
    phrases.add("не отменить", "keep")

    assert phrases.find([frozenset({"не"}), frozenset(between), frozenset({"отменить"})]) == []


def test_a_phrase_with_a_negation_ends_where_a_new_wish_begins() -> None:
    phrases: Phrases[str] = Phrases()
    phrases.add("не надо отменить", "keep")
    said = [frozenset({"не"}), frozenset({"надо"}), frozenset({"@soft", "@fresh"}), frozenset({"отменить"})]

    assert phrases.find(said) == []


def test_repairs_find_the_key_word_and_leave_doubt_alone() -> None:
    repairs = Repairs({"подтверждаю": "confirm", "отмените": "cancel", "отмечайте": "note", "отменяйте": "cancel"})

    assert repairs.find("пацтверждаю") == "подтверждаю"
    assert repairs.find("атмините") == "отмените"
    assert repairs.find("отмесяйте") is None
    assert repairs.find("кошка") is None
    assert sound("первого") == sound("первава")


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("неотменяйте", ["не", "отменяйте"]),
        ("всеверно", ["все", "верно"]),
        ("пере звоните", ["перезвоните"]),
        ("дааа", ["да"]),
        ("вернo", ["верно"]),
        ("двадцать шестова", ["двадцать", "шестого"]),
        ("отметила", ["отметила"]),
        ("да-да", ["да", "да"]),
    ],
)
def test_words_are_mended(heard: str, meant: list[str]) -> None:
    assert [token.form for token in grammar.vocabulary().tokens(heard)] == meant
