"""The list of erasures as a file that outlives the database: on another disk, and beside each backup.

Its first line says until when it is complete, and proves that it is ours. Each further line is the number of a key and
a keyed hash (`audit.erasures`). Lines are only ever added, and without a time, which would reveal when a reader
withdrew something.
"""

import errno
import fcntl
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

from sqlalchemy import select

from ..audit.erasures import PURPOSE
from ..audit.models import Erasure
from ..crypto.seal import Keys
from ..db.engine import Database
from ..db.session import now
from .whole_file import write_whole_file

NEVER = datetime(2000, 1, 1, tzinfo=UTC)
OVERLAP = 10_000  # rows read again: on PostgreSQL a row with a lower id may be committed later
Line = tuple[int, bytes]  # the number of a key, and a hash with it

_HEAD = re.compile(
    rb"readers-asked erasures 1, complete to (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6})Z, of ([0-9a-f]{64})\n"
)
_LINE = re.compile(rb"(\d{1,5}) ([0-9a-f]{64})\n")


class NotOurList(Exception):
    """Raised for a file that is no list of erasures, or that of a newsroom with other keys."""


@dataclass(frozen=True)
class Erasures:
    """The content of a list: everything that was erased until `complete_to` (UTC)."""

    complete_to: datetime
    lines: frozenset[Line]

    def __or__(self, other: "Erasures") -> "Erasures":
        return Erasures(max(self.complete_to, other.complete_to), self.lines | other.lines)


def read_list(path: Path, keyring: Keys) -> Erasures | None:
    """Return the content of the list at `path`, or None if there is none. Raises `NotOurList`."""
    try:
        written = path.read_bytes()
    except FileNotFoundError:
        return None
    found = _parse_list(path, written, keyring)
    return found and found[0]


def write_list(path: Path, erasures: Erasures, keyring: Keys) -> None:
    """Write a complete list, replacing an old one. Raises what `write_whole_file` raises."""
    write_whole_file(path, [_format_header(erasures.complete_to, keyring), *map(_format_line, sorted(erasures.lines))])


def _parse_list(path: Path, data: bytes, keyring: Keys) -> tuple[Erasures, int] | None:
    """Return the content and its length in complete bytes, or None for an empty list.

    What a full disk or a killed process cut off within a line is ignored.
    """
    if b"\n" not in data:
        if _format_header(NEVER, keyring).startswith(data):
            return None  # empty, or begun
        raise NotOurList(path)
    head = _HEAD.match(data)
    if head is None or bytes.fromhex(head[2].decode()) not in keyring.macs(PURPOSE, "the list"):
        raise NotOurList(path)
    lines, at = set[Line](), head.end()
    while line := _LINE.match(data, at):
        lines.add((int(line[1]), bytes.fromhex(line[2].decode())))
        at = line.end()
    if b"\n" in data[at:]:
        raise NotOurList(path)
    complete_to = datetime.fromisoformat(head[1].decode()).replace(tzinfo=UTC)
    return Erasures(complete_to, frozenset(lines)), at


def _format_header(complete_to: datetime, keyring: Keys) -> bytes:
    own = keyring.mac(PURPOSE, "the list").hex()
    return f"readers-asked erasures 1, complete to {complete_to:%Y-%m-%dT%H:%M:%S.%f}Z, of {own}\n".encode()


def _format_line(line: Line) -> bytes:
    return f"{line[0]} {line[1].hex()}\n".encode()


class Keeper:
    """Keep the list at `path` up to date with the database. Read it again only if somebody else has written to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._left: tuple[int, ...] = ()  # the signature of the file after our last write
        self._known: set[Line] = set()
        self._last_id = 0

    def keep(self, database: Database) -> int:
        """Add what was erased since the last time, and store until when the list is complete. Return how many lines are
        new.

        Raises `NotOurList` and OSError.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if self._left != _signature(file):
                self._begin(file, database.ring)
            with database.read() as session:
                at = now(session)
                query = select(Erasure.id, Erasure.key_no, Erasure.mac).where(Erasure.id > self._last_id - OVERLAP)
                rows = session.execute(query).all()
            new = {(row.key_no, row.mac) for row in rows} - self._known
            size = os.fstat(file.fileno()).st_size
            _write_at(file, size, b"".join(map(_format_line, sorted(new))))
            _write_at(file, 0, _format_header(at, database.ring))  # last, since it vouches for the rest
            self._known |= new
            self._last_id = max((row.id for row in rows), default=self._last_id)
            self._left = _signature(file)
            return len(new)

    def _begin(self, file: FileIO, keyring: Keys) -> None:
        """Read the existing lines, and truncate an incomplete one."""
        found = _parse_list(self.path, file.read(), keyring)
        os.ftruncate(file.fileno(), found[1] if found else 0)
        if found is None:
            _write_at(file, 0, _format_header(NEVER, keyring))
        self._known, self._last_id = set(found[0].lines) if found else set(), 0


def _write_at(file: FileIO, offset: int, data: bytes) -> None:
    if os.pwrite(file.fileno(), data, offset) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(file.fileno())


def _signature(file: FileIO) -> tuple[int, ...]:
    stat = os.fstat(file.fileno())
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
