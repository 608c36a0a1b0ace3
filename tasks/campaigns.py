"""The dispatcher's ticks: open campaigns, release due orders, resolve lost attempts."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from dialer.campaigns import Publish
from dialer.ledger.claims import Released
from tasks.calls import place_call
from workers.app import app, calls_queue
from workers.loop_host import current_runtime, run_on_loop

#: A place_call message older than this is dropped by the worker; upkeep publishes the attempt again. Far above what
#: the clocks of two machines may differ by (see `workers.schedule`).
PLACE_CALL_EXPIRES_S = 900
#: Messages that go to Redis in one pipeline (RabbitMQ takes them one by one). If it fails, nobody knows which of them
#: have arrived: upkeep publishes those again that nobody claims.
PUBLISH_TOGETHER = 500


def publish(released: Sequence[Released]) -> None:
    """Publish attempts for the call workers of their nodes. Called only after the ledger's commit."""
    with app.producer_or_acquire() as producer, producer.batch(PUBLISH_TOGETHER):
        for attempt in released:
            place_call.apply_async(
                (attempt.attempt_id,), queue=calls_queue(attempt.node), expires=PLACE_CALL_EXPIRES_S, producer=producer
            )


def _publishing(work: Callable[[Publish], Coroutine[Any, Any, Any]]) -> None:
    """Run a use case on the loop and publish from this thread: a slow broker must not hold up what else runs there."""
    released: list[Released] = []
    try:
        run_on_loop(work(released.extend))
    finally:
        if released:
            publish(released)


@app.task(name="tasks.campaigns.release_batch")  # type: ignore[untyped-decorator]
def release_batch() -> None:
    """Release due orders up to the free lines."""
    _publishing(current_runtime().release_batch)


@app.task(name="tasks.campaigns.open_campaigns")  # type: ignore[untyped-decorator]
def open_campaigns() -> None:
    """Open campaigns whose cron time has come."""
    run_on_loop(current_runtime().open_campaigns())


@app.task(name="tasks.campaigns.upkeep")  # type: ignore[untyped-decorator]
def upkeep() -> None:
    """Resolve attempts whose lease ran out; publish again those that nobody took."""
    _publishing(current_runtime().upkeep)
