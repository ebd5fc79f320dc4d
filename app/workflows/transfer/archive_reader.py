"""Reading of an export: the checks of the ZIP file, which may come from anybody, and its records.

Nothing is unpacked to the disk. Only files that the manifest names are read, as streams.
"""

import hashlib
import json
import math
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from .export_archive import FORMAT, MANIFEST
from .record_kinds import KINDS, NEWSLETTER, RecordKind
from .record_shapes import SCHEMA_VERSION, find_faults

MAX_LINE_BYTES = 8 * 1024 * 1024  # of a record
MAX_MANIFEST_BYTES = 16 * 1024 * 1024
CHUNK_BYTES = 256 * 1024
# Files may unpack to this many times the size of the archive, and this many bytes more. Text packs to a tenth.
MAX_RATIO, MAX_SURPLUS_BYTES = 100, 64 * 1024 * 1024
MAX_FILES = 100_000
MAX_FAULTS = 5  # that are named
ENCRYPTED_FLAG = 0x1  # of a member (APPNOTE.TXT 4.4.4)
_EDITION_FILE = re.compile(r"editions/[0-9]{4}-[0-9]{2}-[0-9]{2}(\.[A-Za-z0-9-]{1,35})?\.(md|html)")
_OTHER_FILES = frozenset(("README.txt", "schema.json", MANIFEST))


class UnusableArchive(Exception):
    """Raised for a file that can't be imported. The message is a sentence for the operator."""


class ArchiveReader:
    """The records of an export. Use it as a context manager; entering it checks everything but the records.

    Raises `UnusableArchive` and OSError.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.with_contacts = False
        self.counts: dict[str, int] = {}  # of records, by kind

    def __enter__(self) -> "ArchiveReader":
        try:
            self._zip = ZipFile(self._path)
        except (BadZipFile, ValueError, NotImplementedError):
            raise UnusableArchive(
                "The file is no export of Readers Asked, or damaged or cut off: export it again."
            ) from None
        try:
            self._check_members()
            self._read_manifest()
        except BaseException:
            self._zip.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def _check_members(self) -> None:
        """Refuse files that no export has, and more bytes than an honest archive of this size unpacks to."""
        members = self._zip.infolist()
        names = [member.filename for member in members]
        expected = {kind.path for kind in KINDS} | {f"{kind.name}.csv" for kind in KINDS} | _OTHER_FILES
        unknown = next((name for name in names if name not in expected and not _EDITION_FILE.fullmatch(name)), None)
        if unknown is not None:
            raise UnusableArchive(f"The archive has a file that no export has: {unknown[:60]!r}.")
        if len(names) != len(set(names)) or len(names) > MAX_FILES:
            raise UnusableArchive("The archive has a file twice, or too many files.")
        if any(member.flag_bits & ENCRYPTED_FLAG for member in members):
            raise UnusableArchive("The archive is encrypted. Decrypt it first.")
        # Python bounds what it unpacks at once only for these two methods.
        if any(member.compress_type not in (ZIP_STORED, ZIP_DEFLATED) for member in members):
            raise UnusableArchive("The archive is compressed in a way that no export uses.")
        limit = self._path.stat().st_size * MAX_RATIO + MAX_SURPLUS_BYTES
        if sum(member.file_size for member in members) > limit:
            raise UnusableArchive("The archive unpacks to far more than an export does: it is not from Readers Asked.")

    def _read_manifest(self) -> None:
        if MANIFEST not in self._zip.namelist():
            raise UnusableArchive("The file is no export of Readers Asked: it has no manifest.json.")
        info = self._zip.getinfo(MANIFEST)
        if info.file_size > MAX_MANIFEST_BYTES:
            _refuse_damage(MANIFEST)
        manifest = _parse_json(b"".join(self._iter_chunks(info)), MANIFEST)
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise UnusableArchive("The file is no export of Readers Asked.")
        version = manifest.get("schema_version")
        if version != SCHEMA_VERSION:
            found, made_by = (repr(value)[:20] for value in (version, manifest.get("program_version")))
            raise UnusableArchive(
                f"The export has version {found} of the schema, from Readers Asked {made_by}; this one reads version "
                f"{SCHEMA_VERSION}. Install a newer Readers Asked first."
            )
        files = manifest.get("files")
        names = set(self._zip.namelist()) - {MANIFEST}
        if not isinstance(files, dict) or files.keys() != names:
            raise UnusableArchive("The archive is not whole: it has other files than its manifest says.")
        self._files: dict[str, Any] = files
        missing = [kind.path for kind in KINDS if kind.path not in names]
        if missing:
            raise UnusableArchive(f"The archive has no {missing[0]}.")
        self.with_contacts = manifest.get("with_contacts") is True

    def check(self) -> None:
        """Read every file to its end. Raises `UnusableArchive` for a damaged one, and for records with faults."""
        for name, facts in self._files.items():
            digest = hashlib.sha256()
            for chunk in self._iter_chunks(self._zip.getinfo(name)):
                digest.update(chunk)
            if not isinstance(facts, dict) or facts.get("sha256") != digest.hexdigest():
                _refuse_damage(name)
        for kind in KINDS:
            self.counts[kind.name] = self._check_records(kind)

    def _check_records(self, kind: RecordKind) -> int:
        count = 0
        faults: list[str] = []
        for number, record in enumerate(self.iter_records(kind), 1):
            count = number
            faults += [
                f"{kind.path}, record {number}: {fault}" for fault in find_faults(kind, record, self.with_contacts)
            ]
            if len(faults) >= MAX_FAULTS:
                break
        if faults:
            raise UnusableArchive("\n".join(["Some records can't be used.", *faults[:MAX_FAULTS]]))
        if kind is NEWSLETTER and count != 1:
            _refuse_damage(kind.path)
        return count

    def iter_records(self, kind: RecordKind) -> Iterator[Any]:
        """Yield the records of a kind. Raises `UnusableArchive`."""
        info = self._zip.getinfo(kind.path)
        if kind is NEWSLETTER:
            if info.file_size > MAX_LINE_BYTES:
                _refuse_damage(kind.path)
            yield _parse_json(b"".join(self._iter_chunks(info)), kind.path)
            return
        rest = b""
        for chunk in self._iter_chunks(info):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield _parse_json(line, kind.path)
            if len(rest) > MAX_LINE_BYTES:
                raise UnusableArchive(f"{kind.path} has a record of more than {MAX_LINE_BYTES >> 20} MB.")
        if rest:
            _refuse_damage(kind.path)

    def _iter_chunks(self, info: ZipInfo) -> Iterator[bytes]:
        try:
            with self._zip.open(info) as member:
                while chunk := member.read(CHUNK_BYTES):
                    yield chunk
        except (BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, zlib.error):
            _refuse_damage(info.filename)


def _refuse_damage(name: str) -> NoReturn:
    raise UnusableArchive(f"{name[:60]} is damaged. Export the newsletter again.") from None


def _parse_json(raw: bytes, name: str) -> Any:
    def refuse_constant(constant: str) -> NoReturn:
        raise ValueError(constant)  # NaN and Infinity, which are no JSON

    def parse_number(number: str) -> float:
        value = float(number)
        if not math.isfinite(value):  # such as 1e400, which would be stored as Infinity
            raise ValueError(number)
        return value

    try:
        return json.loads(raw, parse_constant=refuse_constant, parse_float=parse_number)
    except (ValueError, RecursionError):
        _refuse_damage(name)
