"""The simulated shop as a process of its own: says when it is ready, ends with its parent."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import click

from dialer.errors import InputError
from dialer.simulator.process import announce, die_with_parent, stop_on_signals
from dialer.simulator.shop import SimulatedShop
from dialer.simulator.shop_faults import FaultPlan


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=0, show_default=True, help="0 takes a free port.")
@click.option("--log", "log_path", required=True, type=click.Path(path_type=Path), help="JSON lines, appended.")
@click.option("--ready", type=click.Path(path_type=Path), help='File that gets {"port", "url", "pid"} once it serves.')
@click.option("--orders", "orders_path", type=click.Path(path_type=Path), help='JSON: {"45678": "paid", ...}.')
@click.option("--strict", is_flag=True, help="Orders that are not in --orders are unknown (404).")
@click.option(
    "--token-env", default="SHOP_TOKEN", show_default=True, help="Variable with the bearer token; unset: none."
)
@click.option("--faults", default="{}", help='Fault plan as JSON, e.g. {"seed": 1, "error_rate": 0.1}.')
def main(
    *,
    host: str,
    port: int,
    log_path: Path,
    ready: Path | None,
    orders_path: Path | None,
    strict: bool,
    token_env: str,
    faults: str,
) -> None:
    """Serve a simulated orders API until SIGTERM or until the parent process is gone."""
    die_with_parent()
    shop = SimulatedShop(
        token=os.environ.get(token_env, ""),
        orders=_preset_orders(orders_path),
        strict=strict,
        log_path=log_path,
        faults=_fault_plan(faults),
        host=host,
        port=port,
    )
    asyncio.run(_serve(shop, ready))


async def _serve(shop: SimulatedShop, ready: Path | None) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop)
    async with shop:
        if ready is not None:
            announce(ready, {"port": shop.port, "url": shop.url, "pid": os.getpid()})
        await stop.wait()


def _preset_orders(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    try:
        return {str(order_id): str(status) for order_id, status in json.loads(path.read_text("utf-8")).items()}
    except (OSError, ValueError, AttributeError) as error:
        raise InputError("orders", f"{path}: not a JSON object of order id to status") from error


def _fault_plan(text: str) -> FaultPlan:
    try:
        return FaultPlan.from_json(json.loads(text))
    except (TypeError, ValueError) as error:
        raise InputError("faults", str(error)) from error


if __name__ == "__main__":
    main()
