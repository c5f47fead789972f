"""One JSON object a line on stdout. Every line has the same fields, so that a dashboard needs one pattern.

Ids and codes go in; bodies, names, tokens and free text do not.
"""

import json
import logging
import sys
from contextlib import nullcontext
from typing import Any

import orjson
import structlog
from opentelemetry import trace
from structlog.contextvars import merge_contextvars
from structlog.types import EventDict, Processor, WrappedLogger

from plantkit.clock import utc_now

FIELDS = (
    "timestamp",
    "level",
    "logger",
    "message",
    "module",
    "function",
    "line",
    "request_id",
    "trace_id",
    "user_id",
    "resource",
    "duration_ms",
)
_CALLSITE = structlog.processors.CallsiteParameterAdder(
    [
        structlog.processors.CallsiteParameter.MODULE,
        structlog.processors.CallsiteParameter.FUNC_NAME,
        structlog.processors.CallsiteParameter.LINENO,
    ],
    additional_ignores=["plantkit.observability.logs"],
)


def start(level: str) -> None:
    """Send structlog's and the standard library's records through the same formatter."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=_render, foreign_pre_chain=_chain()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("uvicorn.access", "aiokafka", "kafka", "faststream", "httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    for own in ("uvicorn", "uvicorn.error", "uvicorn.access", "faststream"):
        logging.getLogger(own).handlers.clear()
        logging.getLogger(own).propagate = True
    structlog.configure(
        processors=[*_chain(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def get(name: str) -> structlog.stdlib.BoundLogger:
    """A logger of one module: `log.info("import.row_rejected", job=..., code=...)`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def hot(logger: str, message: str, **fields: Any) -> None:
    """A line at level info without the chain, which would cost a tenth of a command: for what every request writes.

    The same fields in the same order. Ids of request and trace are the caller's to give.
    """
    root = logging.getLogger()
    if not root.isEnabledFor(logging.INFO):
        return
    frame = sys._getframe(1)
    site = {"module": frame.f_globals["__name__"].rpartition(".")[2], "function": frame.f_code.co_name}
    at = utc_now().isoformat().replace("+00:00", "Z")
    event = {"timestamp": at, "level": "info", "logger": logger, "message": message, **site, "line": frame.f_lineno}
    line = _render(None, "", _in_order(event | fields)) + "\n"
    for handler in root.handlers:
        if isinstance(handler, logging.StreamHandler):
            with handler.lock or nullcontext():
                handler.stream.write(line)
                handler.flush()


def _chain() -> list[Processor]:
    return [
        merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        _CALLSITE,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _complete,
    ]


def _complete(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Our field names, all of them, in our order; what is not known is null."""
    span = trace.get_current_span().get_span_context()
    event["message"] = event.pop("event", "")
    event["function"] = event.pop("func_name", None)
    event["line"] = event.pop("lineno", None)
    if span.is_valid:
        event["trace_id"] = f"{span.trace_id:032x}"
    return _in_order(event)


def _in_order(event: EventDict) -> EventDict:
    return {**dict.fromkeys(FIELDS), **event}


def _render(_: WrappedLogger, __: str, event: EventDict) -> str:
    event.pop("_record", None)
    event.pop("_from_structlog", None)
    line = orjson.dumps(event, default=_text).decode()
    if line.isprintable():
        return line
    return "".join(sign if sign.isprintable() else _escaped(sign) for sign in line)


def _escaped(sign: str) -> str:
    """As JSON writes it: what a terminal or a reader may take as a command is shown as what it is."""
    return json.dumps(sign)[1:-1]


def _text(value: Any) -> str:
    return str(value)
