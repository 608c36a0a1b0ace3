"""`pick_up`: import what lies in the watched folder."""

from __future__ import annotations

from workers.app import app
from workers.loop_host import current_runtime, run_on_loop


@app.task(name="tasks.pickup.pick_up")  # type: ignore[untyped-decorator]
def pick_up() -> None:
    """Look into the watched folder; a folder that another worker is busy with is left to it."""
    run_on_loop(current_runtime().pick_up())
