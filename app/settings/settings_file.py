"""The settings file: lines of NAME=value. It must not be world-readable, and is created with mode 600.

python-dotenv parses it. Variables are not expanded, since a password may contain any character.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from dotenv.parser import parse_stream

from app.settings.settings_table import ROWS, SETTINGS

ENV_FILE_VARIABLE = "READERS_ASKED_ENV_FILE"
MIN_TYPO_SIMILARITY = 0.8  # of an unknown name to the name of a setting, to count as a typo (difflib's ratio, 0 to 1)


def read(path: Path) -> dict[str, str]:
    """Return the values in a settings file by name. Raises ValueError, whose message never quotes a value."""
    try:
        with path.open(encoding="utf-8") as lines:
            bindings = list(parse_stream(lines))
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} can't be read: it isn't UTF-8") from None
    values = {}
    for binding in bindings:
        location = f"{path}, line {binding.original.line}"
        if binding.error or (binding.key is not None and binding.value is None):
            raise ValueError(f"{location}: write NAME=value, with ' around the value")
        if binding.key is not None and binding.value is not None:  # comments and empty lines have neither
            _check_name(binding.key, location)
            values[binding.key] = binding.value
    return values


def _check_name(name: str, location: str) -> None:
    """Raise ValueError for a probable typo, which would leave a setting unset, and for `ENV_FILE_VARIABLE`."""
    if name == ENV_FILE_VARIABLE:
        raise ValueError(f"{location}: {name} can only be set in the environment")
    if name in SETTINGS:
        return
    if similar_names := get_close_matches(name, SETTINGS, n=1, cutoff=MIN_TYPO_SIMILARITY):
        raise ValueError(f"{location}: {name} is not a setting; did you mean {similar_names[0]}?")


def format_lines(values: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of a settings file: each setting after a comment, and commented out if it is not in `values`."""
    yield "# The settings of Readers Asked. Environment variables override this file."
    yield "# Keep a copy of it away from this machine: nothing but SECRET_KEYS opens what they have sealed."
    for row in ROWS:
        if row.name == ENV_FILE_VARIABLE:
            continue
        yield ""
        condition = f" (needed when: {row.needed})" if row.needed else ""
        yield f"# {row.meaning}{condition}"
        if row.name in values:
            yield f"{row.name}={_quote(values[row.name])}"
        else:
            yield f"# {row.name}={_quote(row.example)}"


def _quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def write_new(path: Path, values: Mapping[str, str]) -> None:
    """Create a settings file atomically. Raises OSError, which is FileExistsError if there already is one."""
    handle, temp_path = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # with mode 600
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in format_lines(values))
            file.flush()
            os.fsync(file.fileno())
        os.link(temp_path, path)  # unlike a rename, this never replaces another file
    finally:
        os.unlink(temp_path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # otherwise a power failure could lose the only copy of the keys
    finally:
        os.close(folder)
