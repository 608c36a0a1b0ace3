"""What every request needs, kept on the application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

from starlette.requests import HTTPConnection

from dialer.ledger.store import Ledger
from dialer.settings import Settings
from dialer.web.metrics import Metrics
from dialer.web.tokens import Signer, Tokens

#: Asks the broker whether it is there; raises BrokerError if not.
BrokerProbe = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class WebContext:
    """Shared by all requests of one application."""

    settings: Settings
    ledger: Ledger
    tokens: Tokens
    signer: Signer
    #: None when no broker is configured.
    probe_broker: BrokerProbe | None
    metrics: Metrics

    @property
    def dial_prefixes(self) -> tuple[str, ...]:
        """Country calling codes that may be dialed."""
        return tuple(self.settings.calls.allowed_prefixes)


def context_of(connection: HTTPConnection) -> WebContext:
    """The context of the application that serves `connection`."""
    return cast("WebContext", connection.app.state.context)
