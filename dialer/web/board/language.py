"""Everything that differs between readers: language, number forms, local times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from starlette.requests import Request

from dialer.domain.privacy import is_erased, mask_phone
from dialer.reporting.names import Words
from dialer.reporting.words import plural
from dialer.web.board.texts import LANGUAGES, NOUNS, TEXTS

COOKIE: Final = "lang"
_NARROW: Final = "\u202f"


@dataclass(frozen=True, slots=True)
class Speech:
    """One reader's words and forms. Given to every template as `w`."""

    language: str

    def __call__(self, key: str, **values: object) -> str:
        """The text of that key, with its values filled in."""
        text = TEXTS[key][LANGUAGES.index(self.language)]
        return text.format(**values) if values else text

    def count(self, noun: str, number: int) -> str:
        """`1 заказ`, `2 заказа`, `5 заказов`: a number with its noun."""
        return f"{self.number(number)} {self.noun(noun, number)}"

    def noun(self, noun: str, number: int) -> str:
        """The noun's form beside that number."""
        russian, english = NOUNS[noun]
        return plural(number, *russian) if self.language == "ru" else english[number != 1]

    def word(self, words: Words, name: str | None) -> str:
        """A word of the ledger's; a new one that nobody translated stays as it is."""
        known = words.get(name or "")
        return (name or "—") if known is None else known[LANGUAGES.index(self.language)]

    def tone(self, words: Words, name: str | None) -> str:
        """Its colour."""
        known = words.get(name or "")
        return "grey" if known is None else known[2]

    def number(self, value: float | Decimal | None, digits: int = 0) -> str:
        """`1 234,5` or `1,234.5`."""
        if value is None:
            return "—"
        text = f"{value:,.{digits}f}"
        return text if self.language == "en" else text.replace(",", _NARROW).replace(".", ",")

    def percent(self, share: float | None, digits: int = 1) -> str:
        """`87,5 %` or `87.5%`."""
        if share is None:
            return "—"
        text = self.number(100 * share, digits)
        return f"{text}%" if self.language == "en" else f"{text}{_NARROW}%"

    def money(self, roubles: float | Decimal | None) -> str:
        """Kopecks only where there are some."""
        if roubles is None:
            return "—"
        return f"{self.number(roubles, 0 if roubles == int(roubles) else 2)}{_NARROW}₽"

    def duration(self, seconds: float | None) -> str:
        """`34 s`, `2 min 05 s`, `3 h 20 min`."""
        if seconds is None:
            return "—"
        whole = max(0, round(seconds))
        small, middle, large = self("unit_s"), self("unit_min"), self("unit_h")
        if whole < 60:
            return f"{whole}{_NARROW}{small}"
        if whole < 3600:
            return f"{whole // 60}{_NARROW}{middle} {whole % 60:02d}{_NARROW}{small}"
        return f"{whole // 3600}{_NARROW}{large} {whole % 3600 // 60:02d}{_NARROW}{middle}"

    def offset(self, seconds: float) -> str:
        """A place in a recording: `0:05`."""
        whole = max(0, int(seconds))
        return f"{whole // 60}:{whole % 60:02d}"

    def clock(self, moment: datetime | None, zone: ZoneInfo, *, seconds: bool = False) -> str:
        """The time of day there."""
        return "—" if moment is None else f"{moment.astimezone(zone):%H:%M:%S}"[: 8 if seconds else 5]

    def moment(self, moment: datetime | None, zone: ZoneInfo) -> str:
        """Day and time there."""
        if moment is None:
            return "—"
        form = "%d.%m, %H:%M" if self.language == "ru" else "%d %b, %H:%M"
        return moment.astimezone(zone).strftime(form)

    def day(self, value: date | None) -> str:
        """A date."""
        if value is None:
            return "—"
        return value.strftime("%d.%m.%Y" if self.language == "ru" else "%d %b %Y")

    def phone(self, phone: str) -> str:
        """Masked; an erased one says so."""
        return self("erased") if is_erased(phone) else mask_phone(phone)

    @property
    def other(self) -> str:
        """The language to switch to."""
        return next(language for language in LANGUAGES if language != self.language)


def speech_of(request: Request) -> Speech:
    """By `?lang=`, else the cookie, else what the browser prefers; Russian when it prefers neither."""
    asked: Any = request.query_params.get("lang") or request.cookies.get(COOKIE)
    if asked in LANGUAGES:
        return Speech(str(asked))
    accepted = request.headers.get("accept-language", "").lower()
    places = {language: accepted.find(language) for language in LANGUAGES if language in accepted}
    return Speech(min(places, key=lambda language: places[language], default="ru"))
