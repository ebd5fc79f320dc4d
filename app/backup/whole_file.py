"""Files that are written completely or not at all: to a temporary file, read back from the disk, then renamed."""

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

AT_ONCE = 1024 * 1024  # bytes


class Changed(Exception):
    """Raised when the disk returns other bytes than were written."""


class PartialFile:
    """A file that is being written, and the SHA-256 (FIPS 180-4) of its content."""

    def __init__(self, file: int) -> None:
        self._file, self._hash = file, hashlib.sha256()

    def write(self, written: bytes) -> int:
        """Write all bytes. Raises OSError, with ENOSPC if the disk is full."""
        rest = memoryview(bytes(written))
        self._hash.update(rest)
        while rest:
            done = os.write(self._file, rest)
            if not done:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            rest = rest[done:]
        return len(written)

    def flush(self) -> None:
        """Do nothing, since writes aren't buffered."""

    def check(self) -> None:
        """Wait until the disk has the file, and read it back from there. Raises `Changed` and OSError."""
        os.fsync(self._file)
        if hasattr(os, "posix_fadvise"):  # otherwise the page cache may be read back, and not the disk
            os.posix_fadvise(self._file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.lseek(self._file, 0, os.SEEK_SET)
        again = hashlib.sha256()
        while some := os.read(self._file, AT_ONCE):
            again.update(some)
        if again.digest() != self._hash.digest():
            raise Changed


@contextmanager
def whole_file(path: Path, replace: bool = False) -> Iterator[PartialFile]:
    """Yield a file to write to. It gets its name, readable for its owner only, once all of it is on the disk.

    If the block raises or the process is killed, there is no file of that name. Raises FileExistsError unless
    `replace`, `Changed`, and OSError.
    """
    if not replace and path.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    file, part = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        written = PartialFile(file)
        yield written
        written.check()
        _move_into_place(part, path, replace)
    finally:
        os.close(file)
        with suppress(FileNotFoundError):
            os.unlink(part)


def write_whole_file(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file, replacing an old one. Raises what `whole_file` raises."""
    with whole_file(path, replace=True) as file:
        for part in parts:
            file.write(part)


def _move_into_place(temp_path: str, path: Path, replace: bool) -> None:
    if replace:
        os.replace(temp_path, path)
    else:
        try:
            os.link(temp_path, path)  # unlike a rename, it never replaces a file
        except FileExistsError:
            raise
        except OSError:  # the file systems of USB sticks have no hard links
            if path.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
            os.rename(temp_path, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
