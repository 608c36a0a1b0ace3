"""The do-not-call list. Numbers travel in bodies, never in addresses, which end up in logs."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query

from dialer.errors import InputError
from dialer.intake import parse_phone
from dialer.ledger import dnc
from dialer.ledger.store import database_now
from dialer.web.api import schemas
from dialer.web.api.access import Context, Controller, Enqueuer
from dialer.web.context import WebContext

router: Final = APIRouter(prefix="/api/v1/do-not-call", tags=["do-not-call list"])


@router.get("", summary="The list")
async def list_numbers(
    context: Context,
    _: Controller,
    after: Annotated[
        str, Query(max_length=20, pattern=r"^(\+[0-9]+)?$", description="`next` of the page before.")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> schemas.DncPage:
    """By number, in full: whoever may see this list may see numbers."""
    async with context.ledger.begin() as tx:
        found = await dnc.list_phones(tx, after=after, limit=limit)
    items = [schemas.ForbiddenNumber(phone=row.phone, reason=row.reason, added_at=row.added_at) for row in found]
    return schemas.DncPage(items=items, next=found[-1].phone if len(found) == limit else None)


@router.post("", summary="Add numbers")
async def add(wanted: schemas.NumbersToForbid, context: Context, _: Enqueuer) -> schemas.DncChange:
    """From the next call on they are not called."""
    phones, rejected = _phones(context, wanted.phones)
    async with context.ledger.begin() as tx:
        changed = await dnc.add(tx, phones, reason=wanted.reason, now=await database_now(tx))
    return schemas.DncChange(changed=changed, rejected=rejected)


@router.post("/remove", summary="Take numbers off the list")
async def remove(wanted: schemas.NumbersToAllow, context: Context, _: Controller) -> schemas.DncChange:
    """They may be called again."""
    phones, rejected = _phones(context, wanted.phones)
    async with context.ledger.begin() as tx:
        changed = sum([await dnc.remove(tx, phone) for phone in phones])
    return schemas.DncChange(changed=changed, rejected=rejected)


def _phones(context: WebContext, phones: list[str]) -> tuple[list[str], list[schemas.RejectedNumber]]:
    """The numbers, each once and in one order for all requests (they lock rows); and what is none."""
    parsed: set[str] = set()
    rejected = []
    for index, phone in enumerate(phones):
        try:
            parsed.add(parse_phone(phone, context.dial_prefixes))
        except InputError as error:
            rejected.append(schemas.RejectedNumber(index=index, reason=error.reason))
    return sorted(parsed), rejected
