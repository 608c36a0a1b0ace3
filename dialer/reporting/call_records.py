"""Call detail records: one line for every call that has ended, for billing and for other programs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.domain.privacy import mask_phone

COLUMNS: Final = (
    *("attempt_id", "campaign", "order_id", "phone", "number", "node", "dialed_at", "answered_at", "ended_at"),
    *("ring_s", "talk_s", "disposition", "cause", "decision", "counted", "cost_rub", "recording", "transcript"),
)
PAGE_SIZE: Final = 1000
_CALLS: Final = text(
    """
    SELECT a.id, c.name AS campaign, o.order_id, o.phone, a.number, a.node,
        coalesce(a.claimed_at, a.published_at) AS dialed_at, a.answered_at, a.ended_at, a.talk_s, a.disposition,
        a.cause, a.decision, a.counted, a.artifacts ->> 'cost_rub' AS cost_rub,
        a.artifacts ->> 'recording' AS recording, a.artifacts ->> 'transcript' AS transcript
    FROM attempts a JOIN orders o ON o.id = a.order_pk JOIN campaigns c ON c.id = a.campaign_id
    WHERE c.name = :campaign AND a.ended_at IS NOT NULL AND a.disposition <> 'not_dialed'
        AND (CAST(:ended AS timestamptz) IS NULL OR (a.ended_at, a.id) > (:ended, :id))
    ORDER BY a.ended_at, a.id LIMIT :count
    """
)


@dataclass(frozen=True, slots=True)
class CallPage:
    """Rows of cells in the order of COLUMNS, and the place behind the last one."""

    rows: list[list[str]]
    after: tuple[datetime, str]


async def call_page(
    tx: AsyncConnection,
    campaign_name: str,
    zone: ZoneInfo,
    after: tuple[datetime, str] | None = None,
    *,
    unmask: bool = False,
    count: int = PAGE_SIZE,
) -> CallPage | None:
    """The next calls behind `after`, as they ended; None when there are no more. Times are local to `zone`."""
    ended, call_id = after or (None, "")
    values = {"campaign": campaign_name, "ended": ended, "id": call_id, "count": count}
    found = list((await tx.execute(_CALLS, values)).mappings())
    if not found:
        return None
    rows = []
    for row in found:
        until = row["answered_at"] or row["ended_at"]
        rows.append(
            [
                *(row["id"], row["campaign"], row["order_id"]),
                row["phone"] if unmask else mask_phone(row["phone"]),
                *(str(row["number"]), row["node"]),
                *(_local(row[name], zone) for name in ("dialed_at", "answered_at", "ended_at")),
                _number(max(0.0, (until - row["dialed_at"]).total_seconds())),
                _number(row["talk_s"]),
                *(row["disposition"], _plain(row["cause"]), _plain(row["decision"])),
                "1" if row["counted"] else "0",
                _plain(row["cost_rub"]).replace(".", ","),
                *(_plain(row["recording"]), _plain(row["transcript"])),
            ]
        )
    return CallPage(rows, (found[-1]["ended_at"], found[-1]["id"]))


async def call_pages(tx: AsyncConnection, campaign_name: str, zone: ZoneInfo) -> AsyncIterator[list[list[str]]]:
    """All calls that have ended, masked."""
    after = None
    while page := await call_page(tx, campaign_name, zone, after):
        yield page.rows
        after = page.after


def _local(moment: datetime | None, zone: ZoneInfo) -> str:
    return "" if moment is None else f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def _number(value: float) -> str:
    return f"{value:.1f}".replace(".", ",")


def _plain(value: object) -> str:
    return "" if value is None else str(value)
