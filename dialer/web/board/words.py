"""What the ledger writes, in the reader's language, with its colour: (Russian, English, tone)."""

from __future__ import annotations

from typing import Final

from dialer.reporting.names import Words

DECISIONS: Final[Words] = {
    "confirmed": ("Подтверждён", "Confirmed", "good"),
    "address_changed": ("Новый адрес", "New address", "good2"),
    "date_changed": ("Новая дата", "New date", "good3"),
    "cancelled": ("Отменён", "Cancelled", "bad"),
    "needs_operator": ("Нужен оператор", "Needs an operator", "warn"),
    "wrong_person": ("Ошиблись номером", "Wrong person", "grey"),
    "do_not_call": ("Просит не звонить", "Do not call", "grey2"),
}
STATES: Final[Words] = {
    "decided": ("Решение получено", "Decided", "good"),
    "unreachable": ("Не дозвонились", "Unreachable", "bad"),
    "waiting": ("Ждёт повтора", "Waiting", "warn"),
    "talking": ("Разговор", "Talking", "live"),
    "dialing": ("Набираем", "Dialing", "live2"),
    "queued": ("В очереди", "Queued", "blue"),
    "new": ("Ещё не звонили", "Not called yet", "grey"),
    "skipped": ("Пропущен", "Skipped", "grey2"),
}
DISPOSITIONS: Final[Words] = {
    "answered": ("Разговор состоялся", "Answered", "good"),
    "hung_up": ("Сброшен без решения", "Hung up", "warn"),
    "voicemail": ("Автоответчик", "Voicemail", "warn2"),
    "no_answer": ("Не ответил", "No answer", "grey"),
    "busy": ("Занято", "Busy", "blue"),
    "rejected": ("Отклонён", "Rejected", "bad"),
    "invalid_number": ("Номер не существует", "Invalid number", "bad2"),
    "trunk_failure": ("Сбой линии", "Trunk failure", "black"),
    "lost": ("Потерян", "Lost", "black"),
    "not_dialed": ("Не набирали", "Not dialed", "grey2"),
    "live": ("Идёт сейчас", "Under way", "live"),
}
CAMPAIGNS: Final[Words] = {
    "draft": ("не запущена", "draft", "grey"),
    "running": ("идёт", "running", "live"),
    "paused": ("на паузе", "paused", "warn"),
    "stopped": ("остановлена", "stopped", "bad"),
    "finished": ("завершена", "finished", "good"),
}
ACTIONS: Final[Words] = {
    "confirm": ("подтверждает", "confirms", "good"),
    "cancel": ("отменяет", "cancels", "bad"),
    "change_address": ("меняет адрес", "changes the address", "good2"),
    "change_date": ("меняет дату", "changes the date", "good3"),
    "repeat_info": ("просит повторить", "asks again", "blue"),
    "operator": ("просит оператора", "wants an operator", "warn"),
    "call_later": ("просит перезвонить", "asks to call later", "warn2"),
    "wrong_person": ("не тот человек", "wrong person", "grey"),
    "do_not_call": ("просит не звонить", "do not call", "grey2"),
    "unknown": ("не понято", "not understood", "warn"),
}
#: Names of the fields that a customer may change.
FIELDS: Final[Words] = {
    "address": ("Новый адрес", "New address", "good2"),
    "delivery_date": ("Новая дата", "New date", "good3"),
    "delivery_window": ("Новое время", "New time", "good3"),
    "reason": ("Причина", "Reason", "warn"),
    "disposition": ("Последний звонок", "Last call", "grey"),
    "comment": ("Комментарий", "Comment", "grey"),
}
