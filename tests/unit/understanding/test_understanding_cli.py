"""The commands `understand` and `evaluate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dialer.cli import evaluate, understand
from dialer.errors import InputError


def lines_of(*items: object) -> str:
    return "".join(f"{item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)}\n" for item in items)


def test_understand_answers_line_by_line_and_survives_bad_lines() -> None:
    given = lines_of(
        {"expect": "confirm_order", "text": "да подтверждаю"},
        "{broken",
        {"expect": "ask_moon", "text": "да"},
        {"expect": "ask_date"},
        {"expect": "ask_date", "text": "завтра", "today": "вчера"},
        "",
        {"expect": "ask_date", "text": "в пятницу", "today": "2026-11-22"},
    )

    result = CliRunner().invoke(understand.command, ["--offline"], input=given)

    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 1
    assert answers[0] == {"action": "confirm", "entities": {}, "source": "rules", "confidence": 0.95}
    assert [answer.get("field") for answer in answers[1:5]] == ["json", "expect", "text", "today"]
    assert [answer["line"] for answer in answers[1:5]] == [2, 3, 4, 5]
    assert all(answer["error"].startswith(f"line {answer['line']}: ") for answer in answers[1:5])
    assert answers[5]["entities"] == {"date": "2026-11-27"}


def test_what_rules_cannot_settle_is_unknown_without_a_source() -> None:
    given = lines_of({"expect": "confirm_order", "text": "кот на столе"})

    result = CliRunner().invoke(understand.command, ["--offline"], input=given)

    assert json.loads(result.stdout) == {"action": "unknown", "entities": {}, "source": "none", "confidence": 0.0}


def labelled(path: Path, *items: object) -> str:
    path.write_text(lines_of(*items), encoding="utf-8")
    return str(path)


def test_evaluate_reports_and_fails_on_a_dangerous_error(tmp_path: Path) -> None:
    file = labelled(
        tmp_path / "labelled.jsonl",
        {"expect": "confirm_order", "text": "да подтверждаю", "action": "confirm"},
        {"expect": "confirm_order", "text": "отмените заказ", "action": "unknown"},
        {"expect": "ask_date", "text": "завтра", "action": "change_date", "today": "2026-11-22", "date": "2026-11-23"},
    )

    result = CliRunner().invoke(evaluate.command, [file, "--offline", "--json"])

    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert report["accuracy"] == pytest.approx(0.6667)
    assert report["dates"] == {"total": 1, "right": 1}
    assert report["actions"]["cancel"] == {"precision": 0.0, "recall": None}
    assert [(one["text"], one["read"]) for one in report["dangerous"]] == [("отмените заказ", "cancel")]


def test_evaluate_prints_for_people_and_succeeds_without_dangerous_errors(tmp_path: Path) -> None:
    file = labelled(
        tmp_path / "labelled.jsonl",
        {"expect": "confirm_order", "text": "да", "action": "confirm"},
        {"expect": "confirm_order", "text": "кот на столе", "action": "operator"},
    )

    result = CliRunner().invoke(evaluate.command, [file, "--offline"])

    assert result.exit_code == 0
    assert "accuracy 50.0% of 2" in result.stdout
    assert "кот на столе: operator, read unknown" in result.stdout
    assert "dangerous errors: 0" in result.stdout


def test_evaluate_names_the_line_and_the_field_that_are_wrong(tmp_path: Path) -> None:
    file = labelled(
        tmp_path / "labelled.jsonl",
        {"expect": "confirm_order", "text": "да", "action": "confirm"},
        {"expect": "confirm_order", "text": "да", "action": "dance"},
    )

    result = CliRunner().invoke(evaluate.command, [file, "--offline"])

    assert isinstance(result.exception, InputError)
    assert "line 2: action" in str(result.exception)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no labelled utterance"),
        (b"\xff\n", "is not UTF-8 text"),
        ('{"expect": "ask_date", "text": "завтра", "action": "change_date", "date": "zzz"}\n'.encode(), "line 1: date"),
    ],
)
def test_evaluate_refuses_a_file_that_it_cannot_measure(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "labelled.jsonl"
    file.write_bytes(content)

    result = CliRunner().invoke(evaluate.command, [str(file), "--offline"])

    assert isinstance(result.exception, InputError)
    assert said in str(result.exception)


def test_a_byte_order_mark_is_no_error() -> None:
    given = "\ufeff" + lines_of({"expect": "confirm_order", "text": "да"})

    result = CliRunner().invoke(understand.command, ["--offline"], input=given)

    assert result.exit_code == 0
    assert json.loads(result.stdout)["action"] == "confirm"
