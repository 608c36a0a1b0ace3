"""`dialer node`: the Asterisk nodes, and taking one out of service without losing a call."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING

import click
from rich.console import Console

from dialer.cli._common import json_option, print_json, wide_table, with_ledger
from dialer.settings import settings

if TYPE_CHECKING:
    from dialer.ledger.store import Ledger
    from dialer.ledger.trunks import NodeStanding

#: Pause between two looks while waiting for live calls.
_LOOK_S = 0.5


@click.group("node")
def command() -> None:
    """The Asterisk nodes that calls are spread over."""


@command.command("list")
@json_option
def list_command(*, as_json: bool) -> None:
    """Live calls, failures of the trunk, pauses and drained nodes."""
    found = with_ledger(_standings)
    if as_json:
        print_json([asdict(node) for node in found])
        return
    table = wide_table("node", "calls", "most", "failures", "state")
    most = settings().node_lines
    for node in found:
        limit = str(most[node.node] or "-") if node.node in most else "not in settings"
        table.add_row(node.node, str(node.calls), limit, str(node.failures), _state(node))
    Console().print(table)


@command.command("drain")
@click.argument("name")
@click.option("--wait", "wait_s", type=click.FloatRange(min=0), help="Wait up to so many seconds for its live calls.")
@json_option
def drain_command(*, name: str, wait_s: float | None, as_json: bool) -> None:
    """Dial nothing new on a node; its live calls end by themselves.

    Exit code 1 if calls are still live after --wait.
    """
    _check(name)
    live = with_ledger(lambda ledger: _drain(ledger, name, wait_s))
    if as_json:
        print_json({"node": name, "drained": True, "calls": live})
    else:
        click.echo(f"{name} is drained; live calls: {live}")
    if wait_s is not None and live:
        raise SystemExit(1)


@command.command("undrain")
@click.argument("name")
@json_option
def undrain_command(*, name: str, as_json: bool) -> None:
    """Use a node again."""
    _check(name)
    with_ledger(lambda ledger: _set(ledger, name, drained=False))
    if as_json:
        print_json({"node": name, "drained": False})
    else:
        click.echo(f"{name} takes calls again")


def _check(name: str) -> None:
    known = settings().node_lines
    if name not in known:
        raise click.BadParameter(f"no such node; there are: {', '.join(known)}", param_hint="NAME")


def _state(node: NodeStanding) -> str:
    if node.drained:
        return "drained"
    return f"paused until {node.paused_until:%H:%M:%S} UTC" if node.paused_until else "takes calls"


async def _standings(ledger: Ledger) -> list[NodeStanding]:
    from dialer.ledger.store import database_now
    from dialer.ledger.trunks import standings

    async with ledger.begin() as tx:
        return await standings(tx, list(settings().node_lines), await database_now(tx))


async def _set(ledger: Ledger, name: str, *, drained: bool) -> None:
    from dialer.ledger.trunks import set_drained

    async with ledger.begin() as tx:
        await set_drained(tx, name, drained=drained)


async def _drain(ledger: Ledger, name: str, wait_s: float | None) -> int:
    """Drain; the number of live calls once there are none or the patience is over."""
    await _set(ledger, name, drained=True)
    until = asyncio.get_running_loop().time() + (wait_s or 0.0)
    while True:
        live = next((node.calls for node in await _standings(ledger) if node.node == name), 0)
        if live == 0 or asyncio.get_running_loop().time() >= until:
            return live
        await asyncio.sleep(_LOOK_S)
