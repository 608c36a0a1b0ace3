"""The broker, the workers that listen to it, and beat's ticks as they pass by."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from dialer.doctor.finding import Finding, failed, ok, warning
from dialer.errors import BrokerError
from dialer.settings import Settings

#: Names that `workers` and `tasks` give; this room may not import those.
BATCH_QUEUE, CALLS_QUEUE = "batch", "calls"
TICK = "tasks.campaigns.release_batch"
_CONNECT_TIMEOUT_S = 3.0
_INSPECT_TIMEOUT_S = 1.5


async def check_broker(url: str | None, settings: Settings) -> list[Finding]:
    """Reachable, every queue listened to, the dispatcher's tick sent and taken."""
    if url is None:
        message = "none is configured, and the embedded one does not run"
        return [failed("broker", message, "Set DIALER_BROKER_URL, or start `dialer up`.")]
    app = Celery("dialer-doctor", broker=url, set_as_current=False)
    app.conf.broker_transport_options = {"socket_connect_timeout": _CONNECT_TIMEOUT_S, "socket_timeout": 10}
    try:
        await asyncio.to_thread(_knock, app)
        ticks, queues = await asyncio.gather(
            asyncio.to_thread(watch_ticks, app, settings.tick_s * 3 + 2), asyncio.to_thread(_listened_queues, app)
        )
        return [ok("broker", "answers"), *_workers(queues, settings), _beat(ticks)]
    except BrokerError as error:
        return [failed("broker", str(error), _advice(str(error)))]
    finally:
        await asyncio.to_thread(app.close)


def _advice(message: str) -> str:
    if any(word in message.upper() for word in ("PASSWORD", "AUTH")):
        example = "redis://:PASSWORD@HOST:6379/0, or amqp://USER:PASSWORD@HOST:5672/VHOST"
        return f"The user or password in DIALER_BROKER_URL is wrong: {example}"
    if "NOT_ALLOWED" in message:
        return "The user may not enter that virtual host: rabbitmqctl set_permissions -p VHOST USER '.*' '.*' '.*'"
    return "Is the broker (Redis, RabbitMQ) running, does DIALER_BROKER_URL name the right host and port?"


@contextmanager
def _broker_errors(app: Celery) -> Iterator[None]:
    with app.connection_for_read() as connection:
        expected = (*connection.connection_errors, *connection.channel_errors, OperationalError)
    try:
        yield
    except expected as error:
        raise BrokerError(f"does not take connections: {error}") from error


def _knock(app: Celery) -> None:
    with _broker_errors(app), app.connection_for_read() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0.1, timeout=_CONNECT_TIMEOUT_S)


def _listened_queues(app: Celery) -> dict[str, set[str]]:
    """The queues that each worker listens to."""
    with _broker_errors(app):
        answers = app.control.inspect(timeout=_INSPECT_TIMEOUT_S).active_queues() or {}
    return {worker: {queue["name"] for queue in queues} for worker, queues in answers.items()}


def _workers(queues: Mapping[str, set[str]], settings: Settings) -> Iterator[Finding]:
    if not queues:
        advice = "Start them: docs/campaigns.md, or `dialer up` on one machine."
        yield failed("workers", "none answers", advice)
        return
    needed = {BATCH_QUEUE: "campaigns and deliveries"}
    for node in settings.node_lines:
        name = CALLS_QUEUE if node == "default" else f"{CALLS_QUEUE}.{node}"
        needed[name] = f"the calls of node {node}"
    for queue, purpose in needed.items():
        listening = sorted(worker for worker, names in queues.items() if queue in names)
        if listening:
            yield ok("workers", f"queue {queue}: {', '.join(listening)}")
        else:
            advice = (
                f"Start one: celery -A workers.app worker -P threads -Q {queue}; if it ends at once, its log says why."
            )
            yield failed("workers", f"nobody listens to queue {queue} ({purpose})", advice)


@dataclass(slots=True)
class Ticks:
    """What was seen of the dispatcher's tick: sent by beat, taken by a worker."""

    sent: bool = False
    taken: bool = False
    _ids: set[str] = field(default_factory=set)

    def note(self, event: Mapping[str, Any]) -> None:
        """An event of the broker's event stream."""
        if event.get("name") == TICK:
            self._ids.add(str(event.get("uuid")))
            self.sent = True
        if event.get("type") == "task-succeeded" and str(event.get("uuid")) in self._ids:
            self.taken = True


def watch_ticks(app: Celery, timeout_s: float, clock: Callable[[], float] = time.monotonic) -> Ticks:
    """Listen to the workers' events (the ones that Flower shows) until a tick was taken, or time is up."""
    ticks, deadline = Ticks(), clock() + timeout_s
    with _broker_errors(app), app.connection_for_read() as connection:

        def note(event: Mapping[str, Any]) -> None:
            ticks.note(event)
            receiver.should_stop = ticks.taken or clock() > deadline

        receiver = app.events.Receiver(connection, handlers={"*": note})
        try:
            receiver.capture(limit=None, timeout=timeout_s, wakeup=False)
        except TimeoutError:
            return ticks
    return ticks


def _beat(ticks: Ticks) -> Finding:
    if ticks.taken:
        return ok("beat", "the dispatcher ticks")
    if ticks.sent:
        advice = "The batch worker is busy, or fails: see its log."
        return warning("beat", "ticks, but no worker got through with one meanwhile", advice)
    advice = "Start one: celery -A workers.app beat (a second one does no harm)."
    return failed("beat", "no tick of the dispatcher was seen: nothing is released, opened or called again", advice)
