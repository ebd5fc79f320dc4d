"""Programs that tests need, and what happens if they are missing."""

import os
import shutil
from typing import NoReturn

import pytest


def find_chromium() -> str | None:
    """Return the path of Chromium: preferably the headless shell, which takes half the CPU time."""
    return shutil.which("chromium-headless-shell") or shutil.which("chromium")


def skip_without(requirement: str) -> NoReturn:
    """Skip the test with a clear message; fail in CI, which must have everything."""
    if os.environ.get("CI"):
        pytest.fail(f"CI needs {requirement}")
    pytest.skip(f"NOT TESTED, there is no {requirement}")
