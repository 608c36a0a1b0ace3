"""The `dialer` command. Each command lives in a module of its own and is imported only when it runs."""

from __future__ import annotations

import importlib
import sys

import click
from click.shell_completion import CompletionItem

from dialer.errors import DialerError

#: Command name -> (module, one line of help). Modules expose `command`.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("dialer.cli.demo", "Run a whole simulated campaign with audio."),
    "up": ("dialer.cli.up", "Run the whole product on this machine, in the foreground."),
    "doctor": ("dialer.cli.doctor", "What is wrong with this installation, and what to do."),
    "plan": ("dialer.cli.plan", "How many lines a campaign needs, or when it will end."),
    "campaign": ("dialer.cli.campaign", "Create, change, list, show, start, pause, resume, stop, redial campaigns."),
    "import": ("dialer.cli.import_orders", "Import a CSV of orders into a campaign."),
    "report": ("dialer.cli.report", "Print or save a campaign's report."),
    "dnc": ("dialer.cli.dnc", "The do-not-call list."),
    "erase": ("dialer.cli.erase", "Forget an order's customer."),
    "stop": ("dialer.cli.stop", "Emergency: stop all campaigns and hang up every call."),
    "audit": ("dialer.cli.audit", "Check that the ledger conserves every order."),
    "node": ("dialer.cli.node", "The Asterisk nodes: list, drain, undrain."),
    "api": ("dialer.cli.api", "Serve the JSON API, the live board and metrics."),
    "migrate": ("dialer.cli.migrate", "Bring the database to this release's tables."),
    "understand": ("dialer.cli.understand", "Read utterances (JSON lines), print what they mean."),
    "evaluate": ("dialer.cli.evaluate", "Measure understanding against a labelled file."),
    "chaos": ("dialer.cli.chaos", "Run a campaign under fire; count what was lost or doubled."),
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
        sys.exit(cli(standalone_mode=False))
    except click.UsageError as error:
        _complain(_with_way_out(error))
        sys.exit(error.exit_code)
    except click.ClickException as error:
        _complain(error.format_message())
        sys.exit(error.exit_code)
    except click.Abort:
        _complain("aborted")
        sys.exit(1)
    except DialerError as error:
        _complain(str(error))
        sys.exit(2)


def _complain(message: str) -> None:
    click.echo(f"dialer: {' '.join(message.split())}", err=True)


def _with_way_out(error: click.UsageError) -> str:
    """What was wrong, and the help of the command that was meant."""
    path = "dialer" if error.ctx is None else error.ctx.command_path
    return f"{error.format_message().rstrip('.')} (see {path} --help)"
