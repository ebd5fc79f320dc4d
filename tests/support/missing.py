"""A part that this machine lacks."""

import os

import pytest


def without(what: str) -> None:
    """Skip loudly on somebody's own machine, fail where everything has to be there."""
    if os.environ.get("CI"):
        pytest.fail(f"CI needs {what}")
    pytest.skip(f"NOT TESTED, there is no {what}")
