"""A stand-in for OpenAI's API: real HTTP, SSE and PCM, with a delay of one's choice, and ways to fail.

    provider = SimulatedProvider(["Да, подтверждаю", ...], delay_s=0.3)
    async with provider:
        settings.openai.base_url = provider.base_url
        provider.kill("hearing")

It hears with the phrase bank (a closed list of phrases, by their sound), speaks with espeak-ng, and its language model
answers whatever `reply_to` says. A killed service drops its live connections and every new one.
"""

from __future__ import annotations

import asyncio
import io
import json
import time
import wave
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
from aiohttp import web

from dialer.speech.offline import OfflineSynthesizer
from dialer.speech.phrase_bank import PhraseBankRecognizer

Service = Literal["hearing", "speaking", "model"]
#: 24 kHz 16-bit mono in pieces of 100 ms.
_PIECE_BYTES = 4800
_UNKNOWN = {"action": "unknown", "date": None, "time_window": None, "address": None, "confidence": 0.9}


def _knows_nothing(_said: str) -> dict[str, Any]:
    return _UNKNOWN


class SimulatedProvider:
    """One process's stand-in; `async with` it. `delay_s` passes before the first byte of every answer."""

    def __init__(
        self,
        phrases: Sequence[str],
        *,
        delay_s: float = 0.0,
        reply_to: Callable[[str], dict[str, Any]] = _knows_nothing,
        cache: Path | None = None,
    ) -> None:
        self.delay_s = delay_s
        self.base_url = ""
        self.requests: list[Service] = []
        #: What was answered, and seconds from the request to the whole answer.
        self.answers: list[tuple[Service, float]] = []
        self._reply_to = reply_to
        self._bank = PhraseBankRecognizer(phrases, cache=cache)
        self._voice = OfflineSynthesizer()
        self._killed: set[Service] = set()
        self._live: dict[asyncio.Task[Any], tuple[Service, web.Request]] = {}
        self._runner: web.AppRunner | None = None

    def kill(self, service: Service) -> None:
        """End a service now, in mid-answer too."""
        self._killed.add(service)
        for task, (name, request) in list(self._live.items()):
            if name == service:
                _drop(request)
                task.cancel()

    def revive(self, service: Service) -> None:
        """It is back."""
        self._killed.discard(service)

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._bank.prepare)
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_post("/v1/audio/transcriptions", self._guarded("hearing", self._transcribe))
        app.router.add_post("/v1/audio/speech", self._guarded("speaking", self._speak))
        app.router.add_post("/v1/chat/completions", self._guarded("model", self._chat))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}/v1"
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        self._bank.close()

    def _guarded(self, service: Service, answer: Callable[[web.Request], Any]) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.StreamResponse:
            self.requests.append(service)
            if service in self._killed:
                _drop(request)
                raise web.HTTPServiceUnavailable
            task = asyncio.current_task()
            if task is not None:
                self._live[task] = (service, request)
            asked = time.monotonic()
            try:
                with suppress(ConnectionError):
                    response: web.StreamResponse = await answer(request)
                    self.answers.append((service, time.monotonic() - asked))
                    return response
                return web.Response()
            finally:
                if task is not None:
                    self._live.pop(task, None)

        return handle

    async def _transcribe(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        upload = form["file"]
        if not isinstance(upload, web.FileField):
            raise web.HTTPBadRequest
        with upload.file as file, wave.open(io.BytesIO(file.read())) as sound:
            pcm = sound.readframes(sound.getnframes())
        heard, _ = await asyncio.gather(asyncio.to_thread(self._bank.match, pcm), asyncio.sleep(self.delay_s))
        events: list[dict[str, Any]] = []
        if heard.text:
            events.append({"type": "transcript.text.delta", "delta": heard.text})
        events.append({"type": "transcript.text.done", "text": heard.text})
        body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        return web.Response(body=body.encode(), content_type="text/event-stream")

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        narrow = await asyncio.to_thread(self._voice.render, str(asked["input"]))
        await asyncio.sleep(self.delay_s)
        response = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
        await response.prepare(request)
        wide = _three_times(narrow)
        for at in range(0, len(wide), _PIECE_BYTES):
            await response.write(wide[at : at + _PIECE_BYTES])
        await response.write_eof()
        return response

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        await asyncio.sleep(self.delay_s)
        said = str(json.loads(asked["messages"][-1]["content"])["customer_said"])
        content = json.dumps(self._reply_to(said), ensure_ascii=False)
        message = {"role": "assistant", "content": content, "refusal": None}
        return web.json_response(
            {
                "id": "chatcmpl-simulated",
                "object": "chat.completion",
                "created": 1_800_000_000,
                "model": asked["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
                "usage": {"prompt_tokens": 400, "completion_tokens": 30, "total_tokens": 430},
            }
        )


def _drop(request: web.Request) -> None:
    """As when the server's process dies."""
    if request.transport is not None:
        request.transport.abort()


def _three_times(narrow: bytes) -> bytes:
    """8 kHz slin as 24 kHz, by straight lines between the samples."""
    samples = np.frombuffer(narrow, dtype="<i2").astype(np.float32)
    places = np.arange(len(samples) * 3) / 3
    return np.interp(places, np.arange(len(samples)), samples).astype("<i2").tobytes() if len(samples) else b""
