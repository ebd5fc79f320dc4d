"""Error reports to a server that speaks Sentry's protocol, if the setting SENTRY_DSN names one.

Nothing that the library collects by itself leaves the installation: no request, user, local value, source line, host
name or error message. Events are built here, from what a log line may hold.
"""

import atexit
import logging
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import structlog

from .redaction import clean_values, fault_as_data

NAME = "fault reports"
PATIENCE = 2.0  # seconds for which an exiting process waits for unsent reports
# The fields of an event that are sent. The library adds more, which are dropped.
SENT_FIELDS = ("event_id", "timestamp", "platform", "level", "exception", "tags", "environment")


def begin(config: Mapping[str, Any]) -> None:
    """Report every exception that is logged as an error from now on; without SENTRY_DSN, stop reporting."""
    root = logging.getLogger()
    earlier = [handler for handler in root.handlers if handler.name == NAME]
    for handler in earlier:
        root.removeHandler(handler)
    if not config.get("SENTRY_DSN"):
        return
    sentry = import_module("sentry_sdk")  # the extra `sentry`
    sentry.init(
        dsn=config["SENTRY_DSN"],
        environment=config.get("ENV", "production"),
        integrations=[],
        default_integrations=False,
        auto_enabling_integrations=False,
        auto_session_tracking=False,
        send_client_reports=False,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        before_send=_scrub_event,
        before_send_transaction=lambda *_: None,
    )
    atexit.register(sentry.flush, timeout=PATIENCE)  # a command would otherwise exit before its report is sent
    root.addHandler(_Reporter(sentry.capture_event))


class _Reporter(logging.Handler):
    """Report logged exceptions to Sentry. An error while reporting goes to standard error, as in every log handler."""

    def __init__(self, capture: Any) -> None:
        super().__init__(logging.ERROR)
        self.name = NAME
        self._capture = capture

    def emit(self, record: logging.LogRecord) -> None:
        fault = getattr(record, "fault", None)
        if fault is None and record.exc_info and record.exc_info[1]:
            fault = fault_as_data(record.exc_info[1])
        if not fault:
            return
        try:
            self._capture(_build_event(record, fault))
        except Exception:
            self.handleError(record)


def _build_event(record: logging.LogRecord, fault: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a Sentry event for a fault from `fault_as_data`: exceptions without their messages, the cause first."""
    values = [
        {"type": error["type"], "value": "", "stacktrace": {"frames": list(map(_build_frame, error["frames"]))}}
        for error in reversed(fault)
    ]
    tags = {"request": structlog.contextvars.get_contextvars().get("request"), "logger": record.name}
    tags |= {name: getattr(record, name, None) for name in ("endpoint", "duty")}
    tags = clean_values({name: value for name, value in tags.items() if value})
    return {"level": "error", "logger": NAME, "exception": {"values": values}, "tags": tags}


def _build_frame(frame: Mapping[str, Any]) -> dict[str, Any]:
    return {"filename": frame["file"], "lineno": frame["line"], "function": frame["function"]}


def _scrub_event(event: dict[str, Any], _hint: Any) -> dict[str, Any] | None:
    """Drop events that weren't built here, and fields that the library added to ours."""
    if event.get("logger") != NAME:
        return None
    return {name: event[name] for name in SENT_FIELDS if name in event}
