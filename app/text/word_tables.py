"""Word and phrase tables: TOML files next to the modules that use them."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any


@cache
def word_tables(module: str, name: str) -> dict[str, Any]:
    """Return the contents of `name`.toml in the folder of a module (its `__file__`), cached.

    Call this when a table is first needed, not on import: reading all of them takes longer than starting up. Raises
    FileNotFoundError or tomllib.TOMLDecodeError, both programming errors.
    """
    return tomllib.loads(Path(module).with_name(f"{name}.toml").read_text("utf-8"))
