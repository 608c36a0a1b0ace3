"""Fails when a source file outgrows 300 lines: it holds two things then."""

from __future__ import annotations

import sys
from pathlib import Path

LIMIT = 300
ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Print offenders; exit code 1 if there are any."""
    found = [
        (path.relative_to(ROOT), lines)
        for folder in ("dialer", "workers", "tasks")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (lines := len(path.read_text("utf-8").splitlines())) > LIMIT
    ]
    for path, lines in found:
        print(f"{path}: {lines} lines, at most {LIMIT}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
