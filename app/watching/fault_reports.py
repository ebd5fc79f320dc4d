"""Faults that are reported to a server which understands Sentry's protocol, where the setting SENTRY_DSN names one.

Nothing that the library would gather by itself leaves the house: no request, user, local value, source line, name of a
machine or message of an error. What goes is made anew here, of what a log line may hold.
"""

import atexit
import logging
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import structlog

from .redaction import clean_values, fault_as_data

NAME = "fault reports"
PATIENCE = 2.0  # seconds that a process waits at its end for what is still to be reported


def begin(config: Mapping[str, Any]) -> None:
    """Report every fault that is logged as an error, from now on; without SENTRY_DSN none."""
    root = logging.getLogger()
    for handler in [one for one in root.handlers if one.name == NAME]:
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
        before_send=_scrubbed,
        before_send_transaction=lambda *_: None,
    )
    atexit.register(sentry.flush, timeout=PATIENCE)  # a command ends before its fault has gone
    root.addHandler(_Reporter(sentry.capture_event))


class _Reporter(logging.Handler):
    """Hands a logged fault over; what goes wrong with that is nobody's fault and not told again."""

    def __init__(self, capture: Any) -> None:
        super().__init__(logging.ERROR)
        self.name = NAME
        self._capture = capture

    def emit(self, record: logging.LogRecord) -> None:
        fault = getattr(record, "fault", None)
        if fault is None and record.exc_info and record.exc_info[1]:
            fault = fault_as_data(record.exc_info[1])
        if fault:
            self._capture(_event(record, fault))


def _event(record: logging.LogRecord, fault: list[dict[str, Any]]) -> dict[str, Any]:
    """A fault as Sentry knows it: an exception without its message, the cause first."""
    values = [
        {
            "type": one["type"],
            "value": "",
            "stacktrace": {
                "frames": [
                    {"filename": at["file"], "lineno": at["line"], "function": at["function"]} for at in one["frames"]
                ]
            },
        }
        for one in reversed(fault)
    ]
    tags = {"request": structlog.contextvars.get_contextvars().get("request"), "logger": record.name}
    tags |= {name: getattr(record, name, None) for name in ("endpoint", "duty")}
    kept = {name: value for name, value in tags.items() if value}
    return {"level": "error", "logger": NAME, "exception": {"values": values}, "tags": clean_values(kept)}


# What of an event leaves the house. The library adds more to each; it all stays here.
KEPT = ("event_id", "timestamp", "platform", "level", "exception", "tags", "environment")


def _scrubbed(event: dict[str, Any], _hint: Any) -> dict[str, Any] | None:
    """Let only what was made here pass, and of that only what was put into it."""
    if event.get("logger") != NAME:
        return None
    return {name: event[name] for name in KEPT if name in event}
