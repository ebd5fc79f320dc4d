"""The product, loaded and not opened yet: the processes that `tests.support.processes` forks have imported it."""

import config
from app import create_app

create_app(config.load({"READERS_ASKED_ENV": "demo"}))  # most is imported by this
