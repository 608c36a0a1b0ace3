"""The Celery application. The broker carries hints only: ids in JSON, early acknowledgement, no results.

The settings follow what was measured of Celery over Redis (docs/decisions.md): nothing is prefetched or held
unacknowledged, so a broker that dies takes no worker with it, and recovery is the ledger's lease, not redelivery.
"""

from __future__ import annotations

from celery import Celery
from celery.signals import setup_logging
from kombu.entity import Exchange, Queue

from dialer.settings import Settings, settings
from dialer.telemetry import configure_logging
from workers.broker import outlive_nonsense
from workers.loop_host import LoopHost
from workers.schedule import beat_schedule

TASKS = ["tasks.calls", "tasks.campaigns", "tasks.delivery", "tasks.pickup", "tasks.privacy"]
CALLS_QUEUE = "calls"
BATCH_QUEUE = "batch"

#: Redis transport options; times in seconds.
REDIS_OPTIONS = {
    "visibility_timeout": 3600,
    "health_check_interval": 25,
    "socket_timeout": 30,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
}
#: RabbitMQ: a publisher waits until the broker has the message. Else the first one after a quiet night goes into a
#: connection that the broker has given up meanwhile, and nobody notices.
AMQP_OPTIONS = {"confirm_publish": True}


def calls_queue(node: str) -> str:
    """The queue of one Asterisk node's call workers."""
    return CALLS_QUEUE if node == "default" else f"{CALLS_QUEUE}.{node}"


def make_queue(name: str, *, acknowledged: bool) -> Queue:
    """A queue of hints, with or without acknowledgements.

    The threads of the pool acknowledge, and an AMQP connection is not for several threads (py-amqp issue 267): frames
    get mixed up, and the worker stands still. So over AMQP nothing is acknowledged, and `make_app` keeps the threads
    from counting prefetched messages; what a dying worker has taken and not begun is published again by upkeep.
    """
    exchange = Exchange(BATCH_QUEUE)  # type: ignore[no-untyped-call]
    return Queue(name, exchange, routing_key=name, no_ack=not acknowledged)  # type: ignore[no-untyped-call]


def make_app(config: Settings) -> Celery:
    """The application for these settings; connects to nothing."""
    broker_url = config.broker_url or "memory://"
    amqp = broker_url.startswith(("amqp", "pyamqp"))
    queues = [make_queue(name, acknowledged=not amqp) for name in (BATCH_QUEUE, calls_queue(config.ari.node))]
    celery = Celery("dialer", broker=broker_url, include=TASKS)
    celery.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_acks_late=False,
        task_default_delivery_mode="transient",
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=not amqp,
        worker_enable_prefetch_count_reduction=not amqp,
        worker_hijack_root_logger=False,
        worker_send_task_events=True,
        task_send_sent_event=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,  # a Redis that refuses (read-only, out of memory) is one that is away
        broker_transport_options=AMQP_OPTIONS if amqp else REDIS_OPTIONS if broker_url.startswith("redis") else {},
        task_queues=queues,
        task_default_queue=BATCH_QUEUE,
        task_create_missing_queues=True,
        beat_schedule=beat_schedule(config.tick_s),
        beat_max_loop_interval=max(config.tick_s, 0.1),
        timezone="UTC",
    )
    if broker_url.startswith("redis"):
        outlive_nonsense()
    celery.steps["worker"].add(LoopHost)
    return celery


@setup_logging.connect  # type: ignore[untyped-decorator]
def _use_our_logging(**_kwargs: object) -> None:
    configure_logging(settings())


app = make_app(settings())
