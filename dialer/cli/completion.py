"""`dialer completion`: what a shell needs to complete our commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(*, shell: str) -> None:
    """Print a completion script for SHELL: add `eval "$(dialer completion bash)"` to ~/.bashrc.

    zsh: the same in ~/.zshrc; fish: `dialer completion fish > ~/.config/fish/completions/dialer.fish`.
    """
    from dialer.cli import cli

    completion = get_completion_class(shell)
    if completion is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(completion(cli, {}, "dialer", "_DIALER_COMPLETE").source())
