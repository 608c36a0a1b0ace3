"""The `dialer` command. Each command lives in a module of its own and is imported only when it runs."""

from __future__ import annotations

import importlib
import sys

import click
from click.shell_completion import CompletionItem

from dialer.errors import DialerError

#: Command name -> (module, one line of help). Modules expose `command`.
COMMANDS: dict[str, tuple[str, str]] = {
    "understand": ("dialer.cli.understand", "Read utterances (JSON lines), print what they mean."),
    "evaluate": ("dialer.cli.evaluate", "Measure understanding against a labelled file."),
    "import": ("dialer.cli.import_orders", "Import a CSV of orders into a campaign."),
    "audit": ("dialer.cli.audit", "Check that the ledger conserves every order."),
    "report": ("dialer.cli.report", "Print or save a campaign's report."),
    "demo": ("dialer.cli.demo", "Run a whole simulated campaign with audio."),
    "chaos": ("dialer.cli.chaos", "Run a campaign under fire; count what was lost or doubled."),
    "campaign": ("dialer.cli.campaign", "Create, list, show, start, pause, resume and stop campaigns."),
    "stop": ("dialer.cli.stop", "Emergency: stop all campaigns and hang up every call."),
    "plan": ("dialer.cli.plan", "How many lines a campaign needs, or when it will end."),
    "doctor": ("dialer.cli.doctor", "What is wrong with this installation, and what to do."),
    "up": ("dialer.cli.up", "Run the whole product on this machine, in the foreground."),
    "api": ("dialer.cli.api", "Serve the JSON API, the live board and metrics."),
    "node": ("dialer.cli.node", "The Asterisk nodes: list, drain, undrain."),
    "migrate": ("dialer.cli.migrate", "Bring the database to this release's tables."),
    "erase": ("dialer.cli.erase", "Forget an order's customer."),
    "dnc": ("dialer.cli.dnc", "The do-not-call list."),
    "completion": ("dialer.cli.completion", "A completion script for bash, zsh or fish."),
}


class LazyGroup(click.Group):
    """Lists commands without importing them, so that `--help` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [name for name in COMMANDS if name.startswith(incomplete)]
        commands = [CompletionItem(name, help=COMMANDS[name][1]) for name in names]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in COMMANDS.items()])


@click.group(cls=LazyGroup)
@click.version_option(package_name="order-dialer", prog_name="dialer")
def cli() -> None:
    """Confirm shop orders by phone: CSV in, spoken calls, decisions out."""


def main() -> None:
    """Entry point: expected errors become one clear line and exit code 2."""
    try:
        cli()
    except DialerError as error:
        click.echo(f"dialer: {error}", err=True)
        sys.exit(2)
