"""How gunicorn serves: `gunicorn wsgi:app` reads this file by itself. Everything can be set on the command line
instead."""

import os
import sys
from typing import Any

from gunicorn.glogging import Logger


class Discreet(Logger):
    """gunicorn's log without what it tells of readers: their address, where they were, what they sent."""

    def warning(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        if not str(msg).startswith("Invalid request from ip="):
            super().warning(msg, *args, **kwargs)

    def exception(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        if str(msg).startswith("Error handling request"):
            super().error("a request could not be handled: %s", type(sys.exception()).__name__)
        else:
            super().exception(msg, *args, **kwargs)


bind = f"127.0.0.1:{os.environ.get('PORT', '8000')}"
worker_class = "gthread"
# One process counts guesses in its own memory; several need one place to count in, which REDIS_URL names.
workers = int(os.environ.get("WEB_CONCURRENCY", "2" if os.environ.get("REDIS_URL") else "1"))
threads = 8
timeout = 30  # seconds
graceful_timeout = 5  # seconds that requests in flight have when the server is stopped
loglevel = "warning"
accesslog = None  # it would hold readers' addresses
logger_class = Discreet
control_socket_disable = True
proc_name = "readers-asked"
