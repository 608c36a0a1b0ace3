"""Answering machines: what tells them from people."""

from __future__ import annotations

import re

#: A person who picks up says a word or two and waits; a machine talks on. Seconds of unbroken speech.
MACHINE_SPEECH_S = 7.0
#: With a typical phrase, this much speech is enough: a short "I cannot talk" of a person is not a machine.
PHRASE_SPEECH_S = 1.5

_PHRASES = re.compile(
    r"остав\w+ (?:ваше |своё |свое )?(?:голосовое )?сообщение"
    r"|после (?:звукового )?(?:сигнала|гудка)"
    r"|автоответчик"
    r"|голосов\w+ (?:почт|ассистент|помощник)"
    r"|абонент (?:временно |сейчас )?(?:недоступен|не отвечает|не может|занят|находится)"
    r"|аппарат (?:абонента )?(?:выключен|отключен)"
    r"|вне зоны (?:действия|доступа)"
    r"|нажмите (?:решетку|решётку|звездочку|звёздочку)",
    re.IGNORECASE,
)


def is_machine(text: str, speech_s: float) -> bool:
    """Whether the first words after answer come from a machine: a typical phrase, or speech without end."""
    return speech_s >= MACHINE_SPEECH_S or (speech_s >= PHRASE_SPEECH_S and _PHRASES.search(text) is not None)
