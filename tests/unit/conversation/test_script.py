"""The shipped scripts, word for word, and what a wrong script is told."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dialer.conversation.moves import Step
from dialer.conversation.script import FIXED_PROMPTS, PROMPTS, load_script
from dialer.errors import ConfigError
from dialer.settings import config_dir
from tests.support.factories import make_order

SCRIPTS = config_dir() / "scripts"
ORDER: dict[str, Any] = {
    "order_id": "45678",
    "delivery_date": date(2026, 11, 25),
    "address": "Москва, улица Ленина, дом 5",
}


def said(script: str, prompt: str, order: dict[str, Any] | None = None, **values: str) -> str:
    return (
        load_script(SCRIPTS, script)
        .for_order(make_order(**(ORDER | (order or {}))), "Твой выбор")
        .text(prompt, **values)
    )


def test_the_first_conversation_word_for_word() -> None:
    assert said("delivery", "greeting") == (
        "Здравствуйте! Это интернет-магазин «Твой выбор». Вы оформили заказ номер 45678 на сумму 3 200 рублей. "
        "Хотите подтвердить доставку на 25 ноября по адресу Москва, улица Ленина, дом 5?"
    )
    assert said("delivery", "confirmed") == "Отлично! Заказ подтверждён. Ожидайте звонка курьера. Хорошего дня!"
    assert said("delivery", "ask_address") == "Назовите новый адрес доставки"
    assert said("delivery", "verify_address", new_address="улица Мира, дом 7") == (
        "Проверяю... Новый адрес: улица Мира, дом 7. Верно?"
    )
    assert said("delivery", "address_changed") == "Адрес обновлён. Заказ подтверждён. До свидания!"


def test_the_second_greeting_word_for_word() -> None:
    assert said("personal", "greeting", {"customer_name": "Анна"}) == (
        "Здравствуйте, Анна! Вас беспокоит магазин «Твой выбор». Вы оформили заказ номер 45678 на сумму 3 200 рублей. "
        "Доставка запланирована на 25 ноября с 10 до 14 часов. Подтверждаете заказ?"
    )


def test_a_missing_name_is_a_dear_customer() -> None:
    assert said("personal", "greeting", {"customer_name": None}).startswith("Здравствуйте, уважаемый клиент!")


def test_without_a_date_there_is_no_delivery_sentence() -> None:
    greeting = said("personal", "greeting", {"delivery_date": None, "delivery_window": None})

    assert "Доставка" not in greeting
    assert greeting.endswith("на сумму 3 200 рублей. Подтверждаете заказ?")


@pytest.mark.parametrize(
    ("missing", "question"),
    [
        ({"address": None}, "Хотите подтвердить доставку на 25 ноября?"),
        ({"delivery_date": None}, "Хотите подтвердить доставку по адресу Москва, улица Ленина, дом 5?"),
        ({"address": None, "delivery_date": None}, "Хотите подтвердить заказ?"),
    ],
)
def test_the_question_names_what_is_known(missing: dict[str, Any], question: str) -> None:
    assert said("delivery", "greeting", missing).endswith(question)


@pytest.mark.parametrize("name", ["delivery", "personal", "chaos"])
def test_every_shipped_script_says_every_prompt_for_the_barest_order(name: str) -> None:
    bare = {"customer_name": None, "delivery_date": None, "delivery_window": None, "address": None}
    values = {"new_address": "а", "new_date": "2026-11-25", "new_window": "10:00-14:00", "delay_s": "3600"}

    texts = {prompt: said(name, prompt, bare, **values) for prompt in PROMPTS}

    assert all(texts.values())
    assert not [prompt for prompt, text in texts.items() if "None" in text or "{" in text]


def test_fixed_prompts_need_no_order() -> None:
    assert {said("delivery", prompt) for prompt in FIXED_PROMPTS} == {
        said("delivery", prompt, {"order_id": "1", "address": None, "delivery_date": None}) for prompt in FIXED_PROMPTS
    }


def test_a_step_has_its_own_timings_and_the_defaults_for_the_rest() -> None:
    script = load_script(SCRIPTS, "delivery")

    assert script.timings[Step.ASK_ADDRESS].end_pause_ms == 900
    assert script.timings[Step.CONFIRM_ORDER].end_pause_ms == 300
    assert script.timings[Step.ASK_ADDRESS].interruptible


@pytest.mark.parametrize(
    ("yaml", "reason"),
    [
        ("extends: base\nprompts: {bye: пока}", "unknown prompts"),
        ("prompts: {greeting: привет}", "missing prompts"),
        ("extends: base\nprompts: {greeting: '{{ order_id'}", "prompt greeting"),
        ("extends: base\nprompts: {greeting: {file: ../secret}}", "prompt greeting"),
        ("extends: base\nsteps: {ask_address: {pause: 1}}\nprompts: {greeting: привет}", "pause"),
        ("extends: mine", "circular"),
    ],
)
def test_a_wrong_script_is_explained(tmp_path: Path, yaml: str, reason: str) -> None:
    (tmp_path / "base.yaml").write_text((SCRIPTS / "base.yaml").read_text("utf-8"), "utf-8")
    (tmp_path / "mine.yaml").write_text(yaml, "utf-8")

    with pytest.raises(ConfigError, match=reason):
        load_script(tmp_path, "mine")


def test_a_script_cannot_reach_into_python() -> None:
    script = load_script(SCRIPTS, "delivery").for_order(make_order(**ORDER), "{{ 1 + 1 }}")

    assert "{{ 1 + 1 }}" in script.text("greeting")  # values are data, never templates
