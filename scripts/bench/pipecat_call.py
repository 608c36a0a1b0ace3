"""The scenario on Pipecat, many calls in one process: prints one JSON line. Runs in a virtual environment of its own.

    VENV/bin/python -m scripts.bench.pipecat_call CALLS default|lean FOLDER

FOLDER holds the audio, 8 kHz slin: `customer.slin` and the bot's `0.slin`, `1.slin`, ... in the order of its turns;
`ends_s.json` tells when the customer's phrases end.

The pipeline is the one that `pipecat init` writes for telephony (input, speech to text, user's turns, model, text to
speech, output; 8 kHz; Silero and the default turn detection), on a transport in memory. It is favoured wherever there
was a choice: no serialiser and no socket, no recording, no metrics, no logging, uvloop, a settled heap; recogniser,
model and voice answer at once and compute nothing; models are loaded before the clock starts. `lean` leaves out what
can be left out: the turn model, RTVI, turn tracking, the assistant's side of the context, audio beyond the recogniser.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop
from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import (
    EndFrame,
    EndWorkerFrame,
    Frame,
    InputAudioRawFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMRunFrame,
    LLMTextFrame,
    OutputAudioRawFrame,
    StartFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.stt_service import SegmentedSTTService
from pipecat.services.tts_service import TTSService
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.utils.time import time_now_iso8601
from pipecat.workers.runner import WorkerRunner

from scripts.bench.pacing import STAGGER_S, percentiles, play
from scripts.bench.scenario import RATE_HZ, TURNS


@dataclass
class Notes:
    """One call's times (loop seconds) and what was late (milliseconds)."""

    started: float = 0.0
    ended: float = 0.0
    in_late_ms: list[float] = field(default_factory=list)
    out_late_ms: list[float] = field(default_factory=list)
    #: When each of the bot's turns began to be heard.
    heard: list[float] = field(default_factory=list)


class Input(BaseInputTransport):
    """A customer in memory."""

    def __init__(self, params: TransportParams) -> None:
        super().__init__(params)
        self.ready = asyncio.Event()

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)
        self.ready.set()

    async def deliver(self, pcm: bytes) -> None:
        """The customer's next 20 ms."""
        await self.push_audio_frame(InputAudioRawFrame(audio=pcm, sample_rate=RATE_HZ, num_channels=1))


class Output(BaseOutputTransport):
    """An ear in memory: a write takes as long as its sound, as in Pipecat's own WebSocket transports."""

    def __init__(self, params: TransportParams, notes: Notes, model: Model) -> None:
        super().__init__(params)
        self._notes, self._model = notes, model
        self._due = 0.0

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        now = time.monotonic()
        if len(self._notes.heard) < self._model.said:
            self._notes.heard.append(asyncio.get_running_loop().time())
        wait = self._due - now
        await asyncio.sleep(max(0.0, wait))
        length = len(frame.audio) / 2 / RATE_HZ
        if wait > 0:
            self._notes.out_late_ms.append((time.monotonic() - self._due) * 1000)
            self._due += length
        else:
            self._due = time.monotonic() + length
        return True


class Recognizer(SegmentedSTTService):
    """Knows the words of the next turn."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._heard = 0

    @property
    def wants_wav_segments(self) -> bool:
        return False

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        words = TURNS[min(self._heard, len(TURNS) - 1)].words
        self._heard += 1
        yield TranscriptionFrame(words, "", time_now_iso8601())


class Model(FrameProcessor):
    """Says the scenario's next prompt; the last one ends the call."""

    def __init__(self, prompts: int) -> None:
        super().__init__()
        self._prompts = prompts
        self.said = 0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        if self.said >= self._prompts:
            return
        self.said += 1
        await self.push_frame(LLMFullResponseStartFrame())
        await self.push_frame(LLMTextFrame(f"{self.said - 1}."))
        await self.push_frame(LLMFullResponseEndFrame())
        if self.said == self._prompts:
            await self.push_frame(EndWorkerFrame(), FrameDirection.UPSTREAM)


class Voice(TTSService):
    """Has the prompts ready."""

    def __init__(self, prompts: list[bytes]) -> None:
        super().__init__(push_start_frame=True, push_stop_frames=True, sample_rate=RATE_HZ)
        self._prompts_pcm = prompts

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        pcm = self._prompts_pcm[int(text.strip(" ."))]
        yield TTSAudioRawFrame(pcm, RATE_HZ, 1, context_id=context_id)


class Call:
    """One call: its pipeline, built before it begins."""

    def __init__(self, prompts: list[bytes], *, lean: bool) -> None:
        self.notes = Notes()
        params = TransportParams(audio_in_enabled=True, audio_out_enabled=True, audio_out_end_silence_secs=0)
        model = Model(len(prompts))
        self._input, output = Input(params), Output(params, self.notes, model)
        vad = SileroVADAnalyzer()
        ears = LLMUserAggregatorParams(vad_analyzer=vad)
        if lean:
            quick = UserTurnStrategies(stop=[SpeechTimeoutUserTurnStopStrategy()])
            ears = LLMUserAggregatorParams(user_turn_strategies=quick)
        user, assistant = LLMContextAggregatorPair(LLMContext(), user_params=ears)
        voice, recognizer = Voice(prompts), Recognizer(audio_passthrough=not lean)
        if lean:
            parts = [self._input, VADProcessor(vad_analyzer=vad), recognizer, user, model, voice, output]
        else:
            parts = [self._input, recognizer, user, model, voice, output, assistant]
        options: dict[str, Any] = {"enable_rtvi": False, "enable_turn_tracking": False} if lean else {}
        rates = PipelineParams(audio_in_sample_rate=RATE_HZ, audio_out_sample_rate=RATE_HZ)
        self._worker = PipelineWorker(Pipeline(parts), params=rates, **options)

    async def run(self, pcm: bytes, start_after_s: float) -> None:
        """From the answer to the last word."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(start_after_s)
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(self._worker)
        running = asyncio.create_task(runner.run())
        await self._input.ready.wait()
        self.notes.started = loop.time()
        await self._worker.queue_frames([LLMRunFrame()])
        playing = asyncio.create_task(self._play(pcm))
        await running
        self.notes.ended = loop.time()
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)

    async def _play(self, pcm: bytes) -> None:
        try:
            await play(pcm, self._input.deliver, self.notes.in_late_ms)
        finally:
            await self._worker.queue_frame(EndFrame())


async def measure(count: int, folder: Path, *, lean: bool) -> dict[str, Any]:
    """All calls at once."""
    customer = (folder / "customer.slin").read_bytes()
    prompts = [(folder / f"{number}.slin").read_bytes() for number in range(len(TURNS) + 1)]
    calls = [Call(prompts, lean=lean) for _ in range(count)]
    gc.collect()
    gc.freeze()
    began = time.process_time()
    await asyncio.gather(*(call.run(customer, number * STAGGER_S) for number, call in enumerate(calls)))
    cpu_s = time.process_time() - began
    ends_s = json.loads((folder / "ends_s.json").read_text())
    notes = [call.notes for call in calls]
    late_ms = [value for note in notes for value in note.in_late_ms + note.out_late_ms]
    reply_ms = [
        (heard - note.started - end_s) * 1000
        for note in notes
        for end_s, heard in zip(ends_s, note.heard[1:], strict=False)
    ]
    return {
        "calls": count,
        "cpu_s": cpu_s,
        "call_s": sum(note.ended - note.started for note in notes),
        "turns_answered": sum(len(note.heard) - 1 for note in notes),
        "frame_late_ms": percentiles(late_ms, 50, 99),
        "reply_ms": percentiles(reply_ms, 50, 95),
    }


def main() -> None:
    count, kind, folder = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    logger.remove()
    print(json.dumps(uvloop.run(measure(count, folder, lean=kind == "lean"))))


if __name__ == "__main__":
    main()
