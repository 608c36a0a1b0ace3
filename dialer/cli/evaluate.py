"""`dialer evaluate`: understanding measured against a labelled file."""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dialer.cli.understand import parse_line, understanding
from dialer.errors import InputError

if TYPE_CHECKING:
    from dialer.domain.intent import Action
    from dialer.understanding.evaluation import Evaluation, Labelled, Miss


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--offline", is_flag=True, help="Rules only, whatever the settings say.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(file: Path, offline: bool, as_json: bool) -> None:
    """Measure understanding against FILE: JSON lines {"expect", "text", "action", "today"?, "date"?}.

    Exits with 1 if a confirmation or a cancellation was read where none was said.
    """
    from dialer.understanding.evaluation import evaluate

    labelled = read_file(file)
    began = time.perf_counter()
    service = understanding(offline)
    load_s = time.perf_counter() - began

    async def run() -> Evaluation:
        try:
            return await evaluate(labelled, service)
        finally:
            await service.close()

    result = asyncio.run(run())
    if as_json:
        from dialer.cli._common import print_json

        print_json(_as_json(result, load_s))
    else:
        _print(result, load_s)
    sys.exit(1 if result.dangerous else 0)


def read_file(file: Path) -> list[Labelled]:
    """The labelled utterances of a JSON-lines file. Raises InputError naming line and field."""
    from dialer.understanding.evaluation import Labelled
    from dialer.understanding.ports import Question

    labelled = []
    for number, line in enumerate(_text(file).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            item = parse_line(line)
            action = _action(item.get("action"))
            day = _day(item.get("date"))
        except InputError as error:
            raise InputError(f"{file.name} line {number}: {error.field}", error.reason) from error
        question = Question(expect=item["expect"], today=item["today"])
        labelled.append(Labelled(item["text"], question, action, day))
    if not labelled:
        raise InputError(file.name, "holds no labelled utterance")
    return labelled


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(file.name, "is not UTF-8 text") from error


def _day(value: Any) -> str | None:
    """The labelled date, checked; None without one."""
    if value is None:
        return None
    try:
        return date.fromisoformat(value).isoformat()
    except (TypeError, ValueError) as error:
        raise InputError("date", "must be a date like 2026-11-22") from error


def _action(value: Any) -> Action:
    from dialer.domain.intent import Action

    try:
        return Action(value)
    except ValueError as error:
        raise InputError("action", f"must be one of {', '.join(Action)}") from error


def _as_json(result: Evaluation, load_s: float) -> dict[str, Any]:
    from dialer.domain.intent import Action

    return {
        "total": result.total,
        "accuracy": round(result.accuracy, 4),
        "dates": {"total": result.dates, "right": result.dates_right},
        "actions": {
            action.value: {"precision": _rounded(result.precision(action)), "recall": _rounded(result.recall(action))}
            for action in Action
        },
        "confusion": [
            {"labelled": want.value, "read": got.value, "count": count}
            for (want, got), count in sorted(result.confusion.items())
        ],
        "dangerous": [_miss(miss) for miss in result.dangerous],
        "misses": [_miss(miss) for miss in result.misses],
        "latency_ms": {"p50": round(result.percentile_ms(0.5), 3), "p99": round(result.percentile_ms(0.99), 3)},
        "load_s": round(load_s, 3),
    }


def _miss(miss: Miss) -> dict[str, Any]:
    labelled, reading = miss.labelled, miss.reading
    return {
        "expect": labelled.question.expect.value,
        "text": labelled.text,
        "labelled": labelled.action.value,
        "read": reading.action.value,
        "date": labelled.date,
        "date_read": reading.entities.get("date"),
    }


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def _print(result: Evaluation, load_s: float) -> None:
    from rich.console import Console

    console = Console()
    console.print(_figures(result))
    console.print(_matrix(result))
    for title, misses in (("Dangerous errors", result.dangerous), ("Other misses", _harmless(result))):
        if misses:
            console.print(f"\n{title}: {len(misses)}")
        for miss in misses:
            row = _miss(miss)
            dates = f" ({row['date']} / {row['date_read']})" if row["date"] else ""
            line = f"  {row['expect']}: {row['text']}: {row['labelled']}, read {row['read']}{dates}"
            console.print(line, markup=False, highlight=False)
    share = f"{result.dates_right} of {result.dates}"
    console.print(f"\naccuracy {result.accuracy:.1%} of {result.total}, dates right {share}", highlight=False)
    p50, p99 = result.percentile_ms(0.5), result.percentile_ms(0.99)
    console.print(f"latency p50 {p50:.3f} ms, p99 {p99:.3f} ms; load {load_s:.2f} s", highlight=False)
    console.print(f"dangerous errors: {len(result.dangerous)}", highlight=False)


def _harmless(result: Evaluation) -> list[Miss]:
    return [miss for miss in result.misses if miss not in result.dangerous]


def _figures(result: Evaluation) -> Any:
    from dialer.cli._common import wide_table
    from dialer.domain.intent import Action

    table = wide_table("action", "labelled", "precision", "recall")
    for action in Action:
        labelled = sum(count for (want, _), count in result.confusion.items() if want is action)
        table.add_row(action.value, str(labelled), _percent(result.precision(action)), _percent(result.recall(action)))
    return table


def _matrix(result: Evaluation) -> Any:
    """Rows: labelled; columns: read."""
    from dialer.cli._common import wide_table
    from dialer.domain.intent import Action

    short = {action: _SHORT.get(action.value, action.value) for action in Action}
    table = wide_table("labelled \\ read", *short.values())
    for want in Action:
        counts = [result.confusion[want, got] for got in Action]
        table.add_row(want.value, *(str(count) if count else "." for count in counts))
    return table


_SHORT = {
    "confirm": "conf",
    "cancel": "canc",
    "change_address": "addr",
    "change_date": "date",
    "repeat_info": "rep",
    "operator": "oper",
    "call_later": "later",
    "wrong_person": "wrong",
    "do_not_call": "dnc",
    "unknown": "unk",
}


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
