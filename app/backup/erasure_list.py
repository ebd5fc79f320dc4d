"""The list of erasures, a file that outlives the database: on another disk, and beside each backup.

Its first line has the time until which the list is complete, and a keyed hash that proves that it is ours. Each further
line has the number of a key, and a keyed hash of what was erased (`audit.erasures`). Lines are only added. They have no
time, which would reveal when a reader withdrew something.
"""

import errno
import fcntl
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select

from ..audit.erasures import PURPOSE
from ..audit.models import Erasure
from ..crypto.seal import Keys
from ..db.engine import Database
from ..db.session import now
from .atomic_file import write_atomically

NEVER = datetime(2000, 1, 1, tzinfo=UTC)  # the time until which a new list is complete
OVERLAP = 10_000  # IDs below the last one that are read again: on PostgreSQL a lower ID may be committed later
Line = tuple[int, bytes]  # the number of a key, and a hash under it

# "readers-asked erasures 1, complete to 2026-12-01T07:00:00.000000Z, of 0f3a…": the hash proves that the list is ours.
_HEADER = re.compile(
    rb"readers-asked erasures 1, complete to (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6})Z, of ([0-9a-f]{64})\n"
)
# "2 0f3a…": the number of a key, and a hash under it.
_LINE = re.compile(rb"(\d{1,5}) ([0-9a-f]{64})\n")


class NotOurList(Exception):
    """Raised for a file that is not a list of erasures, or is the list of a newsroom with other keys."""


@dataclass(frozen=True)
class Erasures:
    """The content of a list, with everything that was erased before `complete_to` (UTC)."""

    complete_to: datetime
    lines: frozenset[Line]

    def __or__(self, other: "Erasures") -> "Erasures":
        return Erasures(max(self.complete_to, other.complete_to), self.lines | other.lines)


def read_list(path: Path, keyring: Keys) -> Erasures | None:
    """Return the content of the list at `path`, or None if there is none. Raises `NotOurList`."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    parsed = _parse_list(path, data, keyring)
    return parsed.erasures if parsed else None


def write_list(path: Path, erasures: Erasures, keyring: Keys) -> None:
    """Write a complete list, replacing an old one. Raises what `write_atomically` raises."""
    header = _format_header(erasures.complete_to, keyring)
    write_atomically(path, [header, *map(_format_line, sorted(erasures.lines))])


class _ParsedList(NamedTuple):
    """The content of a list, and the length of its complete lines in bytes."""

    erasures: Erasures
    length: int


def _parse_list(path: Path, data: bytes, keyring: Keys) -> _ParsedList | None:
    """Return the content of a list, or None if the file is empty or ends inside its header.

    An incomplete last line, which a full disk or a killed process leaves, is ignored. Raises `NotOurList`.
    """
    if b"\n" not in data:
        if _format_header(NEVER, keyring).startswith(data):
            return None
        raise NotOurList(path)
    header = _HEADER.match(data)
    if header is None:
        raise NotOurList(path)
    proof = bytes.fromhex(header[2].decode())
    if proof not in keyring.macs(PURPOSE, "the list"):
        raise NotOurList(path)
    lines = set[Line]()
    offset = header.end()
    while match := _LINE.match(data, offset):
        lines.add((int(match[1]), bytes.fromhex(match[2].decode())))
        offset = match.end()
    if b"\n" in data[offset:]:
        raise NotOurList(path)
    complete_to = datetime.fromisoformat(header[1].decode()).replace(tzinfo=UTC)
    return _ParsedList(Erasures(complete_to, frozenset(lines)), offset)


def _format_header(complete_to: datetime, keyring: Keys) -> bytes:
    proof = keyring.mac(PURPOSE, "the list").hex()
    return f"readers-asked erasures 1, complete to {complete_to:%Y-%m-%dT%H:%M:%S.%f}Z, of {proof}\n".encode()


def _format_line(line: Line) -> bytes:
    key_number, mac = line
    return f"{key_number} {mac.hex()}\n".encode()


class ErasureListWriter:
    """Keeps the list at `path` up to date with the database. Reads the file again only if others have changed it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._last_signature: tuple[int, ...] = ()  # of the file after our last write
        self._written_lines: set[Line] = set()
        self._last_id = 0  # of the last erasure in the file

    def update(self, database: Database) -> int:
        """Add the erasures since the last call, and write the time until which the list is now complete.

        Returns the number of new lines. Raises `NotOurList` and OSError.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if self._last_signature != _signature(file):
                self._load(file, database.keyring)
            with database.read() as session:
                complete_to = now(session)
                query = select(Erasure.id, Erasure.key_no, Erasure.mac).where(Erasure.id > self._last_id - OVERLAP)
                rows = session.execute(query).all()
            new_lines = {(row.key_no, row.mac) for row in rows} - self._written_lines
            size = os.fstat(file.fileno()).st_size
            _write_at(file, size, b"".join(map(_format_line, sorted(new_lines))))
            # The header is written last, because it promises that all lines are there.
            _write_at(file, 0, _format_header(complete_to, database.keyring))
            self._written_lines |= new_lines
            self._last_id = max((row.id for row in rows), default=self._last_id)
            self._last_signature = _signature(file)
            return len(new_lines)

    def _load(self, file: FileIO, keyring: Keys) -> None:
        """Read the existing lines, and cut off an incomplete last one. Write the header of a new list."""
        parsed = _parse_list(self.path, file.read(), keyring)
        self._last_id = 0
        if parsed is None:
            os.ftruncate(file.fileno(), 0)
            _write_at(file, 0, _format_header(NEVER, keyring))
            self._written_lines = set()
        else:
            os.ftruncate(file.fileno(), parsed.length)
            self._written_lines = set(parsed.erasures.lines)


def _write_at(file: FileIO, offset: int, data: bytes) -> None:
    if os.pwrite(file.fileno(), data, offset) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(file.fileno())


def _signature(file: FileIO) -> tuple[int, ...]:
    """Return numbers that change whenever another process changes or replaces the file."""
    stat = os.fstat(file.fileno())
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
