"""The dispatcher's ticks: open campaigns, release due orders, resolve lost attempts."""

from __future__ import annotations

from collections.abc import Sequence

from dialer.ledger.claims import Released
from tasks.calls import place_call
from workers.app import app, calls_queue
from workers.loop_host import current_runtime, run_on_loop

#: A place_call message older than this is dropped by the worker; upkeep publishes the attempt again. Far above what
#: the clocks of two machines may differ by (see `workers.schedule`).
PLACE_CALL_EXPIRES_S = 900


def publish(released: Sequence[Released]) -> None:
    """Publish attempts for the call workers of their nodes. Called only after the ledger's commit."""
    with app.producer_or_acquire() as producer:
        for attempt in released:
            place_call.apply_async(
                (attempt.attempt_id,), queue=calls_queue(attempt.node), expires=PLACE_CALL_EXPIRES_S, producer=producer
            )


@app.task(name="tasks.campaigns.release_batch")  # type: ignore[untyped-decorator]
def release_batch() -> None:
    """Release due orders up to the free lines."""
    run_on_loop(current_runtime().release_batch(publish))


@app.task(name="tasks.campaigns.open_campaigns")  # type: ignore[untyped-decorator]
def open_campaigns() -> None:
    """Open campaigns whose cron time has come."""
    run_on_loop(current_runtime().open_campaigns())


@app.task(name="tasks.campaigns.upkeep")  # type: ignore[untyped-decorator]
def upkeep() -> None:
    """Resolve attempts whose lease ran out; publish again those that nobody took."""
    run_on_loop(current_runtime().upkeep(publish))
