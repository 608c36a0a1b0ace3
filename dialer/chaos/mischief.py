"""Celery with a malicious broker: every message is delivered at least twice, late, and in any order.

    python -m dialer.chaos.mischief -A workers.app worker ...

Changes kombu in this process only; everything else is Celery's own command line.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from typing import Any

from kombu.transport import redis as _redis

transport: Any = _redis

#: How much later a message's second copy comes, at most.
LATEST_COPY_S = 6.0


def deliver_twice(rng: random.Random) -> None:
    """Let the Redis transport put each message in twice, at either end of its queue, the copy some seconds later."""

    def put(channel: Any, queue: str, message: Any, **_options: Any) -> None:
        key = channel._q_for_pri(queue, channel._get_message_priority(message, reverse=False))
        text = transport.dumps(message)
        with channel.conn_or_acquire() as client:
            _push(client, key, text, rng)
        late = threading.Thread(target=_put_late, args=(channel, key, text, rng), daemon=True)
        late.start()

    transport.Channel._put = put


def _push(client: Any, key: str, text: str, rng: random.Random) -> None:
    (client.lpush if rng.random() < 0.5 else client.rpush)(key, text)


def _put_late(channel: Any, key: str, text: str, rng: random.Random) -> None:
    time.sleep(rng.uniform(0.0, LATEST_COPY_S))
    try:
        with channel.conn_or_acquire() as client:
            _push(client, key, text, rng)
    except transport.get_redis_ConnectionError():
        return


def main() -> None:
    """Celery's own command line, on the changed transport."""
    deliver_twice(random.Random())
    from celery.bin.celery import main as celery

    sys.exit(celery())


if __name__ == "__main__":
    main()
