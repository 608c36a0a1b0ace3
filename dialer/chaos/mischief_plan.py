"""How the processes of a malicious campaign are started: on a broker that repeats itself, with clocks that differ."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import structlog

from dialer.chaos.plan import ChaosPlan
from dialer.demo.stack import CELERY

log = structlog.get_logger(__name__)

_SOURCE = Path(__file__).with_name("skewed_clock.c")
#: Whose wall clock is how wrong, in seconds.
SKEWS_S = {"calls1": 60, "calls2": -60, "batch": 30, "batch2": -30, "beat": -60, "beat2": 60}


def celery_command(plan: ChaosPlan) -> tuple[str, ...]:
    """Arguments of `python` that start Celery."""
    return ("-m", "dialer.chaos.mischief", "-A", "workers.app") if plan.mischief else CELERY


def clocks(plan: ChaosPlan) -> Mapping[str, Mapping[str, str]]:
    """Environment of each process; empty (and a warning) where no C compiler can build the shim."""
    if not plan.mischief:
        return {}
    shim = build_clock_shim(plan.out)
    if shim is None:
        log.warning("clocks_not_skewed", reason="no C compiler")
        return {}
    return {name: {"LD_PRELOAD": str(shim), "SKEW_S": str(skew)} for name, skew in SKEWS_S.items()}


def build_clock_shim(folder: Path) -> Path | None:
    """Compile the library that shifts a process's wall clock (LD_PRELOAD, SKEW_S); None without a compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    shim = folder / "skewed_clock.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(shim), str(_SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our own command line
    return shim if done.returncode == 0 else None
