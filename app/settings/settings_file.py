"""The settings file: lines of NAME=value, readable by its owner and group only.

It is parsed by python-dotenv, without variable expansion, since a password may contain any character.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from dotenv.parser import parse_stream

from app.settings.settings_table import ROWS, SETTINGS

NAMED_BY = "READERS_ASKED_ENV_FILE"
ALIKE = 0.8  # difflib's ratio from which an unknown name counts as a typo; 1 is the same name


def read(path: Path) -> dict[str, str]:
    """Return the settings of a file by name. Raises ValueError, whose message never quotes a value."""
    try:
        with path.open(encoding="utf-8") as lines:
            bindings = list(parse_stream(lines))
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} can't be read: it isn't UTF-8") from None
    found = {}
    for binding in bindings:
        if binding.error or (binding.key is not None and binding.value is None):
            raise ValueError(f"{path}, line {binding.original.line}: write NAME=value, with ' around the value")
        if binding.key is not None and binding.value is not None:
            _check_name(binding.key, f"{path}, line {binding.original.line}")
            found[binding.key] = binding.value
    return found


def _check_name(name: str, location: str) -> None:
    """Raise ValueError for a probable typo, which would leave a setting unset, and for a name no file may set."""
    if name == NAMED_BY:
        raise ValueError(f"{location}: {name} can only be set in the environment")
    if name not in SETTINGS and (meant := get_close_matches(name, SETTINGS, 1, ALIKE)):
        raise ValueError(f"{location}: {name} is not a setting; did you mean {meant[0]}?")


def lines_of(values: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of a settings file: every setting below its explanation, commented out if `values` lacks it."""
    yield "# The settings of Readers Asked. Environment variables override this file."
    yield "# Keep a copy of it away from this machine: nothing but SECRET_KEYS opens what they have sealed."
    for row in ROWS:
        if row.name == NAMED_BY:
            continue
        yield ""
        yield f"# {row.meaning}{f' (needed when: {row.needed})' if row.needed else ''}"
        if row.name in values:
            yield f"{row.name}={_quote(values[row.name])}"
        else:
            yield f"# {row.name}={_quote(row.example)}"


def _quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def write_new(path: Path, values: Mapping[str, str]) -> None:
    """Create a settings file atomically. Raises FileExistsError if it exists, and other OSError."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # with mode 600
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines_of(values))
            file.flush()
            os.fsync(file.fileno())
        os.link(beside, path)  # unlike a rename, this never replaces another file
    finally:
        os.unlink(beside)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # otherwise a power failure could lose the only copy of the keys
    finally:
        os.close(folder)
