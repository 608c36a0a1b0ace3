"""What ops and beat do with campaigns: create, fill, start, pause, stop, release due orders, clean up after crashes.

Each use case is one transaction; long ones are one per step, and every step is harmless to repeat. `now` is for
tests: without it PostgreSQL's clock is asked, so that machines whose clocks differ agree.
"""

from dialer.campaigns.arrivals import ImportCounts, import_orders
from dialer.campaigns.batches import ReceivedBatch, RowStatus, receive_batch
from dialer.campaigns.dispatch import Publish, release_batch
from dialer.campaigns.emergency import StoppedAll, stop_all
from dialer.campaigns.expiry import close_expired
from dialer.campaigns.lifecycle import (
    change_plan,
    create_campaign,
    find_campaign,
    finish_done,
    open_due,
    pause,
    resume,
    skip_remaining,
    start,
    stop,
)
from dialer.campaigns.plans import check_plan, check_script, coming_opening, last_opening, next_opening
from dialer.campaigns.redial import Redialed, redial
from dialer.campaigns.upkeep import SECOND_LOOK_S, Hangup, UpkeepCounts, upkeep
from dialer.ledger.redial import Selection

__all__ = [
    "SECOND_LOOK_S",
    "Hangup",
    "ImportCounts",
    "Publish",
    "ReceivedBatch",
    "Redialed",
    "RowStatus",
    "Selection",
    "StoppedAll",
    "UpkeepCounts",
    "change_plan",
    "check_plan",
    "check_script",
    "close_expired",
    "coming_opening",
    "create_campaign",
    "find_campaign",
    "finish_done",
    "import_orders",
    "last_opening",
    "next_opening",
    "open_due",
    "pause",
    "receive_batch",
    "redial",
    "release_batch",
    "resume",
    "skip_remaining",
    "start",
    "stop",
    "stop_all",
    "upkeep",
]
