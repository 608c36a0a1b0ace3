"""A local stand-in for an OpenAI-compatible server: real HTTP, scripted answers.

    async with OpenAIServer() as server:
        server.answer(CHAT, chat_reply('{"action": "confirm"}'), Reply(status=429))
        client = AsyncOpenAI(base_url=server.base_url, api_key="test")
        ...
        assert server.received[0].json["temperature"] == 0

Any path under `/v1` may be scripted (`answer("/audio/speech", Reply(body=b"..."))`); replies are used up in order and
the last one stays. A path without a script answers 404, as a real server would.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

CHAT = "/chat/completions"


@dataclass(frozen=True, slots=True)
class Reply:
    """One scripted answer: `json` or raw `body`; `hang` holds it back until the server closes."""

    status: int = 200
    json: Any = None
    body: bytes | None = None
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it arrived. `json` is None for multipart bodies; `raw` is always there."""

    path: str
    headers: Mapping[str, str]
    raw: bytes
    json: Any


def chat_reply(content: str | None, *, refusal: str | None = None, finish_reason: str = "stop") -> Reply:
    """A chat completion whose only choice says `content`."""
    message = {"role": "assistant", "content": content, "refusal": refusal}
    return Reply(
        json={
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_800_000_000,
            "model": "gpt-4o-mini",
            "choices": [{"index": 0, "message": message, "finish_reason": finish_reason, "logprobs": None}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }
    )


def error_reply(status: int, message: str = "refused", headers: Mapping[str, str] | None = None) -> Reply:
    """An error in OpenAI's own shape."""
    body = {"error": {"message": message, "type": "error", "param": None, "code": None}}
    return Reply(status=status, json=body, headers=headers or {})


class OpenAIServer:
    """Listens on a free local port while the context is open; records every request."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.base_url = ""
        self._scripts: dict[str, deque[Reply]] = defaultdict(deque)
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None

    def answer(self, path: str, *replies: Reply) -> None:
        """Script what `path` (without `/v1`) answers from now on."""
        self._scripts[path] = deque(replies)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/v1{path:/.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        raw = await request.read()
        parsed = json.loads(raw) if request.content_type == "application/json" and raw else None
        self.received.append(Received(path, dict(request.headers), raw, parsed))
        script = self._scripts[path]
        if not script:
            return web.json_response({"error": {"message": f"no such path: {path}"}}, status=404)
        reply = script.popleft() if len(script) > 1 else script[0]
        if reply.hang:
            await self._closing.wait()
        body = reply.body if reply.body is not None else json.dumps(reply.json).encode()
        return web.Response(status=reply.status, body=body, content_type=reply.content_type, headers=reply.headers)
