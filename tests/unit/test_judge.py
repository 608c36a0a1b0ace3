"""The judge of fault campaigns finds what it is there to find."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from dialer.chaos.books import PbxBook, book_of_asterisk, book_of_simulator
from dialer.chaos.judge import Verdict, judge
from dialer.domain.order import Order
from dialer.embedded.asterisk import FarSideCall
from dialer.simulator.pbx.records import CallLog, CallRecord

PHONE = "79161234567"
ORDER = Order("1", f"+{PHONE}", Decimal(1))


def _call(
    call: str, at: float, *, said: bool = True, heard_s: float = 3.0, persona: str = "confirms"
) -> list[dict[str, Any]]:
    who = {"call": call, "number": PHONE, "persona": persona}
    end = {"answered": True, "said": ["Да"] if said else [], "heard_after_s": heard_s}
    return [{"event": "ring", "at": at, "attempt": 1, **who}, {"event": "end", "at": at + 10, **who, **end}]


def _effect(status: str, order_id: str = "1") -> dict[str, Any]:
    return {"kind": "effect", "method": "PATCH", "order_id": order_id, "status": status, "http_status": 200}


def _judge(
    tmp_path: Path, diary: Iterable[list[dict[str, Any]]], shop: list[dict[str, Any]], *, over: bool = False
) -> Verdict:
    lines = [json.dumps(entry) for call in diary for entry in call]
    (tmp_path / "diary").write_text("".join(f"{line}\n" for line in lines))
    (tmp_path / "shop").write_text("".join(f"{json.dumps(entry)}\n" for entry in shop))
    return judge(
        [ORDER], attempts_allowed=4, diary=tmp_path / "diary", shop_log=tmp_path / "shop", pbx=PbxBook(), over=over
    )


def test_a_quiet_campaign_is_clean(tmp_path: Path) -> None:
    verdict = _judge(tmp_path, [_call("a", 0)], [_effect("confirmed")])
    assert verdict.clean
    assert (verdict.decisions_made, verdict.misheard) == (1, 0)


def test_an_acknowledged_decision_that_never_came_is_lost(tmp_path: Path) -> None:
    assert _judge(tmp_path, [_call("a", 0)], []).lost
    assert _judge(tmp_path, [_call("a", 0)], [_effect("unreachable")]).lost


def test_a_decision_that_was_not_acknowledged_is_not_lost(tmp_path: Path) -> None:
    assert _judge(tmp_path, [_call("a", 0, heard_s=0.5)], [_effect("unreachable")]).clean


def test_two_effects_for_one_order_are_a_doubled_decision(tmp_path: Path) -> None:
    assert _judge(tmp_path, [_call("a", 0)], [_effect("confirmed"), _effect("cancelled")]).doubled


def test_a_call_after_the_decision_is_a_doubled_dial(tmp_path: Path) -> None:
    verdict = _judge(tmp_path, [_call("a", 0), _call("b", 60)], [_effect("confirmed")])
    assert verdict.doubled_dials == ["order 1: called again after its decision"]


def test_two_calls_at_a_time_are_a_doubled_dial(tmp_path: Path) -> None:
    calls = [_call("a", 0, said=False), _call("b", 5, said=False)]
    assert _judge(tmp_path, calls, []).doubled_dials == ["order 1: two calls at a time"]


def test_more_calls_than_attempts_are_doubled_dials(tmp_path: Path) -> None:
    calls = [_call(str(place), place * 60.0, said=False) for place in range(5)]
    assert _judge(tmp_path, calls, []).doubled_dials == ["order 1: rung 5 times, 4 allowed"]


def test_a_channel_that_is_dialed_twice_is_a_doubled_dial(tmp_path: Path) -> None:
    # Given
    log = CallLog(tmp_path / "records")
    for minute in range(2):
        log.dialed(CallRecord("channel", PHONE, datetime(2026, 1, 1, 12, minute, tzinfo=UTC)))
    log.close()
    (tmp_path / "shop").write_text("")
    # When
    verdict = judge(
        [ORDER],
        attempts_allowed=4,
        diary=tmp_path / "none",
        shop_log=tmp_path / "shop",
        pbx=book_of_simulator(tmp_path / "records"),
        over=False,
    )
    # Then
    assert verdict.doubled_dials == ["channel channel: dialed 2 times"]


def test_an_order_that_the_shop_never_heard_of_is_lost_when_the_campaign_is_over(tmp_path: Path) -> None:
    unanswered = [_call("a", 0, said=False)]
    assert _judge(tmp_path, unanswered, [], over=True).lost == ["order 1: the shop never heard of it"]
    assert _judge(tmp_path, unanswered, [_effect("unreachable")], over=True).clean


def test_calls_that_only_the_pbx_knows_of_are_counted(tmp_path: Path) -> None:
    # Given the CDRs of an Asterisk whose customers were away, with one call that its trunk refused
    calls = [FarSideCall(PHONE, "ANSWERED", 3)] * 5 + [FarSideCall(PHONE, "CONGESTION", 0)]
    (tmp_path / "shop").write_text(json.dumps(_effect("confirmed")))
    # When
    verdict = judge(
        [ORDER],
        attempts_allowed=4,
        diary=tmp_path / "none",
        shop_log=tmp_path / "shop",
        pbx=book_of_asterisk(calls),
    )
    # Then
    assert verdict.calls_seen == 6
    assert verdict.doubled_dials == ["order 1: rung 6 times, 5 allowed"]
