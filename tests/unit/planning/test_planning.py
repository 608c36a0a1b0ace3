"""The planner: what it must get right whatever the customers do."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import time

import pytest
from click.testing import CliRunner

from dialer.cli import cli
from dialer.domain.policy import CallingWindow
from dialer.errors import InputError
from dialer.planning import CallModel, Draws, Need, make_plan, simulate

HOUR = 3600.0
#: Everybody answers at once, talks for exactly nothing and decides: a call holds its line for the setup only.
CERTAIN = CallModel(answer_rate=1, decision_rate=1, talk_s=0, answer_delay_s=0, setup_s=60)
#: Nobody ever answers.
DEAF = CallModel(answer_rate=0, busy_rate=0, ring_timeout_s=30, setup_s=0)
DAY = CallingWindow(time(10), time(21))


def test_lines_work_side_by_side_and_one_after_the_other() -> None:
    need = Need(120, DAY, CERTAIN)

    ends = [simulate(need, lines, Draws.of(need)).end_s for lines in (1, 2, 120)]

    assert ends == [10 * HOUR + 120 * 60, 10 * HOUR + 60 * 60, 10 * HOUR + 60]


def test_who_never_answers_is_called_four_times_down_the_ladder() -> None:
    need = Need(5, DAY, DEAF)

    run = simulate(need, 5, Draws.of(need))

    assert (run.attempts, run.decided, run.unreachable) == (20, 0, 5)
    assert run.end_s == 10 * HOUR + 1800 + 7200 + 14400 + 4 * 30


def test_a_retry_after_closing_waits_for_the_next_open_weekday() -> None:
    need = Need(1, CallingWindow(time(18), time(19), weekdays=(1, 5)), DEAF, retry_countdowns_s=(3600.0,))

    run = simulate(need, 1, Draws.of(need))

    assert run.end_s == 4 * 86_400 + 18 * HOUR + 30


def test_a_rate_limit_spreads_the_calls() -> None:
    need = Need(100, DAY, CERTAIN, calls_per_second=0.5)

    run = simulate(need, 100, Draws.of(need))

    assert run.first_round_s == pytest.approx(10 * HOUR + 198, abs=1)


def test_a_window_of_the_whole_day_never_closes() -> None:
    need = Need(3000, CallingWindow(time(0), time(0)), CERTAIN)

    assert simulate(need, 1, Draws.of(need)).end_s == 3000 * 60


def test_the_hours_add_up_to_the_calls() -> None:
    need = Need(500, DAY)

    run = simulate(need, 4, Draws.of(need))

    assert sum(hour.calls for hour in run.hours) == run.attempts
    assert all(hour.lines <= 4 + 1e-9 for hour in run.hours)


def test_the_lines_needed_are_enough_and_one_less_is_not() -> None:
    need = Need(2000, DAY)

    plan = make_plan(need)
    fewer = make_plan(need, plan.run.lines - 1)

    assert plan.needed
    assert plan.run.days == 1
    assert fewer.run.days > 1


def test_more_days_need_fewer_lines() -> None:
    need = Need(2000, DAY)

    assert make_plan(need, days=3).run.lines < make_plan(need).run.lines / 2


def test_an_evening_too_short_for_the_ladder_says_so() -> None:
    need = Need(200, CallingWindow(time(18), time(21)))

    assert make_plan(need).fewest_days == make_plan(need).run.days == 2
    with pytest.raises(InputError, match="into day 2"):
        make_plan(need, days=1)


def test_the_same_seed_gives_the_same_plan_and_another_one_hardly_differs() -> None:
    need = Need(2000, DAY)

    first, again, other = make_plan(need), make_plan(need), make_plan(replace(need, seed=2))

    assert first == again
    assert other.run.lines == pytest.approx(first.run.lines, rel=0.15)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"orders": 0}, "orders"),
        ({"model": CallModel(answer_rate=1.5)}, "answer_rate"),
        ({"model": CallModel(talk_s=-1)}, "talk_time"),
        ({"model": CallModel(talk_s=float("nan"))}, "talk_time"),
        ({"window": CallingWindow(time(21), time(10))}, "window"),
        ({"calls_per_second": -1}, "calls_per_second"),
    ],
)
def test_values_that_make_no_sense_are_named(values: dict[str, object], field: str) -> None:
    need = replace(Need(10, DAY), **values)  # type: ignore[arg-type]

    with pytest.raises(InputError) as caught:
        make_plan(need)

    assert caught.value.field == field


def test_the_command_answers_both_questions() -> None:
    words = ["plan", "--orders", "500", "--window", "10:00-21:00", "--answer-rate", "0.6", "--talk-time", "35"]

    needed = CliRunner().invoke(cli, words)
    given = CliRunner().invoke(cli, [*words, "--lines", "3", "--json"])

    facts = json.loads(given.stdout)
    assert "lines are needed" in needed.stdout
    assert "day 1, 10:00" in needed.stdout
    assert (facts["lines"], facts["lines_needed"], facts["orders"]) == (3, False, 500)
    assert facts["ends"].startswith("day 1, ")
    assert sum(hour["calls"] for hour in facts["hours"]) == facts["attempts"]


@pytest.mark.parametrize("window", ["10-", "noon", "25:00-26:00"])
def test_an_unreadable_window_is_a_usage_error(window: str) -> None:
    assert CliRunner().invoke(cli, ["plan", "--orders", "5", "--window", window]).exit_code == 2
