"""The product, loaded and not opened yet: what `forks` forks has imported this."""

import config
from app import create_app

create_app(config.load({"READERS_ASKED_ENV": "demo"}))  # most is imported by this
