"""`dialer campaign`: create, list, show, change, start, pause, resume and stop campaigns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.console import Console

from dialer.cli._common import json_option, print_json, wide_table, with_ledger
from dialer.cli._types import NO_DAY, Day, Numbers, TimeOfDay
from dialer.domain.campaign import CampaignPlan
from dialer.domain.order import FINAL_STATES, LIVE_STATES, OrderState
from dialer.domain.outcome import Decision

if TYPE_CHECKING:
    from dialer.ledger.campaigns import CampaignRow
    from dialer.ledger.store import Ledger

F = TypeVar("F", bound=Callable[..., Any])
_FINAL = [str(state) for state in sorted(FINAL_STATES)]
_DECISIONS = [str(decision) for decision in Decision]


#: Options of the plan; the names are CampaignPlan's own, and those of `_WINDOW` its window's.
_PLAN_OPTIONS = (
    click.option("--script", help="The conversation's script."),
    click.option("--from", "start", type=TimeOfDay(), help="The calling window opens, in the customer's own time."),
    click.option("--to", "end", type=TimeOfDay(), help="The calling window closes; equal to --from: the whole day."),
    click.option("--timezone", help="Time zone of the cron and of customers without their own (Europe/Moscow)."),
    click.option("--weekdays", type=Numbers(), help="Days of calling, Monday is 1: 1,2,3,4,5"),
    click.option("--valid-from", type=Day(), help='First day of calling; "" for no bound.'),
    click.option("--valid-until", type=Day(), help='Last day; what is left then is skipped. "" for no bound.'),
    click.option("--retry-countdowns", "retry_countdowns_s", type=Numbers(), help="Seconds: 1800,7200,14400"),
    click.option("--lines", type=int, help="Simultaneous calls."),
    click.option("--calls-per-second", type=float, help="Most new calls per second; 0: no limit."),
    click.option("--ring-timeout", "ring_timeout_s", type=float, help="Seconds."),
    click.option("--max-call", "max_call_s", type=float, help="A call's longest life after answer, in seconds."),
    click.option("--cron", help='Opens the campaign by itself, e.g. "0 22 * * *"; "" for never.'),
    click.option("--caller-id", help='The number shown to customers; "" for the trunk\'s own.'),
    click.option("--check-order/--no-check-order", default=None, help="Ask the shop before each call."),
)


_WINDOW = ("start", "end", "timezone", "weekdays", "valid_from", "valid_until")


def _plan_options(function: F) -> F:
    for option in reversed(_PLAN_OPTIONS):
        function = option(function)
    return function


def _changed(plan: CampaignPlan, options: dict[str, Any]) -> CampaignPlan:
    """The plan with the options that were given."""
    given = {key: value for key, value in options.items() if value is not None}
    given |= {key: given[key] or None for key in ("cron", "caller_id") if key in given}
    if "script" in given:
        from dialer.campaigns import check_script

        check_script(given["script"])
    if "weekdays" in given:
        given["weekdays"] = tuple(int(day) for day in given["weekdays"])
    given |= {key: None for key in ("valid_from", "valid_until") if given.get(key) == NO_DAY}
    window = {key: given.pop(key) for key in _WINDOW if key in given}
    return replace(plan, window=replace(plan.window, **window), **given)


@click.group("campaign")
def command() -> None:
    """Create, list, show, change, start, pause, resume and stop campaigns."""


@command.command("create")
@click.argument("name")
@_plan_options
@json_option
def create_command(*, name: str, as_json: bool, **options: Any) -> None:
    """Create a campaign as a draft: `start` it, or let its cron open it."""
    from dialer.campaigns import create_campaign

    plan = _changed(CampaignPlan(name=name), options)
    _print_one(with_ledger(lambda ledger: create_campaign(ledger, plan)), as_json=as_json)


@command.command("change")
@click.argument("name")
@_plan_options
@json_option
def change_command(*, name: str, as_json: bool, **options: Any) -> None:
    """Change settings of a campaign; they hold for its next calls."""
    from dialer.campaigns import change_plan

    async def change(ledger: Ledger) -> CampaignRow:
        return await change_plan(ledger, name, lambda plan: _changed(plan, options))

    _print_one(with_ledger(change), as_json=as_json)


@command.command("list")
@json_option
def list_command(*, as_json: bool) -> None:
    """List all campaigns with their orders by state."""
    found = with_ledger(_all_with_counts)
    if as_json:
        print_json([_facts(campaign, counts) for campaign, counts in found])
        return
    if not found:
        click.echo("There are no campaigns yet: dialer campaign create NAME")
        return
    table = wide_table("name", "state", "lines", "orders", "live", "to call", "decided", "unreachable", "skipped")
    for campaign, counts in found:
        table.add_row(campaign.name, campaign.state, str(campaign.plan.lines), *_sums(counts))
    Console().print(table)


@command.command("show")
@click.argument("name")
@json_option
def show_command(*, name: str, as_json: bool) -> None:
    """Show one campaign: its plan and its orders by state."""

    async def show(ledger: Ledger) -> tuple[CampaignRow, dict[OrderState, int]]:
        from dialer.campaigns import find_campaign

        campaign = await find_campaign(ledger, name)
        return campaign, await _counts(ledger, campaign)

    campaign, counts = with_ledger(show)
    _print_one(campaign, counts, as_json=as_json)


def _add_move(verb: str, help_text: str) -> None:
    @command.command(verb, help=help_text)
    @click.argument("name")
    @json_option
    def move_command(*, name: str, as_json: bool) -> None:
        from dialer import campaigns

        move = getattr(campaigns, verb)
        _print_one(with_ledger(lambda ledger: move(ledger, name)), as_json=as_json, with_plan=False)


_add_move("start", "Start calling (inside the calling window).")
_add_move("pause", "Place no new calls; live calls end by themselves.")
_add_move("resume", "Go on after a pause.")
_add_move("stop", "End for good: orders not called yet are skipped; live calls end by themselves.")


@command.command("redial")
@click.argument("name")
@click.option("--into", required=True, help="The campaign to put them into; created as a draft if there is none.")
@click.option("--state", "states", multiple=True, type=click.Choice(_FINAL), help="Orders that ended so.")
@click.option("--decision", "decisions", multiple=True, type=click.Choice(_DECISIONS), help="Orders decided so.")
@click.option("--order", "order_ids", multiple=True, help="Only these orders, by the shop's number.")
@json_option
def redial_command(
    *,
    name: str,
    into: str,
    states: tuple[str, ...],
    decisions: tuple[str, ...],
    order_ids: tuple[str, ...],
    as_json: bool,
) -> None:
    """Call finished orders of NAME anew, in a campaign of their own. By default the unreachable ones.

    They are copied: NAME keeps its orders, decisions and report. Options may be given several times.
    """
    from dialer.campaigns import Selection, redial
    from dialer.cli._campaign_view import as_word

    chosen = Selection(tuple(map(OrderState, states)), tuple(map(Decision, decisions)), order_ids)
    done = with_ledger(lambda ledger: redial(ledger, name, into, chosen))
    if as_json:
        print_json(asdict(done))
        return
    click.echo(f"{done.accepted:,} orders are in campaign {into!r} now ({done.duplicates:,} were there already).")
    if done.created:
        click.echo(f"It was made with the plan of {name!r}, as a draft: dialer campaign start {as_word(into)}")


async def _counts(ledger: Ledger, campaign: CampaignRow) -> dict[OrderState, int]:
    from dialer.ledger.orders import count_orders

    async with ledger.begin() as tx:
        return await count_orders(tx, campaign.id)


async def _all_with_counts(ledger: Ledger) -> list[tuple[CampaignRow, dict[OrderState, int]]]:
    from dialer.ledger.campaigns import list_campaigns

    async with ledger.begin() as tx:
        found = await list_campaigns(tx)
    return [(campaign, await _counts(ledger, campaign)) for campaign in found]


def _facts(campaign: CampaignRow, counts: dict[OrderState, int] | None = None) -> dict[str, Any]:
    from dialer.campaigns import coming_opening
    from dialer.ledger.campaigns import plan_to_json

    facts: dict[str, Any] = {"name": campaign.name, "state": campaign.state, **plan_to_json(campaign.plan)}
    moments = ("created_at", "started_at", "ended_at", "opened_at")
    facts |= {moment: getattr(campaign, moment) for moment in moments}
    facts["next_opening_at"] = coming_opening(campaign, datetime.now(UTC))
    return facts if counts is None else facts | {"orders": counts}


def _sums(counts: dict[OrderState, int]) -> list[str]:
    live = sum(counts[state] for state in LIVE_STATES)
    ended = [counts[OrderState.DECIDED], counts[OrderState.UNREACHABLE], counts[OrderState.SKIPPED]]
    to_call = counts[OrderState.NEW] + counts[OrderState.WAITING]
    return [f"{count:,}" for count in (sum(counts.values()), live, to_call, *ended)]


def _print_one(
    campaign: CampaignRow, counts: dict[OrderState, int] | None = None, *, as_json: bool, with_plan: bool = True
) -> None:
    from dialer.cli._campaign_view import show_campaign

    if as_json:
        print_json(_facts(campaign, counts))
    else:
        show_campaign(Console(highlight=False), campaign, counts, datetime.now(UTC), with_plan=with_plan)
