"""The product, loaded and not opened yet: what `forks` forks has imported this."""

import gunicorn.app.wsgiapp
import gunicorn.workers.gthread  # noqa: F401 - gunicorn itself loads it late

import config
from app import create_app

create_app(config.load({"READERS_ASKED_ENV": "demo"}))  # most is imported by this
