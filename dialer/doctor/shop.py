"""The shop's orders API."""

from __future__ import annotations

from dialer.doctor.finding import Finding, failed, ok, warning
from dialer.errors import ConfigError, OrdersApiError
from dialer.orders_api import OrdersApi
from dialer.settings import OrdersApiSettings

_CHECK = "orders API"
#: An order that no shop has: 404 is the expected answer.
PROBE_ORDER = "dialer-doctor"


async def check_orders_api(settings: OrdersApiSettings) -> list[Finding]:
    """Ask for an order that does not exist."""
    if not settings.url:
        advice = "Set DIALER_ORDERS_API__URL and DIALER_ORDERS_API__TOKEN; until then decisions are only in the ledger."
        return [warning(_CHECK, "not configured: the shop is not told of decisions", advice)]
    try:
        api = OrdersApi(settings)
    except ConfigError as error:
        return [failed(_CHECK, str(error), "Correct DIALER_ORDERS_API__URL.")]
    try:
        await api.get_order(PROBE_ORDER)
    except OrdersApiError as error:
        return [failed(_CHECK, str(error), _advice(error))]
    finally:
        await api.close()
    return [ok(_CHECK, "answers")]


def _advice(error: OrdersApiError) -> str:
    if error.status in (401, 403):
        return "The shop refuses the token: set DIALER_ORDERS_API__TOKEN to a valid one."
    if error.status is None:
        return "Check DIALER_ORDERS_API__URL, and that the shop can be reached from this machine."
    return "Check DIALER_ORDERS_API__URL: GET {url}/orders/ID must answer 200 or 404."
