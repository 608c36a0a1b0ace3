"""What must hold for whole classes of sentences, made by rule from the labelled utterances."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from functools import cache
from itertools import product
from pathlib import Path

import pytest

from dialer.domain.intent import Action, Expect
from dialer.understanding import rules
from dialer.understanding.ports import Question

LABELLED = Path(__file__).parents[2] / "data" / "understanding.jsonl"
DECISIONS = (Action.CONFIRM, Action.CANCEL)
#: Every nth labelled utterance is tried, so that each test stays under a second.
STEP = 23

#: Frames that leave nothing of a decision, whatever it is.
FRAMES = """
    если {} то потом
    а если {}
    {} если дадите скидку
    муж сказал {}
    жена говорит {}
    мне сказали что {}
    кто сказал {}
    я не говорил что {}
    не знаю {}
    {} или нет
    думаю {} или нет
    наверное {}
    может быть {}
    вроде {}
    вряд ли {}
    разве {}
    неужели {}
    допустим {}
    не уверен что {}
    подождите {}
    {} но я подумаю
    {} но не уверен
    {} хотя не знаю
    {} хотя нет
    {} кроме чайника
    {} без чайника при условии скидки
"""
#: Words that change nothing.
FILLERS = ("ну {}", "эээ {}", "вот {}", "девушка {}", "слушайте {}", "короче {}", "{} вот", "{} девушка")
STRANGE = (
    "телевизор такси запись приём встречу билет рейс подписку рассылку страховку кредит карту скидку пиццу гостиницу "
    "экскурсию урок интернет тариф услугу вызов врача мастера ремонт списание платёж уведомления бронь звонки"
)
VERBS = (
    "отмените",
    "отменяйте пожалуйста",
    "хочу отменить",
    "отказываюсь от",
    "не надо",
    "не нужен",
    "не хочу",
    "не буду брать",
    "удалите",
    "снимите",
    "подтверждаю",
    "подтвердите",
    "везите",
    "жду",
    "беру",
    "нужен",
    "да",
)

#: What customers tell beside a decision.
STORIES = """
    {} я вчера с дежурства вернулась устала
    я вчера весь вечер с внуками гуляла {}
    {} я уже на пенсии живу с внуками
    я сейчас на огороде копаюсь {}
"""
#: Stories in which another thing is cancelled or confirmed.
OTHER_THINGS = """
    {} выбрал отмените
    отмените {} я заболел
    я заболел отмените {}
    я заболел {} отмените
    отмените пожалуйста {} муж приболел
    мне поставили {} отмените
    {} я случайно добавил отмените
    жена приболела отменяю {}
    подтверждаю {} я пришёл
    я дома сижу {} подтверждаю
"""
CHOSEN = "фильм песню будильник парковку консультацию ужин поездку сделку ставку решение игру гравировку упаковку диван"
TELLERS = "сосед,начальник,в кино герой,голос в трубке,по радио диктор,муж из ванной"
TELLING = "сказал крикнул пробурчал прошептал рявкнул пропел заявил орёт бубнит повторяет"


def action(text: str, expect: Expect = Expect.CONFIRM_ORDER) -> Action:
    reading = rules.read(text, Question(expect=expect, today=date(2026, 11, 22)))
    return reading.action if reading else Action.UNKNOWN


@cache
def labelled() -> list[tuple[str, Expect, Action]]:
    rows = [json.loads(line) for line in LABELLED.read_text(encoding="utf-8").splitlines()]
    return [(row["text"], Expect(row["expect"]), Action(row["action"])) for row in rows]


@cache
def decisions() -> list[str]:
    asked = [row for row in labelled() if row[1] is Expect.CONFIRM_ORDER and row[2] in DECISIONS]
    return [text for text, _, wanted in asked[::STEP] if action(text) is wanted]


def frames() -> list[str]:
    return [line.strip() for line in FRAMES.strip().splitlines()]


@pytest.mark.parametrize("frame", frames())
def test_doubt_condition_and_report_leave_no_decision(frame: str) -> None:
    said = [(frame.format(text), action(frame.format(text))) for text in decisions()]

    assert len(said) > 60
    assert [one for one in said if one[1] in DECISIONS] == []


@pytest.mark.parametrize("filler", FILLERS)
def test_fillers_never_make_a_decision_nor_unmake_one(filler: str) -> None:
    changed = []
    for text, expect, _ in labelled()[::STEP]:
        before, after = action(text, expect), action(filler.format(text), expect)
        if before is not after and (before in DECISIONS or after in DECISIONS):
            changed.append((text, before, after))

    assert changed == []


@pytest.mark.parametrize(
    "rewrite",
    [str.upper, str.capitalize, lambda text: f"{text}.", lambda text: text.replace("ё", "е")],
    ids=["capitals", "capital", "full stop", "no ё"],
)
def test_spelling_that_a_recogniser_chooses_changes_nothing(rewrite: Callable[[str], str]) -> None:
    rows = labelled()[::STEP]

    assert [row for row in rows if action(row[0], row[1]) is not action(rewrite(row[0]), row[1])] == []


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_no_order_is_neither_confirmed_nor_cancelled(verb: str) -> None:
    said = [f"{verb} {noun}" for noun in STRANGE.split()] + [f"{noun} {verb}" for noun in STRANGE.split()]

    assert [text for text in said if action(text) in DECISIONS] == []


@pytest.mark.parametrize("decision", ["отмените", "отменяйте", "подтверждаю", "отменяю заказ", "всё верно подтверждаю"])
def test_a_story_beside_a_decision_leaves_it_one(decision: str) -> None:
    wanted = Action.CONFIRM if "подтверждаю" in decision else Action.CANCEL

    said = [frame.format(decision) for frame in STORIES.strip().splitlines()]

    assert [text for text in map(str.strip, said) if action(text) is not wanted] == []


@pytest.mark.parametrize("decision", ["отмените", "отменяйте", "подтверждаю", "всё верно подтверждаю"])
def test_what_others_say_of_a_decision_is_none(decision: str) -> None:
    said = [f"{who} {verb} {decision}" for who in TELLERS.split(",") for verb in TELLING.split()]
    said += [f"{decision} {verb} {who}" for who in TELLERS.split(",") for verb in TELLING.split()]

    assert [text for text in said if action(text) in DECISIONS] == []


@pytest.mark.parametrize("frame", [line.strip() for line in OTHER_THINGS.strip().splitlines()])
def test_a_story_of_another_thing_decides_no_order(frame: str) -> None:
    said = [frame.format(noun) for noun in (*STRANGE.split(), *CHOSEN.split())]

    assert [text for text in said if action(text) in DECISIONS] == []


@pytest.mark.parametrize("verb", ["подтверждаю", "подтвердите", "подтверждаем", "подтвердить"])
def test_a_negated_confirmation_is_none(verb: str) -> None:
    around = product(("", "да ", "ну ", "я ", "нет ", "хорошо "), ("не {}", "не надо {}", "ничего не {}", "пока не {}"))
    said = [before + negated.format(verb) + after for before, negated in around for after in ("", " заказ", " я")]

    assert [text for text in said if action(text) is Action.CONFIRM] == []


@pytest.mark.parametrize(
    ("verb", "negations"),
    [
        ("отменяйте", ("не {}", "ничего не {}", "никогда не {}")),
        ("отказываюсь", ("не {}", "вовсе не {}", "и не {}")),
        (
            "отменять",
            ("не надо {}", "не хочу {}", "не буду {}", "{} не надо", "ничего не надо {}", "не надо ничего {}"),
        ),
        ("отказаться", ("не хочу {}", "не собираюсь {}", "не думаю {}", "{} не хочу")),
    ],
)
def test_a_negated_cancellation_is_none(verb: str, negations: tuple[str, ...]) -> None:
    around = product(
        ("", "да ", "ну ", "я ", "нет ", "хорошо ", "да я "), negations, ("", " пожалуйста", " заказ", " уже")
    )
    said = [before + negated.format(verb) + after for before, negated, after in around]

    assert [text for text in said if action(text) is Action.CANCEL] == []
