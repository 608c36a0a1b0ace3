"""Run measurements, each in a process of its own: all of them, or those that are named.

    python -m scripts.bench [--quick] [--write] [NAME...]

One of them with its own options: `python -m scripts.bench.NAME --help`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from scripts.bench import report

MEASUREMENTS = (
    *("live_calls", "live_load", "answer_burst", "provider_death", "comparison"),
    *("imports", "dispatch", "scale", "start_up"),
)


def main() -> int:
    """The exit code is 1 when a measurement failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(MEASUREMENTS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, fewer rounds")
    parser.add_argument("--write", action="store_true", help="take the newest complete figures over into docs, and end")
    given = parser.parse_args()
    if given.write:
        print("docs/performance:", ", ".join(report.write()))
        return 0
    if unknown := set(given.names) - set(MEASUREMENTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    failed = []
    for name in given.names or MEASUREMENTS:
        print(f"== {name}", flush=True)
        argv = [sys.executable, "-m", f"scripts.bench.{name}", *(["--quick"] if given.quick else [])]
        if subprocess.run(argv, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
