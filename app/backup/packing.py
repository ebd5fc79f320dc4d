"""The format of a backup: lines of JSON, compressed with gzip and, if it has recipients, encrypted with age.

The first line is the manifest, then follow the tables, with a line for each row. The last line holds the SHA-256 of
everything before it and a keyed hash of that, so that only somebody with the newsroom's keys can create or change one.
"""

import hashlib
import io
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ..crypto.seal import Keys

FORM = "readers-asked backup"
NUMBER = 1  # version of the format; newer ones can't be read
PURPOSE = "backups"
GZIP = 31  # zlib's name for a gzip wrapper with the largest window (zlib manual, inflateInit2)
LONGEST = 128 * 1024 * 1024  # bytes of a line: a mail of 25 MB and its parsed text, twice encoded in base64
PIECE = 256 * 1024  # bytes
AGE = b"age-encryption.org/"
Identity = Any  # of pyrage, which has no types: an age or an OpenSSH key
Recipient = Any


class UnreadableBackup(Exception):
    """Raised for a file that can't be restored; `str` is the reason, as a sentence for a person."""


def line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass") + b"\n"


def pack(lines: Iterable[bytes], keyring: Keys) -> Iterator[bytes]:
    """Yield the bytes of an unencrypted backup, including its last line."""
    squeezed, summed = zlib.compressobj(6, zlib.DEFLATED, GZIP), hashlib.sha256()
    for one in lines:
        summed.update(one)
        for start in range(0, len(one), PIECE):  # the line of a mail may have megabytes
            yield squeezed.compress(one[start : start + PIECE])
    yield squeezed.compress(line({"end": summed.hexdigest(), "of": keyring.mac(PURPOSE, summed.hexdigest()).hex()}))
    yield squeezed.flush()


class _ChunkReader(io.RawIOBase):
    """Chunks as a readable file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while not self._rest and (more := next(self._chunks, None)) is not None:
            self._rest = more
        size = len(self._rest) if size is None or size < 0 else size
        some, self._rest = self._rest[:size], self._rest[size:]
        return some


def seal(chunks: Iterator[bytes], file: Any, recipients: list[Recipient]) -> None:
    """Encrypt chunks for these recipients and write them, in the age format (age-encryption.org/v1), piece by piece.

    Errors of reading or writing are raised as they are, although the library would turn them into errors of its own.
    """
    import pyrage  # here and below, since only backups need it

    kept = _ErrorRecordingFile(file)
    try:
        pyrage.encrypt_io(_ChunkReader(kept.watch(chunks)), kept, recipients)
    except Exception as error:
        raise kept.error or error from None


class _ErrorRecordingFile:
    """A file that remembers its first error of reading or writing."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.error: Exception | None = None

    def watch(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from chunks
        except Exception as error:
            self.error = error
            raise

    def write(self, some: bytes) -> int:
        try:
            return int(self._file.write(some))
        except Exception as error:
            self.error = self.error or error
            raise

    def flush(self) -> None:
        self._file.flush()


class BackupReader:
    """Parse the bytes of an unencrypted backup, which are written to it, line by line.

    `manifest` is set after the first line. Then `on_row` is called for each row with its table, its columns and its
    line.
    """

    def __init__(self, on_row: Callable[[str, list[str], bytes], None], keyring: Keys) -> None:
        self.manifest: dict[str, Any] = {}
        self.counts: dict[str, int] = {}
        self._take, self._ring = on_row, keyring
        self._gzip, self._hash = zlib.decompressobj(GZIP), hashlib.sha256()
        self._rest = bytearray()
        self._table, self._columns = "", list[str]()
        self._ended = False

    def write(self, some: bytes) -> int:
        """Parse the next bytes. Raises `UnreadableBackup`, and what `on_row` raises."""
        try:
            out = self._gzip.decompress(some)
        except zlib.error:
            raise UnreadableBackup(DAMAGED if self.manifest else NOT_OURS) from None
        *lines, last = out.split(b"\n")
        for one in lines:
            self._rest += one
            self._read_line(bytes(self._rest) + b"\n")
            self._rest.clear()
        self._rest += last
        if len(self._rest) > LONGEST or self._gzip.unused_data:
            raise UnreadableBackup(DAMAGED if self.manifest else NOT_OURS)
        return len(some)

    def flush(self) -> None:
        """Do nothing: all complete lines have been parsed."""

    def end(self) -> None:
        """Finish. Raises `UnreadableBackup` if something is missing."""
        if not self.manifest:
            raise UnreadableBackup(NOT_OURS)
        if not (self._ended and self._gzip.eof) or self.counts != self.manifest["rows"]:
            raise UnreadableBackup(DAMAGED)

    def _read_line(self, raw_line: bytes) -> None:
        if self._ended:
            raise UnreadableBackup(DAMAGED)
        if self._table and raw_line.startswith(b"["):
            self.counts[self._table] += 1
            self._take(self._table, self._columns, raw_line)
            self._hash.update(raw_line)
            return
        try:
            self._read_section(json.loads(raw_line))
        except (ValueError, LookupError, TypeError):
            raise UnreadableBackup(DAMAGED if self.manifest else NOT_OURS) from None
        self._hash.update(raw_line)

    def _read_section(self, section: dict[str, Any]) -> None:
        if not self.manifest:
            self._read_manifest(section)
        elif "table" in section:
            self._table, self._columns = section["table"], section["columns"]
            self.counts[self._table] = 0
        else:
            self._read_trailer(section)

    def _read_manifest(self, manifest: Any) -> None:
        if not isinstance(manifest, dict) or FORM not in manifest:
            raise UnreadableBackup(NOT_OURS)
        if manifest[FORM] != NUMBER:
            raise UnreadableBackup(
                f"The file was made by Readers Asked {manifest['version']}, which is newer. Install that first."
            )
        self.manifest = manifest

    def _read_trailer(self, trailer: Any) -> None:
        summed = self._hash.hexdigest()
        if trailer["end"] != summed:
            raise UnreadableBackup(DAMAGED)
        check_keys(self.manifest, self._ring)
        number = max(map(int, self.manifest["keys"]))
        if trailer["of"] != self._ring.mac(PURPOSE, summed, number).hex():
            raise UnreadableBackup(DAMAGED)
        self._ended = True


def check_keys(manifest: dict[str, Any], keyring: Keys) -> list[int]:
    """Return the numbers of older keys of the newsroom that are missing here.

    Raises `UnreadableBackup` if its newest key is missing.
    """
    missing = [
        int(number)
        for number, named in manifest["keys"].items()
        if named not in [mac.hex() for mac in keyring.macs(PURPOSE, manifest["id"])]
    ]
    if max(map(int, manifest["keys"])) in missing:
        raise UnreadableBackup(
            "SECRET_KEYS are not those of the newsroom that this is a backup of: nothing that it has sealed would "
            "open. Put its keys into the settings first."
        )
    return missing


NOT_OURS = "The file is no backup of Readers Asked, or damaged at its beginning."
DAMAGED = "The file is damaged or not whole: nothing of it was used. Take another backup."
SEALED = "The file is sealed: name the file of its key with --key."
WRONG_KEY = "The file is sealed for another key than the one of --key."


def unpack(path: Path, identities: list[Identity], reader: BackupReader, progress: Callable[[int], None]) -> None:
    """Read a backup from beginning to end; `progress` is called with the number of bytes read.

    Raises `UnreadableBackup` and OSError.
    """
    with path.open("rb") as file:
        is_sealed = file.read(len(AGE)) == AGE
        file.seek(0)
        if is_sealed:
            _decrypt(_ProgressFile(file, progress), identities, reader)
        else:
            while some := file.read(64 * 1024):
                reader.write(some)
                progress(len(some))
    reader.end()


def _decrypt(file: Any, identities: list[Identity], reader: BackupReader) -> None:
    if not identities:
        raise UnreadableBackup(SEALED)
    import pyrage

    kept = _ErrorRecordingFile(reader)
    try:
        pyrage.decrypt_io(file, kept, identities)
    except Exception as error:
        if kept.error:
            raise kept.error from None
        if isinstance(error, pyrage.DecryptError) and "matching keys" in str(error):
            raise UnreadableBackup(WRONG_KEY) from None
        raise UnreadableBackup(DAMAGED) from None


class _ProgressFile(io.RawIOBase):
    """A file that reports how many bytes are read from it."""

    def __init__(self, file: BinaryIO, progress: Callable[[int], None]) -> None:
        self._file, self._progress = file, progress

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        some = self._file.read(size)
        self._progress(len(some))
        return some
