"""Log lines, in one form for this service and the libraries under it."""

import logging
import sys
from typing import Literal

import structlog


def configure_logs(form: Literal["auto", "console", "json"]) -> None:
    """Send every log line of the process to standard error, for people (console) or machines (json)."""
    terminal = sys.stderr.isatty()
    console = form == "console" or (form == "auto" and terminal)
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(console, terminal),
            ],
        )
    )
    logging.captureWarnings(True)
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    # It tells whole URLs, and those of webhooks may have secrets of their receivers in them.
    logging.getLogger("httpx").setLevel(logging.WARNING)


def _renderers(console: bool, terminal: bool) -> list[structlog.types.Processor]:
    if console:
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=terminal, exception_formatter=plain)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
