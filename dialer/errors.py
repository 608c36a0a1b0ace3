"""Every error the dialer raises on purpose.

    DialerError
    +-- ConfigError            settings, scripts or templates are wrong; says which key
    +-- InputError             a caller's input is wrong; names the field (and row)
    +-- NotFoundError          no such campaign, order or attempt
    +-- ConflictError          the request contradicts the present state (a lost race, a duplicate name)
    +-- LedgerError            PostgreSQL failed
    +-- BrokerError            Redis or RabbitMQ failed
    +-- TelephonyError         Asterisk failed
    |   +-- AriError           an ARI request was refused; carries the HTTP status
    |   +-- AriUnavailableError  no connection to ARI
    |   +-- MediaError         the media WebSocket failed
    +-- ProviderError          a speech or language provider failed
    |   +-- ProviderTimeoutError
    |   +-- ProviderBusyError  rate limited, or its breaker is open
    +-- OrdersApiError         the shop's orders API refused or failed; carries the HTTP status if there was one
    +-- EmbeddedError          an embedded service did not start

`permanent` is all that retry policies read: a permanent error will not go away by trying again.
"""

from __future__ import annotations


class DialerError(Exception):
    """Base of all errors raised on purpose."""

    permanent: bool = True


class ConfigError(DialerError):
    """Settings, scripts or templates are wrong."""


class InputError(DialerError):
    """A caller's input is wrong.

    `field` names the offending field, `reason` says why in words for the person who typed it.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class NotFoundError(DialerError):
    """No such campaign, order or attempt."""


class ConflictError(DialerError):
    """The request contradicts the present state."""


class LedgerError(DialerError):
    """PostgreSQL failed."""

    permanent = False


class BrokerError(DialerError):
    """Redis or RabbitMQ failed."""

    permanent = False


class TelephonyError(DialerError):
    """Asterisk failed."""

    permanent = False


class AriError(TelephonyError):
    """An ARI request was refused."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"ARI answered {status}: {message}")
        self.status = status
        self.permanent = 400 <= status < 500


class AriUnavailableError(TelephonyError):
    """No connection to ARI."""


class MediaError(TelephonyError):
    """The media WebSocket failed."""


class ProviderError(DialerError):
    """A speech or language provider failed."""

    permanent = False

    def __init__(self, provider: str, message: str, *, permanent: bool = False) -> None:
        super().__init__(f"{provider}: {message}")
        self.provider = provider
        self.permanent = permanent


class ProviderTimeoutError(ProviderError):
    """The provider missed its deadline."""


class ProviderBusyError(ProviderError):
    """The provider limits our rate, or its breaker is open."""


class OrdersApiError(DialerError):
    """The shop's orders API refused or failed. `retry_after_s`: how long it asked us to wait (Retry-After)."""

    retry_after_s: float | None = None

    def __init__(self, message: str, *, status: int | None = None, permanent: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.permanent = permanent


class EmbeddedError(DialerError):
    """An embedded service did not start."""
