"""What the ledger writes, in the reader's language, with its colour: (Russian, English, tone)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Words = Mapping[str, tuple[str, str, str]]

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
SOURCES: Final[Words] = {
    "rules": ("правила", "rules", "good"),
    "llm": ("языковая модель", "language model", "blue"),
    "dtmf": ("кнопки", "keypad", "live2"),
    "none": ("не понято", "nobody", "warn"),
}
REASONS: Final[Words] = {
    "changed_mind": ("Передумал", "Changed their mind", "bad"),
    "too_expensive": ("Дорого", "Too expensive", "bad2"),
    "bought_elsewhere": ("Купил в другом месте", "Bought elsewhere", "warn"),
    "not_ordered": ("Не заказывал", "Did not order", "grey"),
    "too_long": ("Долго ждать", "Takes too long", "warn2"),
    "duplicate": ("Заказ повторный", "Ordered twice", "blue"),
    "no_reason": ("Без объяснений", "No reason given", "grey2"),
    "other": ("Другое", "Other", "live2"),
    "operator_unavailable": ("Просил оператора, линия занята", "Wanted one, none was free", "blue"),
    "too_many_turns": ("Разговор ходил по кругу", "Too many turns", "warn2"),
    "call_cap": ("Разговор слишком долгий", "Talk too long", "grey"),
    "voice_failed": ("Отказал голос бота", "The voice failed", "black"),
    "asked": ("Сам попросил", "Asked for one", "good2"),
    "unknown": ("Бот не понял", "Not understood", "warn"),
    "silence": ("Клиент молчал", "Silence", "grey"),
    "address_not_verified": ("Адрес не подтверждён", "Address not verified", "bad"),
    "date_not_verified": ("Дата не подтверждена", "Date not verified", "bad2"),
}
WEEKDAYS: Final = {
    "ru": ("Пн", "Вт", "Ср", "Чт", "Пт", "Сб", "Вс"),
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}
#: Names of the fields that a customer may change.
FIELDS: Final[Words] = {
    "address": ("Новый адрес", "New address", "good2"),
    "delivery_date": ("Новая дата", "New date", "good3"),
    "delivery_window": ("Новое время", "New time", "good3"),
    "reason": ("Причина", "Reason", "warn"),
    "comment": ("Комментарий", "Comment", "grey"),
}
#: Russia's time zones by the cities that name them; others keep their own names.
CITIES: Final = {
    "Europe/Kaliningrad": "Калининград",
    "Europe/Moscow": "Москва",
    "Europe/Simferopol": "Симферополь",
    "Europe/Kirov": "Киров",
    "Europe/Volgograd": "Волгоград",
    "Europe/Astrakhan": "Астрахань",
    "Europe/Saratov": "Саратов",
    "Europe/Ulyanovsk": "Ульяновск",
    "Europe/Samara": "Самара",
    "Asia/Yekaterinburg": "Екатеринбург",
    "Asia/Omsk": "Омск",
    "Asia/Novosibirsk": "Новосибирск",
    "Asia/Barnaul": "Барнаул",
    "Asia/Tomsk": "Томск",
    "Asia/Novokuznetsk": "Новокузнецк",
    "Asia/Krasnoyarsk": "Красноярск",
    "Asia/Irkutsk": "Иркутск",
    "Asia/Chita": "Чита",
    "Asia/Yakutsk": "Якутск",
    "Asia/Vladivostok": "Владивосток",
    "Asia/Sakhalin": "Сахалин",
    "Asia/Magadan": "Магадан",
    "Asia/Srednekolymsk": "Среднеколымск",
    "Asia/Kamchatka": "Камчатка",
    "Asia/Anadyr": "Анадырь",
}
