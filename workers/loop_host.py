"""One event loop per worker process, in a thread of its own, with the dialer's runtime on it.

Celery's thread pool knows no asyncio: a task hands a coroutine to this loop and waits. A loop started before a
fork would never run in the child, so this host belongs to `-P threads` workers only.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future, wait
from typing import Any, TypeVar

import structlog
import uvloop
from celery import bootsteps
from celery.signals import worker_shutting_down

from dialer.bootstrap import Runtime
from dialer.settings import settings

log = structlog.get_logger(__name__)

T = TypeVar("T")
#: How long start and stop of the runtime may take.
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0


class Host:
    """The loop thread and its runtime."""

    def __init__(self, make_runtime: Callable[[], Runtime]) -> None:
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="dialer-loop", daemon=True)
        self._make_runtime = make_runtime
        self._running: set[Future[Any]] = set()
        self.runtime: Runtime | None = None

    def start(self, *, place_calls: bool) -> None:
        """Start the loop; a worker that places calls connects to Asterisk and loads its models now."""
        self._thread.start()
        self.runtime = self.run(self._start(place_calls=place_calls), START_TIMEOUT_S)

    async def _start(self, *, place_calls: bool) -> Runtime:
        runtime = self._make_runtime()
        if place_calls:
            await runtime.start_calls()
        return runtime

    def run(self, work: Coroutine[Any, Any, T], timeout_s: float | None = None) -> T:
        """Run a coroutine on the loop from another thread and wait for it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        self._running.add(future)
        try:
            return future.result(timeout_s)
        except (TimeoutError, CancelledError):
            future.cancel()
            raise
        finally:
            self._running.discard(future)

    def drain(self) -> None:
        """Take nothing new; what runs goes on."""
        if self.runtime is not None:
            self.runtime.drain()

    def stop(self, patience_s: float | None = None) -> None:
        """Wait for what runs (None: as long as the settings allow), then close the runtime and the loop."""
        self.drain()
        if self.runtime is not None:
            wait(list(self._running), self.runtime.drain_s if patience_s is None else patience_s)
            self.run(self.runtime.close(), STOP_TIMEOUT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_TIMEOUT_S)


_host: Host | None = None


def current_runtime() -> Runtime:
    """The runtime of this worker process."""
    if _host is None or _host.runtime is None:
        raise RuntimeError("no loop host: tasks run only in a `-P threads` worker of this application")
    return _host.runtime


def run_on_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on this worker's loop."""
    if _host is None:
        work.close()
        raise RuntimeError("no loop host: tasks run only in a `-P threads` worker of this application")
    return _host.run(work)


class LoopHost(bootsteps.StartStopStep):  # type: ignore[misc]
    """Starts the host before the worker takes tasks, and stops it after the last one has ended."""

    requires = {"celery.worker.components:Pool"}  # noqa: RUF012 - Celery's own contract

    def __init__(self, worker: Any, **options: Any) -> None:
        """Nothing is learnt from other workers at the start (revoked tasks, clocks): asking them takes a second."""
        worker.options["without_mingle"] = True
        super().__init__(worker, **options)

    def start(self, worker: Any) -> None:
        """Called when the worker starts."""
        global _host  # noqa: PLW0603 - one per process by design
        queues = set(worker.app.amqp.queues.consume_from)
        _host = Host(lambda: Runtime(settings()))
        _host.start(place_calls=any(name.startswith("calls") for name in queues))
        log.info("loop_host_started", queues=sorted(queues))

    def stop(self, worker: Any) -> None:
        """Warm shutdown: Celery takes no more tasks by now; live calls go on to their ends.

        Celery stops its steps in reverse order, so this comes before the thread pool is stopped, which would drop
        what waits there; waiting tasks run meanwhile and hand their attempts back.
        """
        if _host is not None:
            _host.stop()

    def terminate(self, worker: Any) -> None:
        """Cold shutdown: hang up and go."""
        if _host is not None:
            _host.stop(patience_s=0.0)


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _drain_at_once(**_kwargs: object) -> None:
    """From the signal on nothing more is dialed, even while Celery is still closing its consumer."""
    if _host is not None:
        _host.drain()
