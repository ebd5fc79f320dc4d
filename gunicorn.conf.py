"""How gunicorn serves: `gunicorn wsgi:app` reads this file by itself. Everything can be set on the command line
instead."""

import sys
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


bind = f"127.0.0.1:{settings['PORT']}"
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
