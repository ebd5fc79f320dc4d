"""Atomic writing of files: to a temporary file, which is read back from the disk and then renamed."""

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CHUNK_BYTES = 1024 * 1024  # bytes that are read at a time


class Changed(Exception):
    """Raised if the disk returns other bytes than were written."""


class PartialFile:
    """A file that is being written, which can compare its content on the disk with what was written."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Write all bytes. Raises OSError, with ENOSPC if the disk is full."""
        unwritten = memoryview(bytes(data))
        self._hash.update(unwritten)
        while unwritten:
            count = os.write(self._descriptor, unwritten)
            if not count:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            unwritten = unwritten[count:]
        return len(data)

    def flush(self) -> None:
        """Do nothing, since writes aren't buffered."""

    def check(self) -> None:
        """Wait until the disk has the file, and read it back from there. Raises `Changed` and OSError."""
        os.fsync(self._descriptor)
        if hasattr(os, "posix_fadvise"):  # drop the file from the page cache, which would otherwise be read
            os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        hash_on_disk = hashlib.sha256()
        while data := os.read(self._descriptor, CHUNK_BYTES):
            hash_on_disk.update(data)
        if hash_on_disk.digest() != self._hash.digest():
            raise Changed


@contextmanager
def atomic_file(path: Path, replace: bool = False) -> Iterator[PartialFile]:
    """Yield a file to write to. After the block, once all of it is on the disk, it is renamed to `path`, with mode 600.

    If the block raises or the process is killed, `path` is unchanged. Raises FileExistsError unless `replace`,
    `Changed`, and OSError.
    """
    if not replace and path.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    descriptor, temp_path = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        file = PartialFile(descriptor)
        yield file
        file.check()
        _move_into_place(temp_path, path, replace)
    finally:
        os.close(descriptor)
        with suppress(FileNotFoundError):
            os.unlink(temp_path)


def write_atomically(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file, replacing an old one. Raises what `atomic_file` raises."""
    with atomic_file(path, replace=True) as file:
        for part in parts:
            file.write(part)


def _move_into_place(temp_path: str, path: Path, replace: bool) -> None:
    if replace:
        os.replace(temp_path, path)
    else:
        try:
            os.link(temp_path, path)  # unlike a rename, it never replaces a file
        except FileExistsError:
            raise  # otherwise handled below, since it is an OSError
        except OSError:  # no hard links, as in the file systems of USB sticks
            if path.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
            os.rename(temp_path, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
