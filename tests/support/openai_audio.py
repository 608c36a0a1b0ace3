"""The audio half of an OpenAI-compatible server, for tests: real HTTP and SSE, scripted behaviour, every failure.

    audio = AudioRoutes()
    async with serving(audio.add_to) as base_url:
        audio.transcripts = ["да", " подтверждаю"]
        audio.fail_next = [Failure.BUSY]

`add_to(app)` adds the routes under `/v1`, so that they can stand beside other routes in one application.
"""

import asyncio
import io
import json
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto

import numpy as np
from aiohttp import web


class Failure(Enum):
    """What goes wrong with one request."""

    #: 429.
    BUSY = auto()
    #: 429 because the account is used up.
    NO_QUOTA = auto()
    #: 500.
    BROKEN = auto()
    #: 401.
    REFUSED = auto()
    #: No answer until the server is closed.
    SILENT = auto()
    #: 200 and a body that cannot be understood.
    MALFORMED = auto()
    #: The connection is dropped after the first piece.
    DROPPED = auto()
    #: The first piece comes, the second does not until the server is closed.
    STALLED = auto()
    #: 200 and an empty body.
    EMPTY = auto()


@dataclass
class AudioRoutes:
    """Scripted `/v1/audio/transcriptions` and `/v1/audio/speech`. `fail_next` is used up request by request."""

    transcripts: list[str] = field(default_factory=lambda: ["да", ", подтверждаю"])
    #: Answer the transcription in one JSON piece, as servers without streaming do.
    one_piece: bool = False
    #: 24 kHz slin that every text is spoken as, and in which pieces.
    speech: bytes = field(default_factory=lambda: tone_24k(0.5))
    piece_bytes: int = 3001
    fail_next: list[Failure] = field(default_factory=list)
    #: What came: form fields of transcriptions, JSON of speech.
    requests: list[dict[str, object]] = field(default_factory=list)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_post("/v1/audio/transcriptions", self._transcribe)
        app.router.add_post("/v1/audio/speech", self._speak)

    async def _transcribe(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        fields: dict[str, object] = {key: value for key, value in form.items() if isinstance(value, str)}
        upload = form["file"]
        assert isinstance(upload, web.FileField)
        with upload.file as file, wave.open(io.BytesIO(file.read())) as sound:
            fields["rate"], fields["pcm"] = sound.getframerate(), sound.readframes(sound.getnframes())
        self.requests.append(fields)
        failure = await self._failure(request)
        if isinstance(failure, web.Response):
            return failure
        if self.one_piece:
            return web.json_response({"text": "".join(self.transcripts)})
        events = [{"type": "transcript.text.delta", "delta": delta} for delta in self.transcripts]
        events.append({"type": "transcript.text.done", "text": "".join(self.transcripts)})
        pieces = [f"data: {json.dumps(event)}\n\n".encode() for event in events]
        if failure is Failure.MALFORMED:
            pieces[1] = b"data: {oops\n\n"
        return await self._send(request, "text/event-stream", [*pieces, b"data: [DONE]\n\n"], failure)

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(await request.json())
        failure = await self._failure(request)
        if isinstance(failure, web.Response):
            return failure
        if failure is Failure.MALFORMED:
            return web.json_response({"oops": True})
        pieces = [self.speech[at : at + self.piece_bytes] for at in range(0, len(self.speech), self.piece_bytes)]
        return await self._send(request, "audio/pcm", pieces, failure)

    async def _failure(self, request: web.Request) -> web.Response | Failure | None:
        """What fails before the body, or what is to fail within it."""
        failure = self.fail_next.pop(0) if self.fail_next else None
        match failure:
            case Failure.BUSY | Failure.NO_QUOTA:
                code = "insufficient_quota" if failure is Failure.NO_QUOTA else "rate_limit_exceeded"
                return _error(429, code)
            case Failure.BROKEN:
                return _error(500, "server_error")
            case Failure.REFUSED:
                return _error(401, "invalid_api_key")
            case Failure.SILENT:
                await self.closing.wait()
                return _error(503, "closing")
            case Failure.EMPTY:
                return web.Response(body=b"", content_type="text/event-stream")
        return failure

    async def _send(
        self, request: web.Request, content_type: str, pieces: list[bytes], failure: Failure | None
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": content_type})
        await response.prepare(request)
        for number, piece in enumerate(pieces):
            if number and failure is Failure.DROPPED:
                assert request.transport is not None
                request.transport.abort()
                return response
            if number and failure is Failure.STALLED:
                await self.closing.wait()
            await response.write(piece)
        await response.write_eof()
        return response


@asynccontextmanager
async def serving(*adders: Callable[[web.Application], None], closing: asyncio.Event) -> AsyncIterator[str]:
    """A local server with the given routes; yields its base URL. `closing` is set before it stops."""
    app = web.Application(client_max_size=64 * 1024 * 1024)
    for add in adders:
        add(app)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}/v1"
    finally:
        closing.set()
        await runner.cleanup()


def tone_24k(seconds: float, hz: float = 440.0) -> bytes:
    """A tone as the API's PCM."""
    at = np.arange(round(seconds * 24_000)) / 24_000
    return np.asarray(9000 * np.sin(2 * np.pi * hz * at)).astype("<i2").tobytes()


def _error(status: int, code: str) -> web.Response:
    return web.json_response({"error": {"message": code, "type": code, "param": None, "code": code}}, status=status)
