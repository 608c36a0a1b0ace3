"""Bare Celery with the product's own settings: tasks that do nothing, for comparison.

    python -m scripts.bench.noop publish SECONDS
    python -m celery -A scripts.bench.noop worker -P threads -Q noop ...

The worker counts what it has done in the file NOOP_DONE, one line (monotonic seconds, tasks) every half second.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from uuid import uuid4

from celery.signals import worker_ready

from dialer.settings import settings
from tasks.campaigns import PLACE_CALL_EXPIRES_S, PUBLISH_TOGETHER
from workers.app import make_app
from workers.loop_host import LoopHost

QUEUE = "noop"
#: As many as the campaign in the comparison has lines.
MOST_WAITING = 2000

app = make_app(settings())
app.conf.include = []
app.conf.task_queues = {QUEUE: {}}
app.steps["worker"].discard(LoopHost)
done = 0


@app.task(name="noop")
def noop(attempt_id: str) -> None:
    """Nothing, counted (threads may lose a count or two)."""
    global done  # noqa: PLW0603 - one counter per process
    done += 1


@worker_ready.connect
def _count(**_kwargs: object) -> None:
    threading.Thread(target=_note_down, daemon=True).start()


def _note_down() -> None:
    with Path(os.environ["NOOP_DONE"]).open("a", buffering=1) as file:
        while True:
            file.write(f"{time.monotonic()} {done}\n")
            time.sleep(0.5)


def publish(seconds: float) -> None:
    """As `tasks.campaigns.publish` does it, with never more than `MOST_WAITING` messages in the queue."""
    until = time.monotonic() + seconds
    with app.connection_for_write() as connection:
        channel = connection.channel()
        while time.monotonic() < until:
            if channel.client.llen(QUEUE) > MOST_WAITING - PUBLISH_TOGETHER:
                time.sleep(0.02)
                continue
            with app.producer_or_acquire() as producer, producer.batch(PUBLISH_TOGETHER):
                for _ in range(PUBLISH_TOGETHER):
                    noop.apply_async((str(uuid4()),), queue=QUEUE, expires=PLACE_CALL_EXPIRES_S, producer=producer)


if __name__ == "__main__":
    publish(float(sys.argv[2]))
