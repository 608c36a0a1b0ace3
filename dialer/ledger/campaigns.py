"""Campaigns in the ledger. A plan is kept as JSON, so that a new setting needs no migration."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from difflib import get_close_matches
from typing import Any

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.domain.campaign import CampaignPlan, CampaignState
from dialer.domain.policy import CallingWindow
from dialer.errors import NotFoundError
from dialer.ledger.tables import campaigns

#: Newest campaigns among which a mistyped name is looked for.
_NAMES_COMPARED = 200


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A campaign as it stands."""

    id: int
    name: str
    state: CampaignState
    plan: CampaignPlan
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    #: The last cron opening that was acted upon.
    opened_at: datetime | None


def plan_to_json(plan: CampaignPlan) -> dict[str, Any]:
    """The plan without its name (which has a column of its own)."""
    return {
        "script": plan.script,
        "window": {
            "start": plan.window.start.isoformat(),
            "end": plan.window.end.isoformat(),
            "timezone": plan.window.timezone,
            "weekdays": list(plan.window.weekdays),
            "valid_from": plan.window.valid_from.isoformat() if plan.window.valid_from else None,
            "valid_until": plan.window.valid_until.isoformat() if plan.window.valid_until else None,
        },
        "retry_countdowns_s": list(plan.retry_countdowns_s),
        "lines": plan.lines,
        "calls_per_second": plan.calls_per_second,
        "ring_timeout_s": plan.ring_timeout_s,
        "max_call_s": plan.max_call_s,
        "cron": plan.cron,
        "caller_id": plan.caller_id,
        "check_order": plan.check_order,
    }


def plan_from_json(name: str, data: Mapping[str, Any]) -> CampaignPlan:
    """The plan as it was written; settings that an older version did not know have their defaults."""
    window = data["window"]
    rest = {key: data[key] for key in data if key not in ("window", "retry_countdowns_s")}
    return CampaignPlan(
        name=name,
        window=CallingWindow(
            start=time.fromisoformat(window["start"]),
            end=time.fromisoformat(window["end"]),
            timezone=window["timezone"],
            weekdays=tuple(window["weekdays"]),
            valid_from=_day(window.get("valid_from")),
            valid_until=_day(window.get("valid_until")),
        ),
        retry_countdowns_s=tuple(data["retry_countdowns_s"]),
        **rest,
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _row(row: RowMapping) -> CampaignRow:
    return CampaignRow(
        id=row["id"],
        name=row["name"],
        state=CampaignState(row["state"]),
        plan=plan_from_json(row["name"], row["plan"]),
        created_at=row["created_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        opened_at=row["opened_at"],
    )


async def create_campaign(tx: AsyncConnection, plan: CampaignPlan, now: datetime) -> int:
    """A new campaign in state draft; returns its id. The transaction raises ConflictError if the name is taken."""
    statement = insert(campaigns).values(
        name=plan.name, state=CampaignState.DRAFT, plan=plan_to_json(plan), created_at=now
    )
    campaign_id: int = (await tx.execute(statement.returning(campaigns.c.id))).scalar_one()
    return campaign_id


async def get_campaign(tx: AsyncConnection, name: str) -> CampaignRow | None:
    """The campaign of that name."""
    row = (await tx.execute(select(campaigns).where(campaigns.c.name == name))).mappings().first()
    return _row(row) if row else None


async def unknown_campaign(tx: AsyncConnection, name: str) -> NotFoundError:
    """What to raise for a name that no campaign has; it tells the nearest one."""
    names = (
        await tx.execute(select(campaigns.c.name).order_by(campaigns.c.id.desc()).limit(_NAMES_COMPARED))
    ).scalars()
    near = get_close_matches(name, list(names), n=1)
    return NotFoundError(f"no campaign is named {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))


async def lock_campaign(tx: AsyncConnection, name: str) -> CampaignRow | None:
    """The campaign of that name; nobody else changes it before the transaction ends."""
    statement = select(campaigns).where(campaigns.c.name == name).with_for_update(key_share=True)
    row = (await tx.execute(statement)).mappings().first()
    return _row(row) if row else None


async def list_campaigns(tx: AsyncConnection, states: Collection[CampaignState] = ()) -> list[CampaignRow]:
    """All campaigns, or those in `states`, oldest first."""
    statement = select(campaigns).order_by(campaigns.c.id)
    if states:
        statement = statement.where(campaigns.c.state.in_(states))
    return [_row(row) for row in (await tx.execute(statement)).mappings()]


async def update_plan(tx: AsyncConnection, campaign_id: int, plan: CampaignPlan) -> bool:
    """Replace the plan; calls that run keep the old one. False if there is no such campaign."""
    statement = update(campaigns).where(campaigns.c.id == campaign_id)
    return (await tx.execute(statement.values(plan=plan_to_json(plan)))).rowcount == 1


async def set_state(
    tx: AsyncConnection,
    campaign_id: int,
    to: CampaignState,
    *,
    only_from: Collection[CampaignState],
    now: datetime,
) -> bool:
    """Move the campaign on if it stands in `only_from`; False if it does not (any more)."""
    values: dict[str, Any] = {"state": to}
    if to is CampaignState.RUNNING:
        values |= {"started_at": now, "ended_at": None}
    if to in (CampaignState.STOPPED, CampaignState.FINISHED):
        values["ended_at"] = now
    statement = update(campaigns).where(campaigns.c.id == campaign_id, campaigns.c.state.in_(only_from))
    return (await tx.execute(statement.values(values))).rowcount == 1


async def record_opening(tx: AsyncConnection, campaign: CampaignRow, opening: datetime) -> bool:
    """Remember that the cron opening has been acted upon; False if another tick was quicker."""
    statement = update(campaigns).where(
        campaigns.c.id == campaign.id, campaigns.c.opened_at.is_not_distinct_from(campaign.opened_at)
    )
    return (await tx.execute(statement.values(opened_at=opening))).rowcount == 1
