"""What a worker makes of a broker that hands it nonsense."""

from __future__ import annotations

from typing import Any

#: What kombu raises on the way from the queue to a task when a message is none.
_NONSENSE = (ValueError, TypeError, AttributeError)


def outlive_nonsense() -> None:
    """Let a message that is none cost a new connection, as a refusal by Redis does, and not the worker's life.

    Kombu reads messages on the worker's own loop, where an error that is not on these lists ends the process, and with
    it (after their time to drain) its calls. With `broker_channel_error_retry` those on the list do not.
    """
    from kombu.transport import redis

    transport: Any = redis.Transport
    transport.channel_errors = tuple(dict.fromkeys((*transport.channel_errors, *_NONSENSE)))
