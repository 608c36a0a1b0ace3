"""Who lives behind which number: `python -m dialer.demo.prepare --orders orders.csv --out FOLDER`.

Writes `world.json` (for the simulated customers) and `phrase-bank.json` (for the phrase-bank recogniser).
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from dialer.errors import DialerError, InputError
from dialer.intake import ImportTally, OrdersFile, RejectsFile, open_file, order_batches
from dialer.simulator.world import World, save_phrase_bank


@click.command()
@click.option("--orders", required=True, type=click.Path(path_type=Path, dir_okay=False), help="CSV of orders.")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder to write to.")
@click.option("--seed", default=1, show_default=True, help="Who lives behind which number.")
def main(*, orders: Path, out: Path, seed: int) -> None:
    """Make the simulated world of a file of orders."""
    try:
        count = prepare(orders, out, seed)
    except DialerError as error:
        sys.exit(f"prepare: {error}")
    click.echo(f"{count} simulated customers in {out}")


def prepare(orders: Path, out: Path, seed: int) -> int:
    """Returns how many customers there are. Raises InputError for a file without a usable order."""
    out.mkdir(parents=True, exist_ok=True)
    with open_file(orders) as stream:
        file = OrdersFile(stream)
        with RejectsFile(out / "rejects.csv", file.header, file.delimiter) as rejects:
            phones = [order.phone for batch in order_batches(file, rejects, ImportTally()) for order in batch]
    if not phones:
        raise InputError("orders", f"{orders}: no usable order; see {out / 'rejects.csv'}")
    world = World.assign(phones, seed=seed)
    world.save(out / "world.json")
    save_phrase_bank(world, out / "phrase-bank.json")
    return len(set(phones))


if __name__ == "__main__":
    main()
