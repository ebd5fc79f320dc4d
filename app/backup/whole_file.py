"""Files that are there whole or not at all: written beside their place, read back from the disk, then named."""

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

AT_ONCE = 1024 * 1024  # bytes


class Changed(Exception):
    """The disk gives back other bytes than were written."""


class PartialFile:
    """A file that is being written, and the SHA-256 (FIPS 180-4) of what was."""

    def __init__(self, file: int) -> None:
        self._file, self._hash = file, hashlib.sha256()

    def write(self, written: bytes) -> int:
        """Write all of it. Raises OSError, with ENOSPC where the disk is full."""
        rest = memoryview(bytes(written))
        self._hash.update(rest)
        while rest:
            done = os.write(self._file, rest)
            if not done:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            rest = rest[done:]
        return len(written)

    def flush(self) -> None:
        """Do nothing: each write goes out at once."""

    def check(self) -> None:
        """Wait until the disk has it, and read it back from there. Raises `Changed` and OSError."""
        os.fsync(self._file)
        if hasattr(os, "posix_fadvise"):  # else what is read back may be what memory holds of it
            os.posix_fadvise(self._file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.lseek(self._file, 0, os.SEEK_SET)
        again = hashlib.sha256()
        while some := os.read(self._file, AT_ONCE):
            again.update(some)
        if again.digest() != self._hash.digest():
            raise Changed


@contextmanager
def whole_file(path: Path, replace: bool = False) -> Iterator[PartialFile]:
    """Give what is to be written to; it gets its name, readable for its owner alone, once all of it is on the disk.

    Where the block is left by an error, or the process is killed, nothing has that name. Raises FileExistsError unless
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
    """Write a file anew over one that is there. Raises what `whole_file` raises."""
    with whole_file(path, replace=True) as file:
        for part in parts:
            file.write(part)


def _move_into_place(temp_path: str, path: Path, replace: bool) -> None:
    if replace:
        os.replace(temp_path, path)
    else:
        try:
            os.link(temp_path, path)  # unlike a renaming it takes nobody's place
        except FileExistsError:
            raise
        except OSError:  # a stick's file system knows no links
            if path.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
            os.rename(temp_path, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
