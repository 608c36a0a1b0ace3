"""Settings: `config/default.toml`, overridden by `DIALER_*` environment variables.

Nested names join with two underscores: `DIALER_ARI__URL`, `DIALER_CALLS__LEASE_S`. Secrets are read only
from the environment, or from files in `DIALER_SECRETS_DIR` that are named like the variables (`DIALER_ARI__PASSWORD`,
in any case), never from the TOML file, and never printed.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from dialer.errors import ConfigError


def config_dir() -> Path:
    """The folder that ops edit: `DIALER_CONFIG_DIR`, else `config/` of the source tree, else the wheel's copy.

    Raises ConfigError for a `DIALER_CONFIG_DIR` that is not there.
    """
    named = os.environ.get("DIALER_CONFIG_DIR")
    if named:
        if not Path(named).is_dir():
            raise ConfigError(f"DIALER_CONFIG_DIR: there is no folder {named}")
        return Path(named)
    package = Path(__file__).resolve().parent
    source_tree = package.parent / "config"
    return source_tree if (source_tree / "default.toml").is_file() else package / "_config"


class Section(BaseModel):
    """Settings that belong together. A name that is none is refused: it would be a slip that nobody notices."""

    model_config = ConfigDict(extra="forbid")


class AudioSocketSettings(Section):
    """Where a call worker waits for an Asterisk that connects to it for audio (AudioSocket, TCP, not encrypted)."""

    #: Address to listen on; empty: the one from which this machine reaches Asterisk.
    host: str = ""
    #: First port; each worker process of a machine takes the next free one, of a hundred. 0: any free port.
    port: int = Field(default=0, ge=0, le=65535)
    #: HOST or HOST:PORT that Asterisk is told to connect to; empty: where the worker listens.
    advertise: str = ""


class AriSettings(Section):
    """One Asterisk node's REST interface."""

    url: str = "http://127.0.0.1:8088/ari"
    username: str = "dialer"
    password: SecretStr = SecretStr("")
    #: Name of the Asterisk node that this worker is bound to; `default` uses the `calls` queue.
    node: str = "default"
    #: Dial string; `{number}` is a validated E.164 number without the plus sign.
    endpoint: str = "PJSIP/{number}@trunk"
    #: How audio travels; `auto`: by WebSocket where Asterisk has that (20.16, 22.6 or newer), else by AudioSocket.
    media: Literal["auto", "websocket", "audiosocket"] = "auto"
    audiosocket: AudioSocketSettings = AudioSocketSettings()
    request_timeout_s: float = 5.0
    reconnect_min_s: float = 0.2
    reconnect_max_s: float = 10.0


class NodeSettings(Section):
    """One of several Asterisk nodes. What is left out is as in `ari`; user and password are the same on all nodes."""

    url: str
    endpoint: str | None = None
    #: Most simultaneous calls of this node, over all campaigns; 0: as many as the campaigns have lines.
    lines: int = Field(default=0, ge=0)


class CallSettings(Section):
    """One call's life. Lease and grace bound how long a dead worker's attempt stays in limbo."""

    lease_s: float = 30.0
    #: A published attempt that no worker has claimed after this long is published again.
    publish_grace_s: float = 20.0
    #: Extra life that Asterisk itself gives a channel over `max_call_s` before it cuts it.
    cap_margin_s: float = 10.0
    #: Country calling codes that may be dialed.
    allowed_prefixes: list[str] = Field(default_factory=lambda: ["7"])
    #: How long a worker that is told to end lets live calls go on; then it hangs up.
    drain_s: float = 240.0


class OrdersApiSettings(Section):
    """The shop's orders API."""

    url: str = ""
    token: SecretStr = SecretStr("")
    timeout_s: float = 10.0
    retry_base_s: float = 2.0
    retry_max_s: float = 900.0
    #: After this many refused or failed tries a delivery becomes a dead letter.
    max_tries: int = 40


class OpenAISettings(Section):
    """Any OpenAI-compatible server."""

    base_url: str | None = None
    api_key: SecretStr = SecretStr("")
    chat_model: str = "gpt-4o-mini"
    transcribe_model: str = "gpt-4o-mini-transcribe"
    speech_model: str = "gpt-4o-mini-tts"
    speech_voice: str = "alloy"
    chat_timeout_s: float = 2.0
    transcribe_timeout_s: float = 3.0
    speech_timeout_s: float = 4.0
    retries: int = 1


class SpeechSettings(Section):
    """Which providers hear and speak, and where rendered prompts are kept."""

    recognizer: Literal["openai", "phrase_bank"] = "phrase_bank"
    synthesizer: Literal["openai", "offline"] = "offline"
    #: File of the phrases that the phrase bank knows, as JSON (simulated customers only).
    phrase_bank: Path | None = None
    #: Disk budget for cached prompts.
    cache_max_mb: int = 500


class UnderstandingSettings(Section):
    """Rules first; the language model only for what rules leave open."""

    llm: bool = False
    #: Below this confidence the bot asks back before it confirms or cancels.
    min_confidence: float = 0.7


class RetentionSettings(Section):
    """How long personal data is kept."""

    recordings_days: int = 30
    transcripts_days: int = 90


class PickupSettings(Section):
    """The watched folder: `FOLDER/CAMPAIGN/*.csv` is imported into that campaign. None: no folder is watched."""

    folder: Path | None = None
    #: A file that has not changed for so long is taken for complete.
    stable_s: float = Field(default=10.0, ge=0.0)


class ApiSettings(Section):
    """The API's bearer tokens, by scope; an empty token disables its scope."""

    host: str = "127.0.0.1"
    port: int = 8080
    read_token: SecretStr = SecretStr("")
    enqueue_token: SecretStr = SecretStr("")
    control_token: SecretStr = SecretStr("")
    max_body_mb: int = 32


class Settings(BaseSettings):
    """All settings. An empty `database_url` or `broker_url` means the embedded service under `home`."""

    model_config = SettingsConfigDict(
        env_prefix="DIALER_",
        env_nested_delimiter="__",
        extra="forbid",
        hide_input_in_errors=True,
        secrets_dir=os.environ.get("DIALER_SECRETS_DIR"),
    )

    #: Folder of embedded services, prompt cache, recordings and transcripts.
    home: Path = Field(default_factory=lambda: Path.home() / ".local" / "share" / "dialer")
    #: `postgresql://USER:PASSWORD@HOST/DATABASE`; never shown, for it may hold a password.
    database_url: str = Field(default="", repr=False)
    #: `redis://...` or `amqp://...`; never shown either.
    broker_url: str = Field(default="", repr=False)
    log_level: str = "INFO"
    log_json: bool = False
    store_name: str = "Твой выбор"
    #: Divides retry countdowns; above 1 only in demos and tests.
    time_scale: float = Field(default=1.0, ge=1.0)
    #: Seconds between dispatcher ticks.
    tick_s: float = 1.0
    record_calls: bool = True
    #: Where "operator" calls are transferred; empty: the order is marked needs_operator.
    operator_endpoint: str = ""
    ari: AriSettings = AriSettings()
    #: Several Asterisk nodes, by name: calls are spread over them, and each call worker is bound to one by `ari.node`.
    #: Empty: only the one that `ari` describes.
    nodes: dict[str, NodeSettings] = Field(default_factory=dict)
    calls: CallSettings = CallSettings()
    orders_api: OrdersApiSettings = OrdersApiSettings()
    openai: OpenAISettings = OpenAISettings()
    speech: SpeechSettings = SpeechSettings()
    understanding: UnderstandingSettings = UnderstandingSettings()
    retention: RetentionSettings = RetentionSettings()
    api: ApiSettings = ApiSettings()
    pickup: PickupSettings = PickupSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        toml = TomlConfigSettingsSource(settings_cls, config_dir() / "default.toml")
        secret_files = NestedSecretsSettingsSource(file_secret_settings, secrets_dir_missing="error")
        return init_settings, env_settings, secret_files, toml

    @property
    def node_lines(self) -> dict[str, int]:
        """The nodes that calls are spread over, with the most calls that each takes (0: no limit)."""
        return {name: node.lines for name, node in self.nodes.items()} or {self.ari.node: 0}

    def on_node(self, name: str) -> Settings:
        """These settings with `ari` as it is for one node.

        Raises ConfigError when there are nodes and none of this name.
        """
        if not self.nodes:
            return self
        node = self.nodes.get(name)
        if node is None:
            raise ConfigError(f"ari.node: {name!r} is none of nodes: {', '.join(self.nodes)}")
        ari = {"node": name, "url": node.url, "endpoint": node.endpoint or self.ari.endpoint}
        return self.model_copy(update={"ari": self.ari.model_copy(update=ari)})


def load_settings(**overrides: Any) -> Settings:
    """Read all sources; `overrides` win.

    Raises ConfigError naming the key and the reason.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'settings'}: {item['msg']}" for item in error.errors()
        )
        raise ConfigError(f"settings are wrong: {problems}") from error
    except (OSError, ValueError) as error:
        # Files that may not be read, TOML that is none.
        raise ConfigError(f"settings cannot be read: {error}") from error


@cache
def settings() -> Settings:
    """The process's settings, read once."""
    return load_settings()
