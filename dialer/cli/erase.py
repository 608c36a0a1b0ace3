"""`dialer erase`: forget an order's customer."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from dialer.cli._common import json_option, print_json, with_ledger
from dialer.errors import NotFoundError
from dialer.settings import settings

if TYPE_CHECKING:
    from dialer.ledger.store import Ledger
    from dialer.privacy import ErasedCounts


@click.command("erase")
@click.argument("order")
@click.option("--campaign", help="Only in this campaign. Default: wherever the order is.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def command(*, order: str, campaign: str | None, yes: bool, as_json: bool) -> None:
    """Remove ORDER's phone, name, address, recordings and transcripts for good.

    The order itself stays in every count. Refused while it is being called, or before the shop has its decision.
    """

    async def erase(ledger: Ledger) -> ErasedCounts:
        from dialer.privacy import erase_order

        if not (yes or as_json):
            await _ask(ledger, order, campaign)
        return await erase_order(ledger, settings().home, order, campaign=campaign)

    counts = with_ledger(erase)
    if as_json:
        print_json(asdict(counts))
    else:
        click.echo(f"erased in {counts.orders} campaign(s); files removed: {counts.files}")


async def _ask(ledger: Ledger, order: str, campaign: str | None) -> None:
    """Raises NotFoundError before anything is asked, Abort for a no."""
    from dialer.ledger.erasure import find_erasable

    async with ledger.begin() as tx:
        found = await find_erasable(tx, order, campaign)
    if not found:
        raise NotFoundError("there is no such order")
    click.confirm(f"Forget the customer of order {order} for good, in {len(found)} campaign(s)?", abort=True)
