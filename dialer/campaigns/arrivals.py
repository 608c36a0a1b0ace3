"""Orders come in: from a CSV file or by API, in batches of a few thousand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.campaigns.plans import check_name, check_plan, is_session_open
from dialer.domain.campaign import CampaignPlan, CampaignState
from dialer.domain.order import Order
from dialer.errors import ConflictError, InputError
from dialer.ledger import campaigns as rows
from dialer.ledger import orders
from dialer.ledger.campaigns import CampaignRow
from dialer.ledger.orders import InsertedOrders
from dialer.ledger.store import Ledger, database_now

#: Orders in one transaction.
TOGETHER = 10_000

_Work = Coroutine[Any, Any, None]
Batches = Iterable[Sequence[Order]] | AsyncIterable[Sequence[Order]]


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """What became of an import."""

    accepted: int
    duplicates: int


async def import_orders(
    ledger: Ledger,
    campaign_name: str,
    batches: Batches,
    *,
    source: str = "api",
    now: datetime | None = None,
    create_if_missing: CampaignPlan | None = None,
    on_batch: Callable[[InsertedOrders], None] | None = None,
) -> ImportCounts:
    """Put orders into a campaign, one transaction for ten thousand; orders that it has already are left as they are.

    An interrupted import is simply repeated. A finished campaign opens again, see `reopen_finished`. `on_batch` is
    told of each batch once it is committed. Raises NotFoundError (and creates nothing) for an unknown campaign
    without `create_if_missing`, ConflictError for a stopped campaign or one whose last day is over, InputError.
    """
    batch_id = await _open(ledger, campaign_name, source, now, create_if_missing)
    accepted = duplicates = 0

    async def take_in(batch: Sequence[Order]) -> None:
        nonlocal accepted, duplicates
        async with ledger.begin() as tx:
            moment = now or await database_now(tx)
            campaign = await campaign_for_orders(tx, campaign_name, moment)
            done = await orders.insert_orders(tx, campaign.id, batch_id, batch, moment)
            if done.accepted:
                await reopen_finished(tx, campaign, moment)
        accepted += done.accepted
        duplicates += len(done.duplicates)
        if on_batch is not None:
            on_batch(done)

    async with aclosing(_joined(batches)) as joined:
        await _one_ahead(joined, take_in)
    return ImportCounts(accepted, duplicates)


async def _open(
    ledger: Ledger, name: str, source: str, now: datetime | None, create_if_missing: CampaignPlan | None
) -> int:
    """A new batch in the campaign, which is created if need be."""
    if create_if_missing is not None:
        check_plan(create_if_missing)
        await _create(ledger, create_if_missing, now)
    async with ledger.begin() as tx:
        moment = now or await database_now(tx)
        campaign = await campaign_for_orders(tx, name, moment)
        return await orders.open_batch(tx, campaign.id, source, moment)


async def _create(ledger: Ledger, plan: CampaignPlan, now: datetime | None) -> None:
    """The campaign, unless it is there; two imports at once may both find it missing."""
    with suppress(ConflictError):
        async with ledger.begin() as tx:
            if await rows.get_campaign(tx, plan.name) is None:
                check_name(plan.name)
                await rows.create_campaign(tx, plan, now or await database_now(tx))


async def campaign_for_orders(tx: AsyncConnection, name: str, now: datetime) -> CampaignRow:
    """The campaign, whose state holds until the transaction ends: it cannot finish under the batch."""
    campaign = await rows.lock_campaign(tx, name)
    if campaign is None:
        raise await rows.unknown_campaign(tx, name)
    if campaign.state is CampaignState.STOPPED:
        raise ConflictError(f"campaign {name!r} is stopped: it takes no more orders")
    if campaign.plan.window.is_over(now):
        raise ConflictError(f"the last day of campaign {name!r} is over: move it (--valid-until) to add orders")
    return campaign


async def reopen_finished(tx: AsyncConnection, campaign: CampaignRow, now: datetime) -> None:
    """New orders open a finished campaign: at once, or at its next cron time if it has one.

    As long as the calling window of its last opening has not closed, a nightly campaign is still at work, too.
    """
    if campaign.state is CampaignState.FINISHED:
        at_work = campaign.plan.cron is None or is_session_open(campaign.plan, campaign.opened_at, now)
        again = CampaignState.RUNNING if at_work else CampaignState.DRAFT
        await rows.set_state(tx, campaign.id, again, only_from=[CampaignState.FINISHED], now=now)


async def _one_ahead(batches: AsyncIterator[Sequence[Order]], take_in: Callable[[Sequence[Order]], _Work]) -> None:
    """Take in all batches one after the other, each while the next is read; whatever fails, what was begun is ended."""
    under_way: asyncio.Task[None] | None = None
    try:
        async for batch in batches:
            if under_way is not None:
                await under_way
            under_way = asyncio.create_task(take_in(batch))
    finally:
        if under_way is not None:
            await under_way


async def _joined(batches: Batches) -> AsyncGenerator[Sequence[Order]]:
    """The batches; small ones of a plain iterable are joined, and others may run between two reads of it.

    What was read before the source failed still counts.
    """
    if isinstance(batches, AsyncIterable):
        async for batch in batches:
            yield batch
        return
    waiting: list[Order] = []
    failure: InputError | None = None
    source = iter(batches)
    while failure is None:
        try:
            batch = next(source)
        except StopIteration:
            break
        except InputError as error:
            failure = error
            continue
        waiting += batch
        if len(waiting) >= TOGETHER:
            yield waiting
            waiting = []
        await asyncio.sleep(0)
    if waiting:
        yield waiting
    if failure is not None:
        raise failure
