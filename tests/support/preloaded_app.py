"""Imports the product, so that processes which `tests.support.processes` forks have it loaded."""

import config
from app import create_app

create_app(config.load({"READERS_ASKED_ENV": "demo"}))  # imports most modules
