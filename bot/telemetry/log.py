"""Logs: one line per thing that happened, key=value or JSON.

What is never logged: secrets, phones, full codes, message texts, bodies, addresses with a query.
It is kept so in two ways: nothing here is ever given them, and the libraries that would print them
(PgQueuer whole tracebacks) are held to warnings.
"""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog

log = structlog.get_logger("giftdesk")


def configure(level: str = "INFO", style: Literal["console", "json"] = "console") -> None:
    """Send structured lines of `level` and above to stderr."""
    finish: structlog.types.Processor
    if style == "json":
        finish = structlog.processors.JSONRenderer(ensure_ascii=False)
    else:
        finish = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, finish],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in ("aiohttp", "httpx", "granian.access", "alembic", "asyncio", "linebot", "opentelemetry"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # PgQueuer prints what a failed job raised, with its arguments; our own turn logs failures safely.
    logging.getLogger("pgqueuer").setLevel(logging.CRITICAL if level != "DEBUG" else logging.WARNING)
