"""The hand-over to an operator: what the operator's side is told of the order, and the transfer itself."""

from __future__ import annotations

from dialer.conversation.script import OrderScript
from dialer.telephony.ports import Line

#: How long an operator's phone rings.
TRANSFER_TIMEOUT_S = 30.0
#: The order's data that goes along, by channel variable. Asterisk logs variables, so nothing personal is among them:
#: the operator's desk looks the customer up by the order's number.
_VARIABLES = {
    "ORDER_ID": "order_id",
    "ORDER_AMOUNT": "amount",
    "ORDER_DELIVERY_DATE": "delivery_date",
    "ORDER_DELIVERY_WINDOW": "delivery_window",
}


def order_variables(script: OrderScript) -> dict[str, str]:
    """The order's data as channel variables; what is unknown is left out."""
    known = {name: script.values[key] for name, key in _VARIABLES.items()}
    return {name: str(value) for name, value in known.items() if value is not None}


async def hand_over(line: Line, endpoint: str, script: OrderScript) -> bool:
    """Whether an operator has taken the call; without an endpoint nobody does."""
    return bool(endpoint) and await line.transfer(endpoint, order_variables(script), TRANSFER_TIMEOUT_S)
