"""compose.yaml as Docker Compose would read it: variables filled in, profiles chosen, services in order of start."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
_VARIABLE = re.compile(r"\$\$|\$\{(?P<name>[A-Z_][A-Z0-9_]*)(?P<how>:-|:\?)?(?P<rest>[^}]*)\}")


class MissingVariableError(Exception):
    """A variable without which compose refuses to start."""


@dataclass(frozen=True)
class Service:
    """One service of the file."""

    name: str
    raw: Mapping[str, Any]

    @property
    def command(self) -> list[str]:
        return [str(word) for word in [*self.raw.get("entrypoint", []), *self.raw.get("command", [])]]

    @property
    def environment(self) -> dict[str, str]:
        return {key: str(value) for key, value in (self.raw.get("environment") or {}).items()}

    @property
    def health(self) -> list[str] | None:
        """The health check as a command line."""
        check = self.raw.get("healthcheck")
        if check is None:
            return None
        kind, *words = [str(word) for word in check["test"]]
        return ["sh", "-c", words[0]] if kind == "CMD-SHELL" else words

    @property
    def needs(self) -> dict[str, dict[str, Any]]:
        return dict(self.raw.get("depends_on") or {})


def interpolate(text: str, env: Mapping[str, str]) -> str:
    """`$$`, `${NAME}`, `${NAME:-default}` and `${NAME:?}`. Raises MissingVariableError."""

    def fill(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        value = env.get(found["name"], "")
        if found["how"] == ":?" and not value:
            raise MissingVariableError(found["name"])
        return value or (found["rest"] if found["how"] == ":-" else "")

    return _VARIABLE.sub(fill, text)


def _walk(node: Any, env: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _walk(value, env) for key, value in node.items()}
    if isinstance(node, list):
        return [_walk(value, env) for value in node]
    return interpolate(node, env) if isinstance(node, str) else node


def read_compose(
    env: Mapping[str, str], profiles: Collection[str] = (), path: Path | None = None
) -> dict[str, Service]:
    """The services of these profiles, those that others need first."""
    document = _walk(yaml.safe_load((path or ROOT / "compose.yaml").read_text("utf-8")), env)
    chosen = {
        name: Service(name, raw)
        for name, raw in document["services"].items()
        if not raw.get("profiles") or set(raw["profiles"]) & set(profiles)
    }
    graph = {name: [need for need in service.needs if need in chosen] for name, service in chosen.items()}
    return {name: chosen[name] for name in TopologicalSorter(graph).static_order()}


def dotenv(text: str) -> dict[str, str]:
    """The variables of an environment file."""
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in (line.partition("=") for line in lines)}
