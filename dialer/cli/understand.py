"""`dialer understand`: what customers' utterances mean, line by line."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO
from zoneinfo import ZoneInfo

import click

from dialer.errors import InputError

if TYPE_CHECKING:
    from datetime import date

    from dialer.domain.intent import Reading
    from dialer.understanding.service import RulesThenModel

#: Without `today` in a line, the shop's own day counts.
_TIMEZONE = "Europe/Moscow"


@click.command()
@click.option("--offline", is_flag=True, help="Rules only, whatever the settings say.")
def command(offline: bool) -> None:
    """Read JSON lines {"expect", "text", "today"?} and print JSON lines {"action", "entities", "source", "confidence"}.

    expect: confirm_order, verify_address, ask_address, ask_date, verify_date, verify_cancel or ask_time. Each line is
    answered at once; a line that is wrong is answered with {"error", "line", "field"}, the rest goes on, and the exit
    code is 1.
    """
    sys.exit(asyncio.run(_answer_all(sys.stdin, understanding(offline))))


def understanding(offline: bool) -> RulesThenModel:
    """Rules and, unless `offline`, the configured language model. Raises ConfigError."""
    from dialer.settings import settings
    from dialer.telemetry import configure_logging
    from dialer.understanding.service import RulesThenModel

    if offline:
        return RulesThenModel()
    config = settings()
    configure_logging(config, interactive=True)
    return RulesThenModel.from_settings(config)


async def _answer_all(lines: TextIO, service: RulesThenModel) -> int:
    """Answer every line; returns the exit code."""
    code = number = 0
    try:
        while line := await asyncio.to_thread(lines.readline):
            number += 1
            if not line.strip("\ufeff \t\r\n"):
                continue
            try:
                answer = await _answer(line, service)
            except InputError as error:
                code = 1
                answer = {"error": f"line {number}: {error}", "line": number, "field": error.field}
            click.echo(json.dumps(answer, ensure_ascii=False))
            sys.stdout.flush()
    finally:
        await service.close()
    return code


async def _answer(line: str, service: RulesThenModel) -> dict[str, Any]:
    """The answer to one line. Raises InputError."""
    from dialer.understanding.ports import Question

    item = parse_line(line)
    question = Question(expect=item["expect"], today=item["today"])
    return as_json(await service.understand(item["text"], question))


def as_json(reading: Reading) -> dict[str, Any]:
    """A reading in the form of the output lines."""
    return {
        "action": reading.action.value,
        "entities": reading.entities,
        "source": reading.source.value,
        "confidence": reading.confidence,
    }


def parse_line(line: str) -> dict[str, Any]:
    """One input line with `expect` and `today` converted; other fields stay. Raises InputError."""
    from dialer.domain.intent import Expect

    try:
        item = json.loads(line.lstrip("\ufeff"))
    except ValueError as error:
        raise InputError("json", f"cannot be read ({error})") from error
    if not isinstance(item, dict):
        raise InputError("json", "must be an object")
    if not isinstance(item.get("text"), str):
        raise InputError("text", "must be a string")
    known = [expect.value for expect in Expect]
    if item.get("expect") not in known:
        raise InputError("expect", f"must be one of {_listed(known)}")
    return {**item, "expect": Expect(item["expect"]), "today": _today(item.get("today"))}


def _today(value: Any) -> date:
    from datetime import date

    if value is None:
        return datetime.now(ZoneInfo(_TIMEZONE)).date()
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise InputError("today", "must be a date like 2026-11-22") from error


def _listed(values: Iterable[str]) -> str:
    return ", ".join(values)
