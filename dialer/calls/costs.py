"""What a call cost: its units by the price table `config/prices.toml`."""

from __future__ import annotations

import math
import tomllib
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dialer.domain.usage import Usage
from dialer.errors import ConfigError
from dialer.settings import SpeechSettings, config_dir


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Telephony(_Part):
    minute: float = Field(default=0.0, ge=0)
    billing_unit_s: float = Field(default=1.0, gt=0)


class _Llm(_Part):
    input: float = Field(default=0.0, ge=0)
    output: float = Field(default=0.0, ge=0)


class Prices(_Part):
    """Roubles: a telephony minute, a minute of recognised audio, a thousand synthesised characters, 1000 tokens."""

    telephony: _Telephony = _Telephony()
    stt: dict[str, float] = {}
    tts: dict[str, float] = {}
    llm: _Llm = _Llm()


def load_prices(path: Path) -> Prices:
    """Read the table. A missing file means that nothing is known to cost anything. Raises ConfigError."""
    try:
        return Prices.model_validate(tomllib.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return Prices()
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise ConfigError(f"{path}: {error}") from error


@cache
def prices() -> Prices:
    """The process's price table, read once."""
    return load_prices(config_dir() / "prices.toml")


def cost_rub(table: Prices, usage: Usage, talk_s: float, speech: SpeechSettings) -> dict[str, float]:
    """The parts of a call's cost, in roubles. A started billing unit is paid in full."""
    unit_s = table.telephony.billing_unit_s
    minutes = math.ceil(round(talk_s / unit_s, 6)) * unit_s / 60
    parts = {
        "telephony": minutes * table.telephony.minute,
        "stt": usage.stt_s / 60 * table.stt.get(speech.recognizer, 0.0),
        "tts": usage.tts_characters / 1000 * table.tts.get(speech.synthesizer, 0.0),
        "llm": (usage.llm_input_tokens * table.llm.input + usage.llm_output_tokens * table.llm.output) / 1000,
    }
    return {name: round(value, 4) for name, value in parts.items()}
