"""Batches of orders in, as JSON or CSV."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dialer import campaigns
from dialer.errors import InputError
from dialer.intake import OrdersFile, ParsedRow, order_from_mapping
from dialer.web.api.access import Context, Enqueuer
from dialer.web.api.campaigns import CampaignName
from dialer.web.api.schemas import BatchResult
from dialer.web.problems import HttpProblem, documented

router: Final = APIRouter(prefix="/api/v1/campaigns", tags=["orders"])
#: Orders in one request; larger files go in several, or by `dialer import`.
MAX_ROWS: Final = 50_000
_JSON: Final = "application/json"
_CSV: Final = "text/csv"


class OrderRow(BaseModel):
    """One order. The names of `config`'s CSV columns are understood as well; unknown ones become attributes.

    Nothing is demanded of a row's fields by this type: what is wrong with a row is answered for that row.
    """

    model_config = ConfigDict(extra="allow")

    order_id: Any = Field(None, description="The shop's number. Required.", examples=["45678"])
    phone: Any = Field(None, description="In any usual form. Required.", examples=["8 916 123-45-67"])
    amount: Any = Field(None, description="Roubles. Required.", examples=["3 200,00"])
    customer_name: Any = Field(None, examples=["Анна"])
    delivery_date: Any = Field(None, examples=["2026-11-25"])
    delivery_window: Any = Field(None, examples=["10:00-14:00"])
    address: Any = Field(None, examples=["Москва, улица Ленина, дом 5"])
    timezone: Any = Field(None, description="The customer's, if not the campaign's.", examples=["Asia/Omsk"])


class BatchOfOrders(BaseModel):
    """Orders for a campaign."""

    model_config = ConfigDict(extra="forbid")

    orders: list[OrderRow] = Field(min_length=1, max_length=MAX_ROWS)


_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            _JSON: {"schema": {"$ref": "#/components/schemas/BatchOfOrders"}},
            _CSV: {
                "schema": {
                    "type": "string",
                    "description": "The simplest header; docs/csv.md names all columns, encodings and delimiters.",
                    "pattern": "^order_id;phone;amount\n",
                },
                "example": "order_id;phone;amount\n45678;8 916 123-45-67;3 200,00\n",
            },
        },
    }
}


@router.post(
    "/{name}/batches",
    summary="Hand over orders",
    responses=documented(404, 409, 413, 415),
    openapi_extra=_BODY,
)
async def receive(
    name: CampaignName,
    request: Request,
    response: Response,
    context: Context,
    _: Enqueuer,
    idempotency_key: Annotated[
        str | None,
        Header(max_length=200, pattern=r"^[\x21-\x7e]+$", description="Repeat a request safely: the same answer."),
    ] = None,
) -> BatchResult:
    """Good rows are taken in, bad ones are explained, one never stops the other.

    Orders that the campaign has already are left as they are. The whole batch is one transaction: after an error
    nothing has been added. CSV is read as `dialer import` reads it (docs/csv.md).
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (_JSON, _CSV):
        raise HttpProblem(415, f"send orders as {_JSON} or {_CSV}")
    body = await request.body()
    read: Callable[[bytes, tuple[str, ...]], list[ParsedRow]] = _rows_of_csv if kind == _CSV else _rows_of_json
    rows = await asyncio.to_thread(read, body, context.dial_prefixes)
    received = await campaigns.receive_batch(
        context.ledger,
        name,
        rows,
        source="api",
        key=idempotency_key,
        digest=hashlib.sha256(kind.encode() + b"\0" + body).hexdigest(),
    )
    if received.repeated:
        response.headers["Idempotency-Replayed"] = "true"
    return BatchResult(repeated=received.repeated, **received.answer)


def _rows_of_json(body: bytes, prefixes: tuple[str, ...]) -> list[ParsedRow]:
    try:
        batch = BatchOfOrders.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError([{**item, "loc": ("body", *item["loc"])} for item in error.errors()]) from error
    return [order_from_mapping(row.model_dump(exclude_unset=True), allowed_prefixes=prefixes) for row in batch.orders]


def _rows_of_csv(body: bytes, prefixes: tuple[str, ...]) -> list[ParsedRow]:
    rows: list[ParsedRow] = []
    for row in OrdersFile(io.BytesIO(body), allowed_prefixes=prefixes):
        if len(rows) >= MAX_ROWS:
            raise InputError("body", f"more than {MAX_ROWS} rows: send them in several requests, or by `dialer import`")
        rows.append(row)
    return rows
