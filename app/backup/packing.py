"""The format of a backup: lines of JSON, compressed with gzip and, if it has recipients, encrypted with age.

The first line is the manifest. Then follows each table: a line with its name and columns, and a line for each row. The
last line, the trailer, has the SHA-256 of all lines before it and a keyed hash of this SHA-256, so that only somebody
with the newsroom's keys can create or change a backup.
"""

import hashlib
import io
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ..crypto.seal import Keys

FORMAT_KEY = "readers-asked backup"  # key in the manifest, whose value is the version of the format
FORMAT_VERSION = 1  # newer ones can't be read
MAC_PURPOSE = "backups"  # of the keyed hashes in a backup
GZIP = 31  # zlib's `wbits` for the gzip format with the largest window (zlib manual, inflateInit2)
MAX_LINE_BYTES = 128 * 1024 * 1024  # for a mail of 25 MB and its parsed text, twice encoded in base64
CHUNK_BYTES = 256 * 1024  # of a line that are compressed at a time
AGE_PREFIX = b"age-encryption.org/"  # the first bytes of an encrypted file
# pyrage has no types. An identity is a secret key, a recipient a public one, both of age or OpenSSH.
Identity = Any
Recipient = Any

# Messages of `UnreadableBackup`.
NOT_OURS = "The file is no backup of Readers Asked, or damaged at its beginning."
DAMAGED = "The file is damaged or not whole: nothing of it was used. Take another backup."
SEALED = "The file is sealed: name the file of its key with --key."
WRONG_KEY = "The file is sealed for another key than the one of --key."


class UnreadableBackup(Exception):
    """Raised for a file that can't be restored. The message is a sentence for the operator."""


def encode_line(value: Any) -> bytes:
    """Return a value as a line of JSON. Lone surrogates, which UTF-8 excludes, are preserved."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass") + b"\n"


def pack(lines: Iterable[bytes], keyring: Keys) -> Iterator[bytes]:
    """Yield the bytes of an unencrypted backup with these lines, and add the trailer."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, GZIP)
    checksum = hashlib.sha256()
    for raw_line in lines:
        checksum.update(raw_line)
        for start in range(0, len(raw_line), CHUNK_BYTES):  # a line with a mail may have many megabytes
            yield compressor.compress(raw_line[start : start + CHUNK_BYTES])
    digest = checksum.hexdigest()
    yield compressor.compress(encode_line({"end": digest, "of": keyring.mac(MAC_PURPOSE, digest).hex()}))
    yield compressor.flush()


class _ChunkReader(io.RawIOBase):
    """A readable file whose content is a sequence of chunks."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._buffer = b""  # what is left of the current chunk

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while not self._buffer:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._buffer = chunk
        if size is None or size < 0:
            size = len(self._buffer)
        data = self._buffer[:size]
        self._buffer = self._buffer[size:]
        return data


def encrypt(chunks: Iterator[bytes], file: Any, recipients: list[Recipient]) -> None:
    """Encrypt the chunks for these recipients, and write them to `file` in the age format (age-encryption.org/v1).

    Errors of reading the chunks or of writing are raised unchanged, although pyrage turns them into its own.
    """
    import pyrage  # in this function and `_decrypt`, since only backups need it

    recording_file = _ErrorRecordingFile(file)
    try:
        pyrage.encrypt_io(_ChunkReader(recording_file.watch(chunks)), recording_file, recipients)
    except Exception as error:
        raise recording_file.error or error from None


class _ErrorRecordingFile:
    """A file that records the first error of writing to it, or of reading the chunks that `watch` yields."""

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
    """A parser for an unencrypted backup: a file object to which its bytes are written.

    `manifest` is set by the first line. `on_row` is called for each row with its table, the table's columns, and the
    row's line.
    """

    def __init__(self, on_row: Callable[[str, list[str], bytes], None], keyring: Keys) -> None:
        self.manifest: dict[str, Any] = {}
        self.counts: dict[str, int] = {}
        self._on_row = on_row
        self._keyring = keyring
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
        *line_ends, next_beginning = unpacked.split(b"\n")
        for line_end in line_ends:
            self._incomplete_line += line_end
            self._read_line(bytes(self._incomplete_line) + b"\n")
            self._incomplete_line.clear()
        self._incomplete_line += next_beginning
        if len(self._incomplete_line) > MAX_LINE_BYTES or self._gzip.unused_data:
            raise self._unreadable()
        return len(data)

    def flush(self) -> None:
        """Do nothing: all complete lines have been parsed."""

    def end(self) -> None:
        """Check that the backup is complete. Raises `UnreadableBackup`."""
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
        if not isinstance(manifest, dict) or FORMAT_KEY not in manifest:
            raise UnreadableBackup(NOT_OURS)
        if manifest[FORMAT_KEY] != FORMAT_VERSION:
            raise UnreadableBackup(
                f"The file was made by Readers Asked {manifest['version']}, which is newer. Install that first."
            )
        self.manifest = manifest

    def _read_trailer(self, trailer: Any) -> None:
        digest = self._checksum.hexdigest()
        if trailer["end"] != digest:
            raise UnreadableBackup(DAMAGED)
        check_keys(self.manifest, self._keyring)
        newest_key = max(map(int, self.manifest["keys"]))
        if trailer["of"] != self._keyring.mac(MAC_PURPOSE, digest, newest_key).hex():
            raise UnreadableBackup(DAMAGED)
        self._has_trailer = True


def check_keys(manifest: dict[str, Any], keyring: Keys) -> list[int]:
    """Return the numbers of the newsroom's older keys that this keyring lacks.

    Raises `UnreadableBackup` if it lacks the newest.
    """
    our_macs = [mac.hex() for mac in keyring.macs(MAC_PURPOSE, manifest["id"])]
    missing = [int(number) for number, mac in manifest["keys"].items() if mac not in our_macs]
    if max(map(int, manifest["keys"])) in missing:
        raise UnreadableBackup(
            "SECRET_KEYS are not those of the newsroom that this is a backup of: nothing that it has sealed would "
            "open. Put its keys into the settings first."
        )
    return missing


def unpack(path: Path, identities: list[Identity], reader: BackupReader, progress: Callable[[int], None]) -> None:
    """Parse a backup from beginning to end. `progress` is called with the number of bytes of each read.

    Raises `UnreadableBackup` and OSError.
    """
    with path.open("rb") as file:
        is_encrypted = file.read(len(AGE_PREFIX)) == AGE_PREFIX
        file.seek(0)
        if is_encrypted:
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

    recording_file = _ErrorRecordingFile(reader)
    try:
        pyrage.decrypt_io(file, recording_file, identities)
    except Exception as error:
        if recording_file.error:  # raised by the parser, which knows the cause better than pyrage
            raise recording_file.error from None
        if isinstance(error, pyrage.DecryptError) and "matching keys" in str(error):
            raise UnreadableBackup(WRONG_KEY) from None
        raise UnreadableBackup(DAMAGED) from None


class _ProgressFile(io.RawIOBase):
    """A readable file that reports how many bytes are read from it."""

    def __init__(self, file: BinaryIO, progress: Callable[[int], None]) -> None:
        self._file, self._progress = file, progress

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._progress(len(data))
        return data
