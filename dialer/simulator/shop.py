"""The simulated shop: an orders API with a log of its own, and with faults on demand.

    python -m dialer.simulator.shop --port 0 --log shop.jsonl --ready FILE [--orders FILE] [--token T] [--faults JSON]

Its log is the far side's account of what was delivered: the judge of lost and doubled decisions. One JSON object a
line: `{"at", "kind": "request" | "effect", "method", "order_id", "key", "status", ...}`. A request line is written
for everything that arrives (with the answer, or the fault it got), an effect line once per idempotency key.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from dialer.simulator.shop_faults import Fault, FaultPlan

#: An order that nobody preset.
DEFAULT_STATUS = "new"
#: A key whose effect was made, with the fingerprint of its body and the answer that it got.
Answer = tuple[str, dict[str, Any]]


@dataclass(slots=True)
class ShopOrder:
    """One order in the shop's own books."""

    order_id: str
    status: str = DEFAULT_STATUS
    confirmation_data: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"order_id": self.order_id, "status": self.status, "confirmation_data": self.confirmation_data}


class SimulatedShop:
    """The shop in this process: `async with SimulatedShop(token="t") as shop: shop.url, shop.log`.

    `orders` maps order ids to their status ("paid", "cancelled", ...); ids that nobody preset are taken for new
    orders unless `strict`. `log` holds every entry in memory; with `log_path` each one is also appended to a file.
    """

    def __init__(
        self,
        *,
        token: str = "",
        orders: dict[str, str] | None = None,
        strict: bool = False,
        log_path: Path | None = None,
        faults: FaultPlan | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.faults = faults or FaultPlan()
        self.log: list[dict[str, Any]] = []
        self._token = token
        self._strict = strict
        self._orders = {order_id: ShopOrder(order_id, status) for order_id, status in (orders or {}).items()}
        self._answers: dict[str, Answer] = {}
        self._log_file = log_path.open("a", encoding="utf-8", buffering=1) if log_path else None
        self._address = (host, port)
        self._runner: web.AppRunner | None = None
        self._stopping = asyncio.Event()
        self.port = 0

    @property
    def url(self) -> str:
        """Base URL of the API."""
        return f"http://{self._address[0]}:{self.port}"

    @property
    def effects(self) -> list[dict[str, Any]]:
        """Effects in their order: exactly one per idempotency key."""
        return [entry for entry in self.log if entry["kind"] == "effect"]

    def order(self, order_id: str) -> ShopOrder | None:
        """The shop's present record."""
        return self._orders.get(order_id)

    def preset(self, order_id: str, status: str) -> None:
        """Settle an order in the shop behind the dialer's back."""
        self._orders[order_id] = ShopOrder(order_id, status)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=1 << 20)
        app.router.add_get("/orders/{order_id}", self._get)
        app.router.add_patch("/orders/{order_id}", self._patch)
        app.router.add_post("/_faults", self._set_faults)
        app.router.add_put("/_orders", self._preset_orders)
        app.router.add_get("/_log", self._show_log)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5, handle_signals=False)
        await self._runner.setup()
        site = web.TCPSite(self._runner, *self._address)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._log_file is not None:
            self._log_file.close()

    async def _get(self, request: web.Request) -> web.StreamResponse:
        order_id = request.match_info["order_id"]
        refusal = await self._refusal(request, order_id)
        if refusal is not None:
            return refusal
        order = self._orders.get(order_id) or (None if self._strict else ShopOrder(order_id))
        if order is None:
            return self._answer(request, 404, {"error": "no such order"})
        return self._answer(request, 200, order.as_json())

    async def _patch(self, request: web.Request) -> web.StreamResponse:
        order_id = request.match_info["order_id"]
        refusal = await self._refusal(request, order_id)
        if refusal is not None:
            return refusal
        key = request.headers.get("Idempotency-Key", "")
        body = await _json_object(request)
        if body is None or not isinstance(body.get("status"), str) or not key:
            return self._answer(request, 400, {"error": "status and Idempotency-Key are required"})
        if self._strict and order_id not in self._orders:
            return self._answer(request, 404, {"error": "no such order"})
        return await self._patched(request, order_id, key, body)

    async def _patched(self, request: web.Request, order_id: str, key: str, body: dict[str, Any]) -> web.StreamResponse:
        """Carry the change out unless its key has been seen; then perhaps lose the answer."""
        fingerprint = json.dumps([order_id, body], sort_keys=True, ensure_ascii=False)
        known = self._answers.get(key)
        if known is not None and known[0] != fingerprint:
            return self._answer(request, 422, {"error": "this key was used for another request"})
        if known is None:
            order = ShopOrder(order_id, body["status"], body.get("confirmation_data") or {})
            self._orders[order_id] = order
            self._answers[key] = (fingerprint, order.as_json())
            self._write("effect", request, 200, status=order.status, confirmation_data=order.confirmation_data)
        fault = self.faults.after_effect()
        if fault is not None and fault.kind == "late":
            await _until_any(self._stopping.wait(), asyncio.sleep(fault.hang_s))
        elif fault is not None:
            return await self._suffer(request, fault)
        return self._answer(request, 200, self._answers[key][1], repeated=known is not None)

    async def _refusal(self, request: web.Request, order_id: str) -> web.StreamResponse | None:
        """A fault, or 401; None to go on."""
        fault = self.faults.before_effect(order_id)
        if fault is not None:
            return await self._suffer(request, fault)
        given = request.headers.get("Authorization", "")
        if self._token and not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            return self._answer(request, 401, {"error": "unauthorized"})
        return None

    async def _suffer(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        """Answer with the fault: an error status, silence, or a dropped connection."""
        if fault.kind == "status":
            headers = {} if fault.retry_after_s is None else {"Retry-After": f"{fault.retry_after_s:g}"}
            return self._answer(request, fault.status, {"error": "injected"}, headers=headers, fault=fault.kind)
        self._write("request", request, 0, fault=fault.kind)
        if fault.kind == "hang":
            await _until_any(self._stopping.wait(), asyncio.sleep(fault.hang_s))
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=503)

    def _answer(
        self,
        request: web.Request,
        status: int,
        body: dict[str, Any],
        *,
        headers: dict[str, str] | None = None,
        **notes: Any,
    ) -> web.Response:
        self._write("request", request, status, **notes)
        return web.json_response(body, status=status, headers=headers)

    def _write(self, kind: str, request: web.Request, http_status: int, **more: Any) -> None:
        entry = {
            "at": time.time(),
            "kind": kind,
            "method": request.method,
            "order_id": request.match_info["order_id"],
            "key": request.headers.get("Idempotency-Key"),
            "http_status": http_status,
            **more,
        }
        self.log.append(entry)
        if self._log_file is not None:
            self._log_file.write(json.dumps(entry, ensure_ascii=False) + "\n")

    async def _set_faults(self, request: web.Request) -> web.StreamResponse:
        """Control: replace the fault plan (`FaultPlan.from_json`)."""
        body = await _json_object(request)
        if body is None:
            return web.json_response({"error": "a JSON object is needed"}, status=400)
        try:
            self.faults = FaultPlan.from_json(body)
        except (TypeError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"ok": True})

    async def _preset_orders(self, request: web.Request) -> web.StreamResponse:
        """Control: `{"45678": "paid", ...}`."""
        body = await _json_object(request)
        if body is None or not all(isinstance(status, str) for status in body.values()):
            return web.json_response({"error": "an object of order id to status is needed"}, status=400)
        for order_id, status in body.items():
            self.preset(order_id, status)
        return web.json_response({"ok": True})

    async def _show_log(self, _request: web.Request) -> web.StreamResponse:
        """Control: the whole log as a JSON array."""
        return web.json_response(self.log)


async def _json_object(request: web.Request) -> dict[str, Any] | None:
    try:
        body = await request.json()
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


async def _until_any(*waits: Any) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    from dialer.simulator.shop_main import main

    main()
