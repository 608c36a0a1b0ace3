"""Russian words for what the ledger writes in English, and the colour class of each."""

from __future__ import annotations

from typing import Final

DECISIONS: Final = {
    "confirmed": ("Подтверждён", "good"),
    "address_changed": ("Подтверждён, новый адрес", "good2"),
    "date_changed": ("Подтверждён, новая дата", "good3"),
    "cancelled": ("Отменён", "bad"),
    "needs_operator": ("Нужен оператор", "warn"),
    "wrong_person": ("Ошиблись номером", "grey"),
    "do_not_call": ("Просит не звонить", "grey2"),
}
STATES: Final = {
    "decided": ("Решение получено", "good"),
    "unreachable": ("Не дозвонились", "bad"),
    "waiting": ("Ждут повторного звонка", "warn"),
    "talking": ("Разговор идёт", "live"),
    "dialing": ("Набираем", "live"),
    "queued": ("В очереди", "live2"),
    "new": ("Ещё не звонили", "grey"),
    "skipped": ("Пропущены", "grey2"),
}
DISPOSITIONS: Final = {
    "answered": ("Разговор состоялся", "good"),
    "hung_up": ("Сбросил без решения", "warn"),
    "voicemail": ("Автоответчик", "warn2"),
    "no_answer": ("Не ответил", "grey"),
    "busy": ("Занято", "blue"),
    "rejected": ("Отклонил вызов", "bad"),
    "invalid_number": ("Номер не существует", "bad2"),
    "trunk_failure": ("Сбой линии", "black"),
    "lost": ("Звонок потерян", "black"),
    "live": ("Идёт сейчас", "live"),
}
CAMPAIGN_STATES: Final = {
    "draft": "ещё не запущена",
    "running": "идёт",
    "paused": "на паузе",
    "stopped": "остановлена",
    "finished": "завершена",
}
DELIVERIES: Final = {"acknowledged": "приняты магазином", "pending": "ждут отправки", "dead": "не приняты"}
STAGES: Final = {
    "first_word": "первое слово после ответа",
    "reply": "ответ бота после слов клиента",
    "end_pause": "из него ожидание конца фразы",
    "stt_after_turn": "распознавание после паузы",
    "understanding": "понимание",
}


def plural(count: int, one: str, few: str, many: str) -> str:
    """The Russian form that goes with a number: 1 заказ, 2 заказа, 5 заказов."""
    if count % 10 == 1 and count % 100 != 11:
        return one
    return few if count % 10 in (2, 3, 4) and count % 100 not in (12, 13, 14) else many
