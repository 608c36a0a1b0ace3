"""What simulated customers say: real phone Russian, several phrasings of each turn.

The first phrasing of a turn is the one that the shop's own example conversations use.
"""

from __future__ import annotations

from dialer.speech.numerals import cardinal

Phrasings = tuple[str, ...]
#: One entry for each of the customer's turns.
Turns = tuple[Phrasings, ...]

YES: Phrasings = ("Да", "Да, верно", "Да, всё верно", "Да, правильно")
CONFIRM: Phrasings = (
    "Да, подтверждаю",
    "Да, всё верно",
    "Подтверждаю",
    "Да, конечно",
    "Да, подтверждаю заказ",
    "Да, всё правильно",
)
#: What is said when the bot asks back.
CONFIRM_AGAIN: Phrasings = ("Да, подтверждаю", "Да, подтверждаю заказ", "Подтверждаю")

CONFIRMS: Turns = (CONFIRM, CONFIRM_AGAIN)
CANCELS: Turns = (
    ("Нет, отмените заказ", "Отмените заказ, пожалуйста", "Я хочу отменить заказ", "Нет, я передумал, отмените"),
    ("Да, отмените заказ", "Да, отмените"),
)
CHANGES_ADDRESS: Turns = (
    ("Нет, хочу изменить адрес", "Хочу изменить адрес", "Нет, нужно поменять адрес", "Измените адрес доставки"),
    ("{address}",),
    YES,
)
CHANGES_DATE: Turns = (
    ("Нет, хочу изменить дату", "Хочу перенести доставку", "Можно перенести на другой день", "Перенесите доставку"),
    ("Послезавтра", "Давайте послезавтра", "В субботу", "На завтра"),
    YES,
)
ASKS_AGAIN: Turns = (
    ("Повторите, пожалуйста", "Что? Повторите", "Не расслышал, повторите", "Ещё раз, пожалуйста"),
    CONFIRM,
    CONFIRM_AGAIN,
)
WRONG_PERSON: Turns = (
    ("Вы ошиблись номером", "Вы не туда попали", "Я ничего не заказывал", "Это не мой заказ, вы ошиблись"),
    ("Вы ошиблись номером",),
)
DO_NOT_CALL: Turns = (
    ("Больше мне не звоните", "Не звоните мне больше", "Уберите мой номер из базы"),
    ("Больше мне не звоните",),
)
CALL_LATER: Turns = (
    ("Перезвоните позже", "Мне сейчас неудобно, перезвоните через час", "Я занят, перезвоните позже"),
    ("Через час", "Через два часа", "Вечером"),
)
ASKS_OPERATOR: Turns = (
    ("Соедините с оператором", "Хочу поговорить с оператором", "Позовите оператора"),
    ("Оператора, пожалуйста",),
    ("Спасибо, до свидания",),
)
BACKCHANNEL: Turns = (("Угу", "Ага"), CONFIRM, CONFIRM_AGAIN)
VOICEMAIL: Turns = (
    (
        "Здравствуйте, вы позвонили на автоответчик, абонент сейчас не может ответить на ваш звонок, "
        "пожалуйста, оставьте сообщение после звукового сигнала",
        "Абонент временно недоступен, ваш звонок переведён на голосовую почту, "
        "говорите после сигнала, когда закончите, положите трубку или нажмите решётку",
    ),
)
#: Spoken backwards by those who mumble: it sounds like speech and means nothing.
MUMBLED: Phrasings = ("Ну я вот думаю об этом", "Как бы сказать даже не знаю", "Там вообще непонятно что такое")

_STREETS = (
    "улица Ленина",
    "улица Гагарина",
    "проспект Мира",
    "улица Пушкина",
    "улица Садовая",
    "улица Советская",
    "проспект Победы",
    "улица Чехова",
    "улица Лесная",
    "улица Кирова",
    "улица Школьная",
    "улица Молодёжная",
)


def _spoken_address(number: int) -> str:
    house, flat = (5, 42) if number == 0 else (number * 7 % 89 + 2, number * 31 % 140 + 3)
    return f"{_STREETS[number % len(_STREETS)]} дом {cardinal(house)} квартира {cardinal(flat)}"


#: Addresses that customers dictate; few enough for the phrase bank to stay small in any world.
ADDRESSES: Phrasings = tuple(_spoken_address(number) for number in range(24))
