"""Structured logs: a static event name and ids; JSON lines for machines, aligned text for people."""

from __future__ import annotations

import logging
import sys

import structlog

from dialer.settings import Settings


def configure_logging(settings: Settings, *, interactive: bool = False) -> None:
    """Send structlog and the standard library's loggers to stderr in one format.

    `interactive` is for commands that answer a person: events at INFO are not for them, unless asked for by name.
    """
    asked_for = "log_level" in settings.model_fields_set
    level = "WARNING" if interactive and not asked_for else settings.log_level
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if settings.log_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # Task arguments are ids, but one line per tick and task is noise.
    for chatty in ("celery.worker.strategy", "celery.app.trace", "celery.beat", "httpx", "openai"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
