"""The command line as a whole: quick to start, and every command speaks JSON to programs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from dialer.cli import COMMANDS, cli, main
from dialer.settings import settings

#: Commands that run in the foreground, write files, or print for programs anyway (JSON lines, a shell's script).
NO_JSON = {"api", "up", "demo", "chaos", "migrate", "understand", "completion"}


def leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that can be run, by its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name), command


ALL = dict(leaves(cli))


@pytest.mark.parametrize("words", [words for words in ALL if words[0] not in NO_JSON], ids=" ".join)
def test_every_command_has_json_for_programs(words: tuple[str, ...]) -> None:
    options = {option for parameter in ALL[words].params for option in parameter.opts}

    assert "--json" in options


@pytest.mark.parametrize("words", list(ALL), ids=" ".join)
def test_every_command_explains_itself_and_its_options(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli, [*words, "--help"])

    assert result.exit_code == 0
    assert ALL[words].help
    silent = [option.opts for option in ALL[words].params if isinstance(option, click.Option) and not option.help]
    assert silent == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("campain", "No such command 'campain'"),
        ("campaign create", "Missing argument 'NAME' (see dialer campaign create --help)"),
        ("campaign create night --from 25:00", "'25:00' is not a time such as 10:00"),
        ("plan --orders many", "'many' is not a valid integer"),
        ("plan --orders 0", "orders: must be 1 to 1000000"),
        ("import no-such-file.csv", "--campaign is required"),
    ],
)
def test_a_slip_is_answered_with_one_line(
    words: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["dialer", *words.split()])

    with pytest.raises(SystemExit) as ended:
        main()

    said = capsys.readouterr()
    assert ended.value.code == 2
    assert said.out == ""
    assert said.err.startswith("dialer: ")
    assert told in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "variable", "value", "told"),
    [
        ("campaign list", "DIALER_CONFIG_DIR", "/nowhere/at/all", "DIALER_CONFIG_DIR: there is no folder"),
        ("campaign list", "DIALER_HOME", "/dev/null/home", "set DIALER_HOME to another place"),
        ("api", "DIALER_API__PORT", "taken", "set DIALER_API__HOST or DIALER_API__PORT"),
    ],
)
def test_a_wrong_surrounding_is_one_line_too(
    words: str,
    variable: str,
    value: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(sys, "argv", ["dialer", *words.split()])
        monkeypatch.setenv(variable, str(taken.getsockname()[1]) if value == "taken" else value)
        monkeypatch.delenv("DIALER_DATABASE_URL", raising=False)
        settings.cache_clear()
        # When
        with pytest.raises(SystemExit) as ended:
            main()
    settings.cache_clear()
    # Then
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert told in said
    assert said.count("\n") == 1


def test_help_lists_every_command_and_imports_none() -> None:
    heavy = "sqlalchemy celery numpy fastapi aiohttp openai jinja2".split()
    code = (
        "import sys; from dialer.cli import cli; cli(['--help'], standalone_mode=False);"
        f"print('IMPORTED', [name for name in {heavy} if name in sys.modules])"
    )

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert "IMPORTED []" in shown
    assert all(f"  {name} " in shown for name in COMMANDS)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("dialer ca", "campaign"),
        ("dialer campaign cr", "create"),
        ("dialer campaign create --valid-u", "--valid-until"),
        ("dialer completion ba", "bash"),
    ],
)
def test_a_shell_completes_commands_and_options(words: str, found: str) -> None:
    environment = {
        **os.environ,
        "_DIALER_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    code = "import sys; sys.argv[0] = 'dialer'; from dialer.cli import main; main()"

    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)

    assert f"plain,{found}" in done.stdout.splitlines()


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_prints_what_the_shell_needs(shell: str) -> None:
    result = CliRunner().invoke(cli, ["completion", shell])

    assert result.exit_code == 0
    assert "_DIALER_COMPLETE" in result.stdout
