"""Redial by hand: the unreached or cancelled orders of one campaign become a campaign of their own.

They are copied. The first campaign keeps its orders, decisions and numbers, and the new one has its own ladder,
report and messages to the shop.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.campaigns.arrivals import campaign_for_orders, reopen_finished
from dialer.campaigns.plans import check_name
from dialer.domain.campaign import CampaignPlan
from dialer.domain.order import FINAL_STATES, OrderState
from dialer.errors import InputError
from dialer.ledger import campaigns as rows
from dialer.ledger.campaigns import CampaignRow
from dialer.ledger.orders import open_batch
from dialer.ledger.redial import Selection, copy_orders
from dialer.ledger.store import Ledger, database_now


@dataclass(frozen=True, slots=True)
class Redialed:
    """What became of it. `duplicates`: orders that the other campaign had already."""

    campaign: str
    created: bool
    accepted: int
    duplicates: int


async def redial(ledger: Ledger, name: str, into: str, selection: Selection, now: datetime | None = None) -> Redialed:
    """Put finished orders of `name` into campaign `into`; without any choice the unreachable ones.

    `into` is created as a draft with the plan of `name`, without its cron and dates, if there is none; among decided
    orders also without asking the shop, which holds them for settled. Nothing is
    created when no order is meant. Raises NotFoundError, InputError, ConflictError (`into` takes no more orders).
    """
    wanted = _completed(selection)
    if into == name:
        raise InputError("into", "name another campaign: this one keeps its orders as they ended")
    async with ledger.begin() as tx:
        moment = now or await database_now(tx)
        source = await rows.get_campaign(tx, name)
        if source is None:
            raise await rows.unknown_campaign(tx, name)
        created = await _make_sure_of(tx, into, _plan(into, source, wanted), moment)
        target = await campaign_for_orders(tx, into, moment)
        batch = await open_batch(tx, target.id, f"redial of {name}", moment)
        copied = await copy_orders(tx, source=source.id, target=target.id, batch=batch, selection=wanted, now=moment)
        if not copied.found:
            ends = ", ".join((*wanted.states, *wanted.decisions)) + (" among those named" if wanted.order_ids else "")
            raise InputError("selection", f"campaign {name!r} has no finished order that is {ends}")
        if copied.accepted:
            await reopen_finished(tx, target, moment)
    return Redialed(into, created, copied.accepted, copied.found - copied.accepted)


def _completed(selection: Selection) -> Selection:
    """With what goes without saying. Raises InputError for a state that is not final."""
    for state in selection.states:
        if state not in FINAL_STATES:
            raise InputError("states", f"{state} is not final: such an order is still being called")
    if selection.states or selection.decisions:
        return selection
    named = bool(selection.order_ids)
    return replace(selection, states=tuple(sorted(FINAL_STATES)) if named else (OrderState.UNREACHABLE,))


def _plan(into: str, source: CampaignRow, wanted: Selection) -> CampaignPlan:
    """What was decided is settled in the shop too: asked before the call, it would forbid each of them."""
    window = replace(source.plan.window, valid_from=None, valid_until=None)
    of_decided = bool(wanted.decisions) or OrderState.DECIDED in wanted.states
    check_order = source.plan.check_order and not of_decided
    return replace(source.plan, name=into, cron=None, window=window, check_order=check_order)


async def _make_sure_of(tx: AsyncConnection, into: str, plan: CampaignPlan, now: datetime) -> bool:
    """True if the campaign had to be created."""
    if await rows.get_campaign(tx, into) is not None:
        return False
    check_name(into, "into")
    await rows.create_campaign(tx, plan, now)
    return True
