"""`deliver_outcomes`: tell the shop."""

from __future__ import annotations

from workers.app import app
from workers.loop_host import current_runtime, run_on_loop


@app.task(name="tasks.delivery.deliver_outcomes")  # type: ignore[untyped-decorator]
def deliver_outcomes() -> None:
    """PATCH due outcomes to the orders API."""
    run_on_loop(current_runtime().deliver_outcomes())
