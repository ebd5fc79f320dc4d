"""Logging: one line per event on standard error, as JSON or for people, after removing what must never be logged.

All code uses Python's `logging`; structlog formats the lines. `extra={"name": value}` adds fields. Messages of
libraries are logged as their template and its numbers only, since other arguments may be personal data.
"""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog
from structlog.typing import Processor

from . import fault_reports
from .redaction import clean_values, fault_as_data

OURS = ("app", "demo", "config")
# Some log whole mails or commands at their lower levels: no setting lets them log more than failures.
QUIET = (
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
NAME = "readers-asked"


def formatter(config: Mapping[str, Any]) -> logging.Formatter:
    """Return the formatter for the setting LOG_FORMAT (`console` or `json`), the only one that our handlers use."""
    last: Processor = (
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
            last,
        ],
        pass_foreign_args=True,
    )


def begin(config: Mapping[str, Any]) -> None:
    """Configure logging by LOG_FORMAT and LOG_LEVEL, and error reports by SENTRY_DSN. May be called again."""
    root = logging.getLogger()
    handler = next((one for one in root.handlers if one.name == NAME), None)
    if handler is None:
        handler = logging.StreamHandler(sys.__stderr__)
        handler.name = NAME
        root.addHandler(handler)
    handler.setFormatter(formatter(config))
    level = getattr(logging, config.get("LOG_LEVEL", "warning").upper())
    root.setLevel(level)
    for name in QUIET:
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING, level))
    fault_reports.begin(config)


def _redact_library_message(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep the template of a library's message, and only numbers of its arguments."""
    record: logging.LogRecord = event["_record"]
    arguments = event.pop("positional_args", ()) or ()
    if record.name.split(".")[0] in OURS:
        return event
    said = f"said something at {record.module}:{record.lineno}"
    if isinstance(record.msg, str) and arguments:
        known = arguments if isinstance(arguments, tuple) else ()
        filled = tuple(one if isinstance(one, int | float) else "…" for one in known)
        try:
            said = record.msg % filled
        except (TypeError, ValueError):
            said = record.msg
    mine = {name: value for name, value in event.items() if name in ("request", "_record", "_from_structlog")}
    fault = {"exc_info": event["exc_info"]} if event.get("exc_info") else {}
    return {**mine, **fault, "event": said}


def _summarize_exception(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Reduce an exception to its type and the frames that it passed through, whoever logged it."""
    given = event.pop("exc_info", None)
    event.pop("stack", None)
    error = given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["fault"] = fault_as_data(error)
    return event


def _order_fields(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put time, level and logger before the other fields, and redact all of them."""
    record: logging.LogRecord = event.pop("_record")
    for name in ("_from_structlog", "message", "asctime"):  # the latter two come from other formatters
        event.pop(name, None)
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)(None, "", {})["timestamp"]
    fault = event.pop("fault", None)  # frames from `fault_as_data`, which need no redaction
    stated = {"time": stamp, "level": record.levelname.lower(), "logger": record.name, **clean_values(dict(event))}
    if fault:
        stated["fault"] = [
            f"{one['type']}: " + " > ".join(f"{at['file']}:{at['line']} {at['function']}" for at in one["frames"])
            for one in fault
        ]
    return {**stated, "_record": record, "_from_structlog": False}
