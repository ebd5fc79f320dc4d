"""Programs that the tests need, and what happens without them."""

import os
import shutil
from typing import NoReturn

import pytest


def find_chromium() -> str | None:
    """Return where Chromium is: the one without a window, which takes half the processor time, where there is one."""
    return shutil.which("chromium-headless-shell") or shutil.which("chromium")


def skip_without(what: str) -> NoReturn:
    """Skip loudly on somebody's own machine, fail where everything has to be there."""
    if os.environ.get("CI"):
        pytest.fail(f"CI needs {what}")
    pytest.skip(f"NOT TESTED, there is no {what}")
