"""The list of erasures, a file that outlives the database: on another disk, and beside each backup.

Its first line has the time until which the list is complete, the newest head of the chain over the trail, and a keyed
hash that proves that the line is ours. Each further line has the number of a key, and a keyed hash of what was erased
(`audit.erasures`). Lines are only added. They have no time, which would reveal when a reader withdrew something: that
is why the head replaces the one before it, and isn't a line among them.
"""

import errno
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select

from ..audit import chain
from ..audit.erasures import PURPOSE
from ..audit.known_head import NO_HEAD, KnownHead
from ..audit.models import Erasure
from ..crypto.seal import Keys
from ..db.engine import Database
from ..db.session import now
from .atomic_file import write_atomically

NEVER = datetime(2000, 1, 1, tzinfo=UTC)  # the time until which a new list is complete
OVERLAP = 10_000  # IDs below the last one that are read again: on PostgreSQL a lower ID may be committed later
Line = tuple[int, bytes]  # the number of a key, and a hash under it

# "readers-asked erasures 2, complete to 2026-12-01T07:00:00.000000Z, trail 00000 0000000041 7c1e…, of 0f3a…": the
# counts of acknowledgements and of links, the newest head, and a hash of all that is before it. The length is fixed.
_HEADER = re.compile(
    rb"(readers-asked erasures 2, complete to (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6})Z, "
    rb"trail (\d{5}) (\d{10}) ([0-9a-f]{64})), of ([0-9a-f]{64})\n"
)
# The first line of a list of an earlier version, which knew no head.
_FORMER_HEADER = re.compile(
    rb"readers-asked erasures 1, complete to (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6})Z, of ([0-9a-f]{64})\n"
)
HEADER_SIZE = 300  # bytes, more than any header has
# "2 0f3a…": the number of a key, and a hash under it.
_LINE = re.compile(rb"(\d{1,5}) ([0-9a-f]{64})\n")


class NotOurList(Exception):
    """Raised for a file that is not a list of erasures, or is the list of a newsroom with other keys."""


@dataclass(frozen=True)
class Erasures:
    """The content of a list, with everything that was erased before `complete_to` (UTC).

    `heads` has the head that the list remembers. Of several lists it has several, of which a file gets the newest.
    """

    complete_to: datetime
    lines: frozenset[Line]
    heads: frozenset[KnownHead] = frozenset()

    def __or__(self, other: "Erasures") -> "Erasures":
        return Erasures(max(self.complete_to, other.complete_to), self.lines | other.lines, self.heads | other.heads)

    @property
    def newest_head(self) -> KnownHead:
        return max(self.heads, default=NO_HEAD)


def read_list(path: Path, keyring: Keys) -> Erasures | None:
    """Return the content of the list at `path`, or None if there is none. Raises `NotOurList`."""
    data = _read_locked(path)
    parsed = _parse_list(path, data, keyring) if data is not None else None
    return parsed.erasures if parsed else None


def read_head(path: Path, keyring: Keys) -> KnownHead:
    """Return the head that the list at `path` remembers, or `NO_HEAD`. Raises `NotOurList` and OSError."""
    data = _read_locked(path, HEADER_SIZE)
    parsed = _parse_list(path, data[: data.find(b"\n") + 1] or data, keyring) if data is not None else None
    return parsed.erasures.newest_head if parsed else NO_HEAD


def write_head(path: Path, known_head: KnownHead, keyring: Keys) -> None:
    """Make the list at `path` remember this head instead of its own; create the list if there is none.

    Raises `NotOurList` and OSError.
    """
    with _open_locked(path, keyring) as file:
        parsed = _parse_list(path, file.read(), keyring)
        complete_to = parsed.erasures.complete_to if parsed else NEVER
        if parsed is None:
            os.ftruncate(file.fileno(), 0)
        _write_at(file, 0, _format_header(complete_to, known_head, keyring))


def _read_locked(path: Path, size: int = -1) -> bytes | None:
    """Return the first `size` bytes of a file, by default all, as no writer is changing them; None without a file."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            return file.read(size)
    except FileNotFoundError:
        return None


@contextmanager
def _open_locked(path: Path, keyring: Keys) -> Iterator[FileIO]:
    """Open a list to change it, once no other process does, and create it if there is none.

    A list of an earlier version is replaced first, since its header has no room for a head.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    is_current = False
    while not is_current:
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            data = file.read(HEADER_SIZE)
            file.seek(0)
            if os.fstat(file.fileno()).st_ino != path.stat().st_ino:
                continue  # another process has just replaced the file
            is_current = not _FORMER_HEADER.match(data)
            if is_current:
                yield file
            elif parsed := _parse_list(path, file.read(), keyring):
                write_list(path, parsed.erasures, keyring)


def write_list(path: Path, erasures: Erasures, keyring: Keys) -> None:
    """Write a complete list, replacing an old one. Raises what `write_atomically` raises."""
    header = _format_header(erasures.complete_to, erasures.newest_head, keyring)
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
        if _format_header(NEVER, NO_HEAD, keyring).startswith(data):
            return None
        raise NotOurList(path)
    if header := _HEADER.match(data):
        signed, complete_to, *head_fields, proof = header.groups()
        acknowledgements, number, head = (field.decode() for field in head_fields)
        known_head = KnownHead(int(acknowledgements), int(number), bytes.fromhex(head) if int(number) else b"")
    elif header := _FORMER_HEADER.match(data):
        complete_to, proof = header.groups()
        signed, known_head = b"the list", NO_HEAD
    else:
        raise NotOurList(path)
    if bytes.fromhex(proof.decode()) not in keyring.macs(PURPOSE, signed.decode()):
        raise NotOurList(path)
    lines = set[Line]()
    offset = header.end()
    while match := _LINE.match(data, offset):
        lines.add((int(match[1]), bytes.fromhex(match[2].decode())))
        offset = match.end()
    if b"\n" in data[offset:]:
        raise NotOurList(path)
    complete_time = datetime.fromisoformat(complete_to.decode()).replace(tzinfo=UTC)
    return _ParsedList(Erasures(complete_time, frozenset(lines), frozenset({known_head})), offset)


def _format_header(complete_to: datetime, known_head: KnownHead, keyring: Keys) -> bytes:
    head = known_head.head.hex().zfill(64)
    signed = (
        f"readers-asked erasures 2, complete to {complete_to:%Y-%m-%dT%H:%M:%S.%f}Z, "
        f"trail {known_head.acknowledgements:05} {known_head.number:010} {head}"
    )
    return f"{signed}, of {keyring.mac(PURPOSE, signed).hex()}\n".encode()


def _format_line(line: Line) -> bytes:
    key_number, mac = line
    return f"{key_number} {mac.hex()}\n".encode()


class ErasureListWriter:
    """Keeps the list at `path` up to date with the database. Reads the file again only if others have changed it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._last_signature: tuple[int, ...] = ()  # of the file after our last write
        self._written_lines: set[Line] = set()
        self._known_head = NO_HEAD
        self._last_id = 0  # of the last erasure in the file

    def update(self, database: Database, has_chain: bool = True) -> int:
        """Add the erasures since the last call, the newest head, and the time until which the list is now complete.

        The head is only replaced if the chain still contains it. A database from before the chain was added has none
        (`has_chain`). Returns the number of new lines. Raises `NotOurList` and OSError.
        """
        with _open_locked(self.path, database.keyring) as file:
            if self._last_signature != _signature(file):
                self._load(file, database.keyring)
            with database.read() as session:
                complete_to = now(session)
                query = select(Erasure.id, Erasure.key_no, Erasure.mac).where(Erasure.id > self._last_id - OVERLAP)
                rows = session.execute(query).all()
                known_head = chain.advance_known_head(session, self._known_head) if has_chain else self._known_head
            new_lines = {(row.key_no, row.mac) for row in rows} - self._written_lines
            size = os.fstat(file.fileno()).st_size
            _write_at(file, size, b"".join(map(_format_line, sorted(new_lines))))
            # The header is written last, because it promises that all lines are there.
            _write_at(file, 0, _format_header(complete_to, known_head, database.keyring))
            self._written_lines |= new_lines
            self._known_head = known_head
            self._last_id = max((row.id for row in rows), default=self._last_id)
            self._last_signature = _signature(file)
            return len(new_lines)

    def _load(self, file: FileIO, keyring: Keys) -> None:
        """Read the existing lines, and cut off an incomplete last one. Write the header of a new list."""
        parsed = _parse_list(self.path, file.read(), keyring)
        self._last_id = 0
        if parsed is None:
            os.ftruncate(file.fileno(), 0)
            _write_at(file, 0, _format_header(NEVER, NO_HEAD, keyring))
            self._written_lines, self._known_head = set(), NO_HEAD
        else:
            os.ftruncate(file.fileno(), parsed.length)
            self._written_lines, self._known_head = set(parsed.erasures.lines), parsed.erasures.newest_head


def _write_at(file: FileIO, offset: int, data: bytes) -> None:
    if os.pwrite(file.fileno(), data, offset) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(file.fileno())


def _signature(file: FileIO) -> tuple[int, ...]:
    """Return numbers that change whenever another process changes or replaces the file."""
    stat = os.fstat(file.fileno())
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
