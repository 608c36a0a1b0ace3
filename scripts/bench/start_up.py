"""Start-up: the command line's help, and a call worker from its command to ready.

python -m scripts.bench.start_up [--quick] [--rounds 5]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scripts.bench.report import Figure, finish
from scripts.bench.services import Services


def help_s(rounds: int) -> float:
    """Median seconds of `dialer --help`."""
    program = str(Path(sys.executable).with_name("dialer"))
    taken = []
    for _ in range(rounds):
        began = time.monotonic()
        subprocess.run([program, "--help"], stdout=subprocess.DEVNULL, check=True)
        taken.append(time.monotonic() - began)
    return statistics.median(taken)


def worker_s(rounds: int) -> tuple[float, float]:
    """Median seconds until a call worker is ready, and CPU seconds that it took."""
    taken, cpu = [], []
    with tempfile.TemporaryDirectory(prefix="dialer-bench-") as folder, Services(Path(folder)) as services:
        for number in range(rounds):
            name = f"calls{number}"
            began = time.monotonic()
            services.start_worker(name, "calls", 64)
            services.processes.wait_for_line(name, "ready.")
            taken.append(time.monotonic() - began)
            cpu.append(services.cpu_s([name])[name])
            services.processes.stop(name)
    return statistics.median(taken), statistics.median(cpu)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round")
    given = parser.parse_args()
    rounds = 1 if given.quick else given.rounds
    ready, cpu = worker_s(rounds)
    load = f"load {os.getloadavg()[0]:.1f}"
    finish(
        "start_up",
        [
            Figure("help", help_s(rounds), "s", f"`dialer --help`, median of {rounds}, {load}", "< 0.3"),
            Figure("worker_ready", ready, "s", f"call worker ready, median of {rounds}, {load}", "< 3"),
            Figure("worker_ready_cpu", cpu, "s", "CPU that it took"),
        ],
        quick=given.quick,
    )


if __name__ == "__main__":
    main()
