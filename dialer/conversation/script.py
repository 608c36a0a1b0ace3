"""Scripts: the bot's texts (sandboxed Jinja2) and each step's timings, from `config/scripts/NAME.yaml`.

A script may extend another; texts stand inline or in `.j2` files beside it. Everything is checked at load: unknown
keys, missing prompts and templates that do not parse raise ConfigError naming script and key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ConfigDict, ValidationError

from dialer.conversation.moves import Step
from dialer.domain.order import Order
from dialer.errors import ConfigError
from dialer.speech import spoken

#: Every prompt that the dialogue may ask for.
PROMPTS = frozenset(
    "greeting order_info order_question verify_confirm verify_cancel confirmed cancelled ask_address "
    "ask_address_again verify_address address_changed ask_date verify_date date_changed ask_time call_later "
    "wrong_person do_not_call transfer operator_will_call reprompt_unknown reprompt_silence keypad keypad_verify "
    "hold hold_again".split()
)
#: Prompts that a script may have: `voicemail_message` is left on machines after their beep.
OPTIONAL_PROMPTS = frozenset({"voicemail_message"})
#: Prompts that are the same in every call of a script: rendered before they are needed.
FIXED_PROMPTS = (
    "hold hold_again confirmed cancelled ask_address reprompt_silence reprompt_unknown order_question verify_confirm "
    "verify_cancel ask_date ask_time address_changed date_changed keypad keypad_verify operator_will_call transfer "
    "wrong_person do_not_call ask_address_again".split()
)
_FILE_NAME = re.compile(r"[\w-]+\.j2")


class StepTimings(BaseModel):
    """How a step listens. Milliseconds and seconds as named."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: Silence that ends a turn whose words are complete in themselves ("да, подтверждаю").
    end_pause_ms: int = 300
    #: Silence that ends any other turn.
    unclear_pause_ms: int = 900
    #: Silence after the prompt at which the bot asks again.
    answer_timeout_s: float = 5.0
    #: Whether the customer may talk over the prompt.
    interruptible: bool = True


class _ScriptFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    extends: str | None = None
    prompts: dict[str, str | dict[str, str]] = {}
    defaults: dict[str, Any] = {}
    steps: dict[Step, dict[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class Script:
    """A loaded script."""

    name: str
    templates: Mapping[str, Template]
    timings: Mapping[Step, StepTimings]

    def for_order(self, order: Order, store_name: str) -> OrderScript:
        """The script with one order's values filled in."""
        values = {
            "store_name": store_name,
            "order_id": order.order_id,
            "amount": order.amount,
            "customer_name": order.customer_name,
            "delivery_date": order.delivery_date,
            "delivery_window": order.delivery_window,
            "address": order.address,
            "attributes": order.attributes,
        }
        return OrderScript(self, values)


@dataclass(frozen=True, slots=True)
class OrderScript:
    """What the bot says in one call."""

    script: Script
    values: Mapping[str, Any]

    def text(self, prompt: str, **values: str) -> str:
        """The words of a prompt on one line. Raises ConfigError when a template names an unknown value."""
        try:
            rendered = self.script.templates[prompt].render({**self.values, **values})
        except (TemplateError, ValueError, TypeError) as error:
            raise ConfigError(f"script {self.script.name}, prompt {prompt}: {error}") from error
        return " ".join(rendered.split())

    def has(self, prompt: str) -> bool:
        """Whether the script has an optional prompt."""
        return bool(prompt in self.script.templates)

    def timings(self, step: Step) -> StepTimings:
        """How this step listens."""
        return self.script.timings[step]


def load_script(folder: Path, name: str) -> Script:
    """Read `folder/NAME.yaml` and what it extends. Raises ConfigError."""
    prompts: dict[str, str] = {}
    defaults: dict[str, Any] = {}
    steps: dict[Step, dict[str, Any]] = {}
    for part in _lineage(folder, name):
        prompts |= {key: _prompt_text(folder, name, key, value) for key, value in part.prompts.items()}
        defaults |= part.defaults
        for step, timings in part.steps.items():
            steps[step] = steps.get(step, {}) | timings
    _check_names(name, prompts)
    environment = _environment()
    try:
        timed = {step: StepTimings(**(defaults | steps.get(step, {}))) for step in Step}
    except ValidationError as error:
        raise ConfigError(f"script {name}: {error}") from error
    return Script(name, {key: _compile(environment, name, key, text) for key, text in prompts.items()}, timed)


def _lineage(folder: Path, name: str) -> list[_ScriptFile]:
    """The script and its ancestors, eldest first."""
    files: list[_ScriptFile] = []
    seen: set[str] = set()
    current: str | None = name
    while current is not None:
        if current in seen or not re.fullmatch(r"[\w-]+", current):
            raise ConfigError(f"script {name}: bad or circular extends: {current}")
        seen.add(current)
        path = folder / f"{current}.yaml"
        try:
            part = _ScriptFile.model_validate(yaml.safe_load(path.read_text("utf-8")) or {})
        except (OSError, yaml.YAMLError, ValidationError) as error:
            raise ConfigError(f"script {path}: {error}") from error
        files.insert(0, part)
        current = part.extends
    return files


def _prompt_text(folder: Path, name: str, key: str, value: str | dict[str, str]) -> str:
    if isinstance(value, str):
        return value
    file_name = value.get("file", "")
    if not _FILE_NAME.fullmatch(file_name):
        raise ConfigError(f"script {name}, prompt {key}: expected a text or {{file: NAME.j2}}")
    try:
        return (folder / file_name).read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"script {name}, prompt {key}: {error}") from error


def _check_names(name: str, prompts: Mapping[str, str]) -> None:
    missing, unknown = PROMPTS - prompts.keys(), prompts.keys() - PROMPTS - OPTIONAL_PROMPTS
    if missing or unknown:
        raise ConfigError(f"script {name}: missing prompts {sorted(missing)}, unknown prompts {sorted(unknown)}")


def _compile(environment: ImmutableSandboxedEnvironment, name: str, key: str, text: str) -> Template:
    try:
        return environment.from_string(text)
    except TemplateError as error:
        raise ConfigError(f"script {name}, prompt {key}: {error}") from error


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    filters: dict[str, Callable[..., str]] = {
        "rubles": spoken.rubles,
        "day": _day,
        "hours": spoken.window,
        "delay": lambda seconds: spoken.delay(float(seconds)),
    }
    environment.filters.update(filters)
    return environment


def _day(value: date | str) -> str:
    return spoken.day(date.fromisoformat(value) if isinstance(value, str) else value)
