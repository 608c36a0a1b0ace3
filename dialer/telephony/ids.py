"""What the channels and bridges of an attempt are called in Asterisk.

The customer's channel is the attempt's id itself.
"""

from __future__ import annotations

#: Ends the ids of our bridges, so that those of dead workers can be told from other people's.
BRIDGE_SUFFIX = "-dialer"


def bridge_id(attempt_id: str) -> str:
    """The bridge in which customer and bot (or operator) meet."""
    return attempt_id + BRIDGE_SUFFIX


def media_id(attempt_id: str) -> str:
    """The bot's channel: the media WebSocket's end in Asterisk."""
    return f"{attempt_id}-media"


def operator_id(attempt_id: str) -> str:
    """The operator's channel after a transfer."""
    return f"{attempt_id}-operator"
