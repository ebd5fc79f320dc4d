"""Tables of words and phrases that are data: TOML files beside the modules that read them."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any


@cache
def word_tables(module: str, name: str) -> dict[str, Any]:
    """Return the tables of `name`.toml, which lies beside a module (its `__file__`); a file is read once.

    Called when a table is first needed and not on import: to read all of them takes longer than to start.
    Raises FileNotFoundError or tomllib.TOMLDecodeError, which are faults of the house.
    """
    return tomllib.loads(Path(module).with_name(f"{name}.toml").read_text("utf-8"))
