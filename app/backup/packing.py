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

FORM = "readers-asked backup"  # key in the manifest, whose value is the version of the format
NUMBER = 1  # version of the format; newer ones can't be read
PURPOSE = "backups"
GZIP = 31  # zlib's name for a gzip wrapper with the largest window (zlib manual, inflateInit2)
LONGEST = 128 * 1024 * 1024  # bytes of a line: a mail of 25 MB and its parsed text, twice encoded in base64
PIECE = 256 * 1024  # bytes
AGE = b"age-encryption.org/"  # the beginning of an encrypted file
Identity = Any  # of pyrage, which has no types: an age or an OpenSSH key
Recipient = Any


class UnreadableBackup(Exception):
    """Raised for a file that can't be restored; `str` is the reason, as a sentence for a person."""


def line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass") + b"\n"


def pack(lines: Iterable[bytes], keyring: Keys) -> Iterator[bytes]:
    """Yield the bytes of an unencrypted backup, including its last line."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, GZIP)
    checksum = hashlib.sha256()
    for raw_line in lines:
        checksum.update(raw_line)
        for start in range(0, len(raw_line), PIECE):  # the line of a mail may have megabytes
            yield compressor.compress(raw_line[start : start + PIECE])
    digest = checksum.hexdigest()
    yield compressor.compress(line({"end": digest, "of": keyring.mac(PURPOSE, digest).hex()}))
    yield compressor.flush()


class _ChunkReader(io.RawIOBase):
    """Chunks as a readable file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._rest = chunk
        if size is None or size < 0:
            size = len(self._rest)
        data = self._rest[:size]
        self._rest = self._rest[size:]
        return data


def seal(chunks: Iterator[bytes], file: Any, recipients: list[Recipient]) -> None:
    """Encrypt chunks for these recipients and write them, in the age format (age-encryption.org/v1), piece by piece.

    Errors of reading or writing are raised as they are, although the library would turn them into errors of its own.
    """
    import pyrage  # here and below, since only backups need it

    target = _ErrorRecordingFile(file)
    try:
        pyrage.encrypt_io(_ChunkReader(target.watch(chunks)), target, recipients)
    except Exception as error:
        raise target.error or error from None


class _ErrorRecordingFile:
    """A file that keeps the first error of writing to it, or of reading the chunks that `watch` yields."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.error: Exception | None = None

    def watch(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from chunks
        except Exception as error:
            self.error = error
            raise

    def write(self, data: bytes) -> int:
        try:
            return int(self._file.write(data))
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
        self._on_row = on_row
        self._ring = keyring
        self._gzip = zlib.decompressobj(GZIP)
        self._checksum = hashlib.sha256()
        self._incomplete_line = bytearray()
        self._table = ""
        self._columns: list[str] = []
        self._has_trailer = False

    def write(self, data: bytes) -> int:
        """Parse the next bytes. Raises `UnreadableBackup`, and what `on_row` raises."""
        try:
            unpacked = self._gzip.decompress(data)
        except zlib.error:
            raise self._unreadable() from None
        *line_ends, beginning = unpacked.split(b"\n")
        for line_end in line_ends:
            self._incomplete_line += line_end
            self._read_line(bytes(self._incomplete_line) + b"\n")
            self._incomplete_line.clear()
        self._incomplete_line += beginning
        if len(self._incomplete_line) > LONGEST or self._gzip.unused_data:
            raise self._unreadable()
        return len(data)

    def flush(self) -> None:
        """Do nothing: all complete lines have been parsed."""

    def end(self) -> None:
        """Finish. Raises `UnreadableBackup` if something is missing."""
        if not self.manifest:
            raise UnreadableBackup(NOT_OURS)
        is_complete = self._has_trailer and self._gzip.eof
        if not is_complete or self.counts != self.manifest["rows"]:
            raise UnreadableBackup(DAMAGED)

    def _unreadable(self) -> UnreadableBackup:
        """Return the error for bytes that can't be parsed: before the manifest the file may not be a backup at all."""
        return UnreadableBackup(DAMAGED if self.manifest else NOT_OURS)

    def _read_line(self, raw_line: bytes) -> None:
        if self._has_trailer:  # nothing may follow it
            raise UnreadableBackup(DAMAGED)
        if self._table and raw_line.startswith(b"["):
            self.counts[self._table] += 1
            self._on_row(self._table, self._columns, raw_line)
            self._checksum.update(raw_line)
            return
        try:
            self._read_section(json.loads(raw_line))
        except (ValueError, LookupError, TypeError):
            raise self._unreadable() from None
        self._checksum.update(raw_line)

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
        digest = self._checksum.hexdigest()
        if trailer["end"] != digest:
            raise UnreadableBackup(DAMAGED)
        check_keys(self.manifest, self._ring)
        newest_key = max(map(int, self.manifest["keys"]))
        if trailer["of"] != self._ring.mac(PURPOSE, digest, newest_key).hex():
            raise UnreadableBackup(DAMAGED)
        self._has_trailer = True


def check_keys(manifest: dict[str, Any], keyring: Keys) -> list[int]:
    """Return the numbers of older keys of the newsroom that are missing here.

    Raises `UnreadableBackup` if its newest key is missing.
    """
    own_macs = [mac.hex() for mac in keyring.macs(PURPOSE, manifest["id"])]
    missing = [int(number) for number, mac in manifest["keys"].items() if mac not in own_macs]
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
            while data := file.read(64 * 1024):
                reader.write(data)
                progress(len(data))
    reader.end()


def _decrypt(file: Any, identities: list[Identity], reader: BackupReader) -> None:
    if not identities:
        raise UnreadableBackup(SEALED)
    import pyrage

    target = _ErrorRecordingFile(reader)
    try:
        pyrage.decrypt_io(file, target, identities)
    except Exception as error:
        if target.error:
            raise target.error from None
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
        data = self._file.read(size)
        self._progress(len(data))
        return data
