"""All settings, read from settings.toml, and the reference documentation that is generated from them."""

import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DATA_FOLDER = "VAR"  # in a default value, the placeholder for `get_data_folder()`


def get_data_folder() -> Path:
    """Return the default folder for a newsroom's files.

    In a clone of the repository it is `var`, otherwise the user's data folder (XDG Base Directory Specification).
    """
    if (ROOT / "pyproject.toml").exists():
        return ROOT / "var"
    data_home = Path(os.environ.get("XDG_DATA_HOME", ""))
    if not data_home.is_absolute():
        data_home = Path.home() / ".local" / "share"
    return data_home / "readers-asked"


@dataclass(frozen=True)
class ServerSetting:
    """A row of settings.toml. The comment at the beginning of that file explains the columns."""

    name: str
    part: str
    meaning: str
    default: str = ""
    example: str = ""
    needed: str = ""
    kind: str = ""
    choices: tuple[str, ...] = ()

    @property
    def value(self) -> str:
        """The default value, with the data folder filled in."""
        return self.default.replace(DATA_FOLDER, str(get_data_folder()))


def _read_row(name: str, columns: dict[str, Any]) -> ServerSetting:
    """Return the setting of a row. Raises ValueError, with the row's name, for a missing or unknown column."""
    missing = {"part", "meaning"} - columns.keys()
    unknown = columns.keys() - {column.name for column in fields(ServerSetting)}
    if missing or unknown:
        fault = f"lacks {sorted(missing)}" if missing else f"has {sorted(unknown)}, which no row has"
        raise ValueError(f"the row {name} of app/settings/settings.toml {fault}")
    return ServerSetting(name, **columns)


_TABLE = tomllib.loads(Path(__file__).with_name("settings.toml").read_text("utf-8"))
ROWS = tuple(_read_row(name, columns) for name, columns in _TABLE.items())
SETTINGS = {row.name: row for row in ROWS}

INTRODUCTION = """# Settings

Set each of them as an environment variable, or in a settings file, which `readers-asked --env-file FILE COMMAND` or the
variable READERS_ASKED_ENV_FILE names. Environment variables override the file. `readers-asked init` creates it. A line
is `NAME=value`, with `'` around a value that contains spaces or special characters; nothing inside is expanded. The
file must not be world-readable. This page is the output of `readers-asked settings`.
"""


def reference_lines() -> Iterator[str]:
    """Yield the lines of docs/configuration.md."""
    yield from INTRODUCTION.splitlines()
    part = ""
    for row in ROWS:
        if row.part != part:
            part = row.part
            yield from ("", f"## {part}")
        default = row.default.replace(DATA_FOLDER, "var")  # not the path of this machine
        yield from ("", f"### {row.name}", f"{row.meaning[0].upper()}{row.meaning[1:]}.", "")
        yield f"- Default: {f'`{default}`' if default else 'none'}"
        if row.example:
            yield f"- Example: `{row.name}={row.example}`"
        if row.needed:
            yield f"- Needed when: {row.needed}"
