"""Imports the product, so that processes which `tests.support.processes` forks have it loaded."""

from datetime import timedelta

import config
from app import create_app
from app.core import state_machine

create_app(config.load({"READERS_ASKED_ENV": "demo"}))  # imports most modules
state_machine.PAUSE = timedelta(0)  # as in the tests' own process, see `quick_presses`
