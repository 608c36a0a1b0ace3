"""What a person would cost for the same calls: the price table `config/operator.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dialer.errors import ConfigError
from dialer.settings import config_dir


class OperatorPrices(BaseModel):
    """Roubles, and seconds of paid time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: A working hour.
    hour: float = Field(ge=0)
    #: Around every dial.
    dial_s: float = Field(ge=0)
    #: After every talk.
    after_talk_s: float = Field(ge=0)
    #: How many times longer a person talks.
    talk_factor: float = Field(gt=0)
    #: The trunk.
    trunk_minute: float = Field(ge=0)

    def cost_rub(self, *, dials: int, talks: int, talk_s: float) -> float:
        """Of so many dials, of which `talks` were answered and the bot talked for `talk_s` in all."""
        own_talk_s = talk_s * self.talk_factor
        paid_s = dials * self.dial_s + talks * self.after_talk_s + own_talk_s
        return paid_s / 3600 * self.hour + own_talk_s / 60 * self.trunk_minute

    def trunk_rub(self, talk_s: float) -> float:
        """The trunk alone."""
        return talk_s / 60 * self.trunk_minute


def load_operator_prices(path: Path | None = None) -> OperatorPrices:
    """The price table. Raises ConfigError naming the key."""
    source = path or config_dir() / "operator.toml"
    try:
        return OperatorPrices.model_validate(tomllib.loads(source.read_text("utf-8")))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise ConfigError(f"{source}: {where}: {error.errors()[0]['msg']}") from error
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{source}: {error}") from error
