"""The scripts' texts: every prompt is said for sample orders, so that no slip waits for the first call."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from dialer.conversation.script import Script, load_script
from dialer.doctor.finding import Finding, failed, ok, warning
from dialer.domain.order import Order
from dialer.errors import ConfigError

#: What the dialogue gives to these prompts and to no other.
_GIVEN: dict[str, dict[str, str]] = {
    "verify_address": {"new_address": "Тверь, улица Мира, дом 3"},
    "verify_date": {"new_date": "2026-12-01", "new_window": "10:00-14:00"},
    "call_later": {"delay_s": "7200"},
}
_BARE = Order("45678", "+79161234567", Decimal("3200"))


class _AnyColumn(dict[str, str]):
    """An order's extra columns, whichever a script asks for."""

    def __missing__(self, key: str) -> str:
        return "образец"

    def __contains__(self, key: object) -> bool:
        return True


_FULL = Order(
    "45678",
    "+79161234567",
    Decimal("3200.50"),
    customer_name="Анна",
    delivery_date=date(2026, 11, 25),
    delivery_window="10:00-14:00",
    address="Москва, улица Ленина, дом 5",
    attributes=_AnyColumn(),
)


def check_scripts(folder: Path, store_name: str) -> tuple[list[Finding], set[str]]:
    """Findings for every script of the folder, and the names of those that can be used."""
    parents = _parents(folder)
    findings: list[Finding] = []
    usable: set[str] = set()
    for path in sorted(folder.glob("*.yaml")):
        try:
            script = load_script(folder, path.stem)
        except ConfigError as error:
            # What others build upon need not be complete; its slips come up in those that extend it.
            if path.stem not in parents:
                findings.append(failed("script", str(error), f"Mend config/scripts/{path.name} or what it extends."))
            continue
        slips = list(_slips(script, store_name))
        findings.extend(slips or [ok("script", f"{script.name}: {len(script.templates)} prompts can be said")])
        usable |= set() if any(slip.state == "failed" for slip in slips) else {script.name}
    if not usable and not findings:
        findings.append(failed("script", f"no scripts in {folder}", "Set DIALER_CONFIG_DIR to the folder with them."))
    return findings, usable


def _parents(folder: Path) -> set[str]:
    """Scripts that others extend."""
    found = set()
    for path in folder.glob("*.yaml"):
        try:
            content = yaml.safe_load(path.read_text("utf-8"))
        except (OSError, yaml.YAMLError, UnicodeDecodeError):
            continue  # load_script says what is wrong with it.
        if isinstance(content, dict) and content.get("extends"):
            found.add(str(content["extends"]))
    return found


def _slips(script: Script, store_name: str) -> Iterator[Finding]:
    for prompt in sorted(script.templates):
        given: dict[str, Any] = _GIVEN.get(prompt, {})
        advice = f"Mend prompt {prompt} of script {script.name}; what texts may name: config/scripts/base.yaml."
        try:
            if not script.for_order(_FULL, store_name).text(prompt, **given):
                yield failed("script", f"script {script.name}, prompt {prompt}: says nothing", advice)
                continue
        except ConfigError as error:
            yield failed("script", str(error), advice)
            continue
        try:
            script.for_order(_BARE, store_name).text(prompt, **given)
        except ConfigError as error:
            yield warning(
                "script",
                f"{error} (for an order with number, phone and amount only)",
                "Every file must have this column, or the prompt must do without: {% if attributes.NAME is defined %}.",
            )
