"""`dialer api`: the JSON API, the live board and the metrics, on one port."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import click
from pydantic import SecretStr

from dialer.cli._common import demand_free_port, opened_ledger
from dialer.settings import Settings, settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

#: How long requests may take to end when the server is asked to stop; event streams are cut.
_GRACE_S: Final = 3
_BROKER_TIMEOUT_S: Final = 2.0


@click.command("api")
@click.option("--host", help="Address to listen on. Default: api.host of the settings.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port. Default: api.port of the settings.")
def command(*, host: str | None, port: int | None) -> None:
    """Serve the API and the live board.

    Tokens come from DIALER_API__READ_TOKEN, DIALER_API__ENQUEUE_TOKEN and DIALER_API__CONTROL_TOKEN; without any, one
    is made for this run and printed. Put a proxy with TLS in front of it for use over a network.
    """
    import asyncio

    config = settings()
    given = {key: value for key, value in (("host", host), ("port", port)) if value is not None}
    config = config.model_copy(update={"api": config.api.model_copy(update=given)})
    demand_free_port(config.api)
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(_with_token(config)))


def _with_token(config: Settings) -> Settings:
    """The settings with at least one token."""
    from dialer.web.tokens import no_tokens

    if not no_tokens(config.api):
        return config
    token = secrets.token_urlsafe(18)
    click.echo(f"No token is set (DIALER_API__CONTROL_TOKEN). For this run only: {token}")
    return config.model_copy(update={"api": config.api.model_copy(update={"control_token": SecretStr(token)})})


async def _serve(config: Settings) -> None:
    import uvicorn

    from dialer.web.app import create_app

    async with opened_ledger(interactive=False) as ledger:
        app = create_app(config, ledger, probe_broker=_broker_probe(config))
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                host=config.api.host,
                port=config.api.port,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=True,
                timeout_graceful_shutdown=_GRACE_S,
            )
        )
        click.echo(f"Board http://{config.api.host}:{config.api.port}/  API /docs  Metrics /metrics")
        await server.serve()


def _broker_probe(config: Settings) -> Callable[[], Awaitable[None]] | None:
    """Asks the configured broker whether it takes connections."""
    if not config.broker_url:
        return None

    async def probe() -> None:
        import asyncio

        await asyncio.to_thread(_knock, config.broker_url)

    return probe


def _knock(url: str) -> None:
    """Raises BrokerError."""
    from kombu.connection import Connection

    from dialer.errors import BrokerError

    with Connection(url, connect_timeout=_BROKER_TIMEOUT_S) as connection:  # type: ignore[no-untyped-call]
        try:
            connection.ensure_connection(max_retries=1, interval_start=0.1, timeout=_BROKER_TIMEOUT_S)
        except connection.connection_errors + connection.channel_errors as error:
            raise BrokerError(f"the broker does not answer: {type(error).__name__}") from error
