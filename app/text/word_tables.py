"""Word and phrase tables: TOML files next to the modules that use them."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any


@cache
def word_tables(module: str, name: str) -> dict[str, Any]:
    """Return the contents of `name`.toml in the folder of `module`, which is the caller's `__file__`.

    Call this when a table is first needed, not on import: reading all tables takes longer than the rest of starting up.
    Raises FileNotFoundError or tomllib.TOMLDecodeError, which are programming errors.
    """
    return tomllib.loads(Path(module).with_name(f"{name}.toml").read_text("utf-8"))
