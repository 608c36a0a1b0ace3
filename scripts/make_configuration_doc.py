"""Writes docs/configuration.md from the settings' types and their comments; `--check` fails when it is out of date."""

from __future__ import annotations

import ast
import inspect
import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from dialer import settings as module
from dialer.settings import Settings

TARGET = Path(__file__).resolve().parent.parent / "docs/configuration.md"
_HEAD = """# Configuration

<!-- Made by scripts/make_configuration_doc.py from dialer/settings.py: edit the comments there. -->

Settings come from `config/default.toml` (the folder is named by `DIALER_CONFIG_DIR`) and from variables, which win:
key `calls.lease_s` is the variable
`DIALER_CALLS__LEASE_S`. Lists and tables are written as JSON. A wrong key or value stops every command with its name.

Secrets are never read from the TOML file: set the variable, or put the value into a file of the variable's name (in
any case) in the folder that
`DIALER_SECRETS_DIR` names. Other variables:

| variable | meaning |
| --- | --- |
| `DIALER_CONFIG_DIR` | ops' folder; default: `config/` of the source tree, else the copy in the package |
| `DIALER_SECRETS_DIR` | a folder of files with secrets |
| `DIALER_ASTERISK_ROOT` | a root folder with an Asterisk, for tests and `dialer demo --asterisk` |

What belongs to one campaign (lines, window, retry ladder, script, caller id) is not here: `dialer campaign create
--help`.
"""


def comments(model: type[BaseModel]) -> dict[str, str]:
    """The `#:` comment above each field."""
    lines = inspect.getsource(model).splitlines()
    found: dict[str, str] = {}
    for node in ast.parse("\n".join(lines)).body[0].body:  # type: ignore[attr-defined]
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            above: list[str] = []
            for line in reversed(lines[: node.lineno - 1]):
                if not line.strip().startswith("#:"):
                    break
                above.insert(0, line.strip().removeprefix("#:").strip())
            found[node.target.id] = " ".join(above)
    return found


def type_name(kind: Any) -> str:
    """A type as ops read it."""
    if kind is SecretStr:
        return "secret"
    if get_origin(kind) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(kind))
    if get_args(kind) and type(None) in get_args(kind):
        return " or ".join(type_name(part) for part in get_args(kind) if part is not type(None)) + ", or nothing"
    if get_origin(kind) in (list, tuple):
        return f"list of {type_name(get_args(kind)[0])}"
    if get_origin(kind) is dict:
        return "table"
    names = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path"}
    return names.get(kind, getattr(kind, "__name__", str(kind)))


def default_of(field: FieldInfo) -> str:
    """The default as it would be typed."""
    if field.is_required():
        return "(required)"
    if field.annotation is SecretStr:
        return ""
    value = field.get_default(call_default_factory=True)
    if isinstance(value, Path):
        value = str(value).replace(str(Path.home()), "~")
    return "" if value in ("", None, {}, []) else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def tables(model: type[BaseModel], prefix: str) -> list[str]:
    """This model's keys, then those of the models inside it."""
    above = comments(model)
    rows, inner = [], []
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            inner += section(kind, f"{prefix}{name}.")
            continue
        if get_origin(kind) is dict and issubclass(get_args(kind)[1], BaseModel):
            inner += section(get_args(kind)[1], f"{prefix}{name}.NAME.")
        text = above.get(name, "").replace("|", "\\|")
        rows.append(f"| `{prefix}{name}` | {type_name(kind)} | {default_of(field)} | {text} |")
    return [*rows, *inner]


def section(model: type[BaseModel], prefix: str) -> list[str]:
    """A heading, the model's own words, and its table."""
    title = prefix.rstrip(".") or "general"
    words = inspect.cleandoc(model.__doc__ or "").replace("\n", " ")
    return [
        "",
        f"## {title}",
        "",
        words,
        "",
        "| key | type | default | meaning |",
        "| --- | --- | --- | --- |",
        *tables(model, prefix),
    ]


def document() -> str:
    """The whole page."""
    return _HEAD + "\n".join(section(Settings, "")) + "\n"


def main() -> int:
    """Write, or with `--check` compare; exit code 1 when the page is out of date."""
    text = document()
    if "--check" not in sys.argv:
        TARGET.write_text(text, "utf-8")
        return 0
    if TARGET.is_file() and TARGET.read_text("utf-8") == text:
        return 0
    print(f"{TARGET.name} is out of date: run scripts/make_configuration_doc.py (source: {module.__file__})")
    return 1


if __name__ == "__main__":
    sys.exit(main())
