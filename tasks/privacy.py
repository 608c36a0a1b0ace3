"""`purge`: remove recordings and transcripts whose time has run out."""

from __future__ import annotations

from workers.app import app
from workers.loop_host import current_runtime, run_on_loop


@app.task(name="tasks.privacy.purge")  # type: ignore[untyped-decorator]
def purge() -> None:
    """Keep personal data no longer than the settings say."""
    run_on_loop(current_runtime().purge())
