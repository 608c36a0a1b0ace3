"""`place_call`: dial one attempt."""

from __future__ import annotations

from workers.app import app
from workers.loop_host import current_runtime, run_on_loop


@app.task(name="tasks.calls.place_call")  # type: ignore[untyped-decorator]
def place_call(attempt_id: str) -> None:
    """Dial the attempt and hold its conversation; a message delivered twice loses the claim and does nothing."""
    run_on_loop(current_runtime().run_attempt(attempt_id))
