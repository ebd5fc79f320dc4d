"""The settings file: lines of NAME=value that only its owner and a group can read. python-dotenv reads them; nothing
in a value is replaced, since a password may hold any sign.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from dotenv.parser import parse_stream

from app.settings.settings_table import ROWS, SETTINGS

NAMED_BY = "READERS_ASKED_ENV_FILE"
ALIKE = 0.8  # from which a name is taken for a slip of the hand; 1 is the same name


def read(path: Path) -> dict[str, str]:
    """Return what a file sets. Raises `ValueError` that says what is wrong with it and never quotes a value."""
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
            raise ValueError(f"{path}, line {binding.original.line}: a line is NAME=value, with ' around the value")
        if binding.key is not None and binding.value is not None:
            _check_name(binding.key, f"{path}, line {binding.original.line}")
            found[binding.key] = binding.value
    return found


def _check_name(name: str, location: str) -> None:
    """Raise `ValueError` where a name is nearly one of ours: what is set by a slip is not set at all."""
    if name == NAMED_BY:
        raise ValueError(f"{location}: {name} is for the environment, a file can't name another one")
    if name not in SETTINGS and (meant := get_close_matches(name, SETTINGS, 1, ALIKE)):
        raise ValueError(f"{location}: {name} is no setting, {meant[0]} is")


def lines_of(values: Mapping[str, str]) -> Iterator[str]:
    """The lines of a file that sets these values: one for each setting there is, with its meaning above."""
    yield "# The settings of Readers Asked. What the environment sets wins over this file."
    yield "# Keep a copy of it away from this machine: what SECRET_KEYS has sealed opens with nothing else."
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
    """Make a settings file, whole or not at all. Raises `FileExistsError` where there is one, and other `OSError`."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # its owner's alone
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines_of(values))
            file.flush()
            os.fsync(file.fileno())
        os.link(beside, path)  # unlike a rename, this never takes the place of another file
    finally:
        os.unlink(beside)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # else a power cut could take the only copy of the keys
    finally:
        os.close(folder)
