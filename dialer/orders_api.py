"""The shop's orders API: tell it what the customer decided, ask whether an order still needs a call.

    PATCH {url}/orders/{order_id}   {"status": ..., "confirmation_data": {...}}
    GET   {url}/orders/{order_id}   -> the shop's record as a JSON object, or 404

Both carry `Authorization: Bearer`; the PATCH also an `Idempotency-Key`, so that a repeated delivery has one effect.
Bodies and tokens are never logged and never part of an error's message.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote

import aiohttp
from yarl import URL

from dialer.errors import ConfigError, OrdersApiError
from dialer.settings import OrdersApiSettings

#: Refusals that may pass: timeout, conflict (another delivery of this order is under way), too early, rate limit.
_PASSING_4XX: Final = frozenset({408, 409, 425, 429})
#: An order's record larger than this is not read.
MAX_BODY_BYTES: Final = 1 << 20
MAX_RETRY_AFTER_S: Final = 86_400.0
_MAX_CONNECTIONS: Final = 20


class OrdersApi:
    """One client per process, on its event loop. The session is opened with the first request."""

    def __init__(self, settings: OrdersApiSettings) -> None:
        """Raises ConfigError if the URL is not http(s)."""
        self._base = settings.url.rstrip("/")
        if not self._base.startswith(("http://", "https://")):
            raise ConfigError("orders_api.url must begin with http:// or https://")
        self._token = settings.token
        self._timeout_s = settings.timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def update_order(
        self, order_id: str, status: str, confirmation_data: Mapping[str, Any], idempotency_key: str
    ) -> None:
        """Returns once the shop has acknowledged (2xx). Raises OrdersApiError."""
        body = {"status": status, "confirmation_data": dict(confirmation_data)}
        headers = {"Idempotency-Key": idempotency_key}
        async with self._request("PATCH", order_id, json=body, headers=headers) as response:
            _raise_for_status(response)

    async def get_order(self, order_id: str) -> dict[str, Any] | None:
        """The shop's record, None if it knows no such order. Raises OrdersApiError."""
        async with self._request("GET", order_id) as response:
            if response.status == 404:
                return None
            _raise_for_status(response)
            return _record(await _bounded_body(response), response.status)

    async def close(self) -> None:
        """Close the session; safe to call twice."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            token = self._token.get_secret_value()
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._timeout_s),
                connector=aiohttp.TCPConnector(limit=_MAX_CONNECTIONS),
                headers={"Authorization": f"Bearer {token}"} if token else {},
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def _url(self, order_id: str) -> URL:
        """The order's address; its id can be any text and stays one path segment."""
        return URL(f"{self._base}/orders/{quote(order_id, safe='')}", encoded=True)

    @asynccontextmanager
    async def _request(self, method: str, order_id: str, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        """The one place where aiohttp's errors get our name. Redirects are not followed: they would leak the token."""
        try:
            url = self._url(order_id)
            async with self._opened().request(method, url, allow_redirects=False, **options) as response:
                yield response
        except TimeoutError as error:
            raise _failure(f"no answer within {self._timeout_s:g} s") from error
        except (aiohttp.InvalidURL, ValueError) as error:
            raise _failure("the order's address is not a valid URL", permanent=True) from error
        except (aiohttp.ClientError, OSError) as error:
            raise _failure(f"request failed ({type(error).__name__})") from error


def _raise_for_status(response: aiohttp.ClientResponse) -> None:
    status = response.status
    if 200 <= status < 300:
        return
    permanent = 300 <= status < 500 and status not in _PASSING_4XX
    error = _failure(f"answered {status}", status=status, permanent=permanent)
    error.retry_after_s = _retry_after_s(response.headers.get("Retry-After"))
    raise error


def _retry_after_s(header: str | None) -> float | None:
    """Seconds to wait from `Retry-After` (a number or an HTTP date, RFC 9110 10.2.3); None if absent or unreadable."""
    if header is None:
        return None
    try:
        seconds = float(header) if header.strip().isdigit() else _seconds_until(header)
    except (ValueError, TypeError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)


def _seconds_until(http_date: str) -> float:
    moment = parsedate_to_datetime(http_date)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - datetime.now(UTC)).total_seconds()


async def _bounded_body(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(1 << 16):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise _failure("the order's record is too large", status=response.status)
    return bytes(body)


def _record(body: bytes, status: int) -> dict[str, Any]:
    try:
        record = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _failure("the order's record is not JSON", status=status) from error
    if not isinstance(record, dict):
        raise _failure("the order's record is not an object", status=status)
    return record


def _failure(message: str, *, status: int | None = None, permanent: bool = False) -> OrdersApiError:
    return OrdersApiError(f"orders API: {message}", status=status, permanent=permanent)
