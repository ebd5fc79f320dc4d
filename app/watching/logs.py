"""Logging: one line per event on standard error, as JSON or for people, without anything that must never be logged.

All code uses Python's `logging`; structlog formats the lines. `extra={"name": value}` adds fields. Of the arguments of
a library's message only numbers are logged, since the others may be personal data.
"""

import logging
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

import structlog
from structlog.typing import Processor

from . import fault_reports
from .redaction import clean_values, fault_as_data

OWN_PACKAGES = ("app", "demo", "config")
# Some of these log whole mails or commands at lower levels, so their level is never below `warning`.
QUIET_LOGGERS = (
    "mail.log",
    "flufl.bounce",
    "imap_tools",
    "alembic",
    "sqlalchemy",
    "urllib3",
    "sentry_sdk",
    "asyncio",
    "werkzeug",
    "waitress",
)
HANDLER_NAME = "readers-asked"


def formatter(config: Mapping[str, Any]) -> logging.Formatter:
    """Return the formatter for the setting LOG_FORMAT (`console` or `json`). All our handlers must use it."""
    renderer: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if config.get("LOG_FORMAT") == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=lambda *_: None)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), structlog.contextvars.merge_contextvars],
        processors=[
            _redact_library_message,
            _summarize_exception,
            _order_fields,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            renderer,
        ],
        pass_foreign_args=True,
    )


def begin(config: Mapping[str, Any]) -> None:
    """Configure logging by LOG_FORMAT and LOG_LEVEL, and error reports by SENTRY_DSN. May be called again."""
    root = logging.getLogger()
    handler = next((handler for handler in root.handlers if handler.name == HANDLER_NAME), None)
    if handler is None:
        handler = logging.StreamHandler(sys.__stderr__)
        handler.name = HANDLER_NAME
        root.addHandler(handler)
    handler.setFormatter(formatter(config))
    level = getattr(logging, config.get("LOG_LEVEL", "warning").upper())
    root.setLevel(level)
    for name in QUIET_LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING, level))
    fault_reports.begin(config)


# The processors of structlog: each gets the fields of a log line, and returns the changed fields.


def _redact_library_message(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop the arguments of a library's message that aren't numbers, and the fields that the library added."""
    record: logging.LogRecord = event["_record"]
    arguments = event.pop("positional_args", ()) or ()
    if record.name.split(".")[0] in OWN_PACKAGES:
        return event
    redacted = {name: event[name] for name in ("request", "_record", "_from_structlog") if name in event}
    if event.get("exc_info"):
        redacted["exc_info"] = event["exc_info"]
    redacted["event"] = _format_library_message(record, arguments)
    return redacted


def _format_library_message(record: logging.LogRecord, arguments: Any) -> str:
    """Return the template of a message, with only the numbers filled in.

    A message without arguments may hold personal data, so only its place in the code is returned.
    """
    if not (isinstance(record.msg, str) and arguments):
        return f"said something at {record.module}:{record.lineno}"
    positional = arguments if isinstance(arguments, tuple) else ()
    redacted_arguments = tuple(value if isinstance(value, int | float) else "…" for value in positional)
    try:
        return record.msg % redacted_arguments
    except (TypeError, ValueError):
        return record.msg


def _summarize_exception(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Reduce an exception to its type and the frames that it passed through, whoever logged it."""
    exc_info = event.pop("exc_info", None)
    event.pop("stack", None)
    error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    if isinstance(error, BaseException):
        event["fault"] = fault_as_data(error)
    return event


def _order_fields(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put time, level and logger before the other fields, and redact the other fields."""
    record: logging.LogRecord = event.pop("_record")
    for name in ("_from_structlog", "message", "asctime"):  # the latter two come from other formatters
        event.pop(name, None)
    timestamp = structlog.processors.TimeStamper(fmt="iso", utc=True)(None, "", {})["timestamp"]
    fault = event.pop("fault", None)  # from `fault_as_data`, so it needs no redaction
    level = record.levelname.lower()
    fields = {"time": timestamp, "level": level, "logger": record.name, **clean_values(dict(event))}
    if fault:
        fields["fault"] = [f"{error['type']}: {_format_frames(error['frames'])}" for error in fault]
    return {**fields, "_record": record, "_from_structlog": False}


def _format_frames(frames: Sequence[Mapping[str, Any]]) -> str:
    return " > ".join(f"{frame['file']}:{frame['line']} {frame['function']}" for frame in frames)
