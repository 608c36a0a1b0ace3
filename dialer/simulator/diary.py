"""What the simulated customers write down of their calls: the far side's account of who was rung and what was agreed.

One JSON object a line: `{"event": "up", "at"}` when the customers' process starts (calls before it are over),
`{"event": "ring", "at", "call", "number", "attempt", "persona"}` and
`{"event": "end", "at", "call", "number", "persona", "answered", "said": [...], "heard_after_s"}`.
`at` is seconds since the epoch, `heard_after_s` how much the bot said after the customer's last line.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class Diary:
    """Appends to a file, line by line, so that a killed process loses nothing that it has written."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self.write("up")

    def write(self, event: str, **facts: Any) -> None:
        """One line."""
        self._file.write(json.dumps({"event": event, "at": time.time(), **facts}, ensure_ascii=False) + "\n")


@dataclass(slots=True)
class DiaryCall:
    """One call as its customer remembers it; `ended_at` is None while it goes on."""

    call: str
    number: str
    persona: str
    began_at: float
    ended_at: float | None = None
    answered: bool = False
    said: list[str] = field(default_factory=list)
    heard_after_s: float = 0.0


def read_diary(path: Path) -> list[DiaryCall]:
    """The calls in the order of their first ring. A call that was open when the customers died ended then."""
    calls: dict[str, DiaryCall] = {}
    for entry in _entries(path):
        match entry["event"]:
            case "up":
                for call in calls.values():
                    call.ended_at = call.ended_at or entry["at"]
            case "ring":
                calls[entry["call"]] = DiaryCall(entry["call"], entry["number"], entry["persona"], entry["at"])
            case "end":
                call = calls[entry["call"]]
                call.ended_at, call.answered = entry["at"], entry["answered"]
                call.said, call.heard_after_s = entry["said"], entry["heard_after_s"]
    return list(calls.values())


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield json.loads(line)
