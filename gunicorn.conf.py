"""How gunicorn serves: `gunicorn wsgi:app` reads this file by itself. Everything can be set on the command line
instead."""

import json
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger

pythonpath = str(Path(__file__).resolve().parent)  # gunicorn looks there before the folder that it was started in
sys.path.insert(0, pythonpath)
from config import Unsafe, values  # noqa: E402 - from beside this file, wherever that is installed

sys.path.remove(pythonpath)

try:
    settings = values()
except Unsafe as unsafe:
    sys.exit(str(unsafe))


class Lines(logging.Formatter):
    """JSON for what is said before the product is loaded: its own form would load it, and a reload would keep that."""

    def format(self, record: logging.LogRecord) -> str:
        said = {"level": record.levelname.lower(), "logger": record.name, "event": record.getMessage()}
        fault = {"fault": self.formatException(record.exc_info)} if record.exc_info else {}
        return json.dumps({"time": self.formatTime(record), **said, **fault}, ensure_ascii=False)


class Discreet(Logger):
    """gunicorn's log without what it tells of readers: their address, where they were, what they sent. Its lines have
    the form of ours."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        if settings["LOG_FORMAT"] == "json":
            self.shape(Lines())

    def shape(self, formatter: logging.Formatter) -> None:
        for handler in self.error_log.handlers:
            handler.setFormatter(formatter)

    def access(self, *_: Any) -> None:
        """Say nothing, whatever is asked for on the command line: a line of each request would hold readers' addresses
        and the minute in which they wrote. LOG_LEVEL=info has a line for each request of the desk."""

    def warning(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        if not str(msg).startswith("Invalid request from ip="):
            super().warning(msg, *args, **kwargs)

    def exception(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        if str(msg).startswith("Error handling request"):
            super().error("a request could not be handled: %s", type(sys.exception()).__name__)
        else:
            super().exception(msg, *args, **kwargs)


bind = f"{settings['BIND_ADDRESS']}:{settings['PORT']}"
worker_class = "gthread"
# One process counts guesses in its own memory; several need one place to count in, which REDIS_URL names.
workers = int(settings["WEB_CONCURRENCY"] or ("2" if settings["REDIS_URL"] else "1"))
threads = 8
timeout = 30  # seconds
graceful_timeout = 5  # seconds that requests in flight have when the server is stopped
loglevel = "warning"
accesslog = None  # it would hold readers' addresses
logger_class = Discreet
control_socket_disable = True
proc_name = "readers-asked"

# Several processes count together in files of this folder, which goes with the server.
MADE = "PROMETHEUS_MULTIPROC_DIR"
if settings["METRICS_TOKEN"] and MADE not in os.environ:
    os.environ[MADE] = tempfile.mkdtemp(prefix="readers-asked-metrics-")


def post_worker_init(worker: Any) -> None:
    """From here on nobody's words can be in a fault: its lines are set as all others are."""
    from app.watching import logs

    worker.log.shape(logs.formatter(worker.wsgi.config))


def on_exit(_server: Any) -> None:
    if os.path.basename(folder := os.environ.get(MADE, "")).startswith("readers-asked-metrics-"):
        shutil.rmtree(folder, ignore_errors=True)
