"""What beat ticks. Every tick is idempotent in the ledger, so two beats at once are harmless."""

from __future__ import annotations

from typing import Any

#: Seconds between the slower ticks.
OPEN_EVERY_S = 10.0
UPKEEP_EVERY_S = 5.0
PICKUP_EVERY_S = 10.0
PURGE_EVERY_S = 3600.0
#: Celery writes the sender's clock into a message and compares it with the receiver's: the bound must be far above
#: what two machines' clocks may differ by, or every tick is dropped. What piles up meanwhile costs a few ms each.
TICK_EXPIRES_S = 900.0


def beat_schedule(tick_s: float) -> dict[str, dict[str, Any]]:
    """Beat's schedule. A tick that has waited for very long is dropped: a later one does its work."""

    def entry(task: str, every_s: float) -> dict[str, Any]:
        return {"task": task, "schedule": every_s, "options": {"expires": TICK_EXPIRES_S, "queue": "batch"}}

    return {
        "release_batch": entry("tasks.campaigns.release_batch", tick_s),
        "open_campaigns": entry("tasks.campaigns.open_campaigns", min(OPEN_EVERY_S, tick_s * 10)),
        "upkeep": entry("tasks.campaigns.upkeep", min(UPKEEP_EVERY_S, tick_s * 5)),
        "pick_up": entry("tasks.pickup.pick_up", min(PICKUP_EVERY_S, tick_s * 10)),
        "purge": entry("tasks.privacy.purge", PURGE_EVERY_S),
        "deliver_outcomes": entry("tasks.delivery.deliver_outcomes", tick_s),
    }
