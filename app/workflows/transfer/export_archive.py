"""The export of a newsletter as a ZIP file, written as a stream in bounded memory, and the permission for it."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from html import escape
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ... import audit
from ...core.actors import Staff
from ...core.listing import Listing
from ...core.state_machine import must
from ...db.session import now
from ...editions import locking
from ...editions.models import Edition
from ...newsletters.models import Newsletter
from ...people.sessions import require_fresh_proof
from ...people.spreadsheet import write_csv
from ...text.languages import direction
from ...typesetting.block import Block
from ...typesetting.exports import EXPORTS
from ...version import VERSION
from .export_records import RecordBuilder, csv_headers, format_csv_row
from .record_kinds import KINDS, LETTERS, NEWSLETTER, PEOPLE, RecordKind
from .record_shapes import SCHEMA_VERSION, build_json_schema, get_shapes

FORMAT = "readers-asked newsletter"  # in the manifest
MANIFEST = "manifest.json"
CHUNK_BYTES = 64 * 1024  # bytes of the archive that are passed on together
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a ZIP file can name: the same content gives the same bytes
EDITION_FORMATS = ("markdown", "html")
Progress = Callable[[int], None]  # called with a number of records or editions

README = """{name}: an export from Readers Asked {version}

What is in it
{files}
  *.csv                the same as tables, for spreadsheets: no lists inside records, and formulas made harmless
  editions/*           editions as Markdown and HTML, as they ran; withdrawn Q&As are left out
  schema.json          a JSON Schema (draft 2020-12) of the records, version {schema_version}
  manifest.json        the SHA-256 of each file and the number of its records

Each line of a .jsonl file is one record. Records name each other by `id`.

{contacts}

Letters are as their writers wrote them. Some sign, or say where they live: keep this file as you keep the desk itself,
and delete it when you no longer need it. What a reader takes back later stays in this file.

No receipt, link, key, password or mail is in it. Receipts and mailed links work only at the installation that made
them. Text that was erased is not here either.

To import it into another installation: readers-asked import FILE
"""
WITHOUT_CONTACTS = (
    "READERS' CONTACTS ARE NOT IN IT: no address, and no name that isn't printed. Letters of readers without an\n"
    "address have a day instead of a time."
)
WITH_CONTACTS = (
    "READERS' CONTACTS ARE IN IT, in plain text: addresses, and the names that readers gave for print, all in\n"
    "letters.jsonl. Whoever has this file knows who asked what. In some countries that is enough for an arrest."
)


def begin_export(session: Session, actor: Staff, *, with_contacts: bool) -> None:
    """Record who exports the newsletter. Raises `PermissionDenied` and `NotFresh`."""
    require_fresh_proof(session, actor, "export")
    newsletter = session.get_one(Newsletter, actor.newsletter_id)
    if with_contacts:
        must(actor, "contacts")
        audit.record(session, actor, "newsletter.export_contacts", newsletter)
    else:
        audit.record(session, actor, "newsletter.export", newsletter)


def begin_table_export(session: Session, actor: Staff, kind: RecordKind) -> None:
    """Record who exports a list of letters or questions. Raises as `begin_export`."""
    require_fresh_proof(session, actor, "export")
    newsletter = session.get_one(Newsletter, actor.newsletter_id)
    audit.record(
        session, actor, "newsletter.export_letters" if kind is LETTERS else "newsletter.export_questions", newsletter
    )


def begin_snapshot(session: Session) -> None:
    """Let a new session read one state of the database: on PostgreSQL each statement would read the latest."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


class _ChunkBuffer:
    """A file to write to, from which the bytes are taken away: ZipFile writes to it as to a pipe."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def flush(self) -> None:
        """Do nothing: the bytes wait for `take`."""

    close = flush

    def take(self, minimum: int = 1) -> Iterator[bytes]:
        """Yield the bytes written so far and forget them, if there are at least `minimum`."""
        if len(self._data) >= minimum:
            data = bytes(self._data)
            self._data.clear()
            yield data


def count_steps(session: Session, newsletter: Newsletter) -> int:
    """Return about how often `stream_archive` reports progress."""
    builder = RecordBuilder(session, newsletter.id, with_contacts=False)
    is_sent = (Edition.newsletter_id == newsletter.id) & Edition.is_sent
    editions = session.scalar(select(func.count()).select_from(Edition).where(is_sent)) or 0
    return 2 * sum(builder.count_rows(kind) for kind in KINDS if kind is not PEOPLE) + editions


def stream_archive(
    session: Session, newsletter: Newsletter, *, with_contacts: bool, progress: Progress = lambda _steps: None
) -> Iterator[bytes]:
    """Yield the bytes of the archive. The session must be new, or in `begin_snapshot`.

    Raises `Unsealable` if a reader's contact can't be opened with the keys of this installation.
    """
    writer = _ArchiveWriter(session, newsletter, with_contacts, progress)
    yield from writer.stream()


class _ArchiveWriter:
    """Writes the members one after the other, and keeps their digests for the manifest, which is the last."""

    def __init__(self, session: Session, newsletter: Newsletter, with_contacts: bool, progress: Progress) -> None:
        self._session = session
        self._newsletter = newsletter
        self._newsletter_id = newsletter.id
        self._with_contacts = with_contacts
        self._progress = progress
        self._builder = RecordBuilder(session, newsletter.id, with_contacts=with_contacts)
        self._buffer = _ChunkBuffer()
        self._archive = ZipFile(self._buffer, "w", ZIP_DEFLATED)
        self._files: dict[str, dict[str, Any]] = {}

    def stream(self) -> Iterator[bytes]:
        with self._archive:
            yield from self._write("README.txt", [self._format_readme()])
            yield from self._write("schema.json", [dump_json(build_json_schema())])
            for kind in KINDS:
                yield from self._write_records(kind)
                if kind is not NEWSLETTER:
                    yield from self._write_table(kind)
            yield from self._write_editions()
            yield from self._write(MANIFEST, [dump_json(self._build_manifest())])
        yield from self._buffer.take()

    def _write(self, path: str, parts: Iterable[bytes]) -> Iterator[bytes]:
        """Write a member, and yield the bytes of the archive so far."""
        info = ZipInfo(path, EPOCH)
        info.compress_type = ZIP_DEFLATED
        info.external_attr = 0o600 << 16
        digest = hashlib.sha256()
        with self._archive.open(info, "w", force_zip64=True) as member:
            for part in parts:
                digest.update(part)
                member.write(part)
                yield from self._buffer.take(CHUNK_BYTES)
        self._files[path] = {"sha256": digest.hexdigest()}

    def _write_records(self, kind: RecordKind) -> Iterator[bytes]:
        count = 0

        def lines() -> Iterator[bytes]:
            nonlocal count
            for record in self._builder.iter_records(kind):
                count += 1
                self._progress(1)
                yield dump_json(record) if kind is NEWSLETTER else dump_line(record)

        yield from self._write(kind.path, lines())
        self._files[kind.path]["records"] = count

    def _write_table(self, kind: RecordKind) -> Iterator[bytes]:
        lines = stream_table(kind, self._builder.iter_records(kind), self._progress)
        yield from self._write(f"{kind.name}.csv", lines)

    def _write_editions(self) -> Iterator[bytes]:
        is_sent = (Edition.newsletter_id == self._newsletter_id) & Edition.is_sent
        listing = Listing[Edition](select(Edition).where(is_sent), (Edition.id,), rising=True)
        for editions in listing.iter_batches(self._session, 1):
            for edition in editions:
                yield from self._write_edition(edition)
                self._progress(1)

    def _write_edition(self, edition: Edition) -> Iterator[bytes]:
        own_language = locking.preview(self._session, edition)
        complete = [code for code, missing in own_language.untranslated_headlines.items() if not missing]
        for language in ("", *complete):
            preview = locking.preview(self._session, edition, language) if language else own_language
            name = f"editions/{edition.rule_date.isoformat()}{f'.{language}' if language else ''}"
            for format_name in EDITION_FORMATS:
                export = EXPORTS[format_name]
                content = export.write(preview.blocks, preview.subject.line)
                if format_name == "html":
                    content = _build_page(preview.blocks, preview.subject.line, content)
                yield from self._write(f"{name}.{export.suffix}", [content])

    def _format_readme(self) -> bytes:
        files = "\n".join(f"  {kind.path:<20} {kind.about}" for kind in KINDS)
        text = README.format(
            name=self._newsletter.name,
            version=VERSION,
            files=files,
            schema_version=SCHEMA_VERSION,
            contacts=WITH_CONTACTS if self._with_contacts else WITHOUT_CONTACTS,
        )
        return text.encode()

    def _build_manifest(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "schema_version": SCHEMA_VERSION,
            "program_version": VERSION,
            "exported_on": now(self._session).date().isoformat(),
            "with_contacts": self._with_contacts,
            "files": self._files,
        }


def _build_page(blocks: Iterable[Block], title: str, fragment: bytes) -> bytes:
    """Return a fragment of HTML as a page, which says its encoding and the direction of its script."""
    language = next((block.language for block in blocks), "en")
    head = f'<!doctype html>\n<html lang="{escape(language)}" dir="{direction(language)}">\n'
    return f'{head}<meta charset="utf-8">\n<title>{escape(title)}</title>\n'.encode() + fragment


def stream_table(
    kind: RecordKind, records: Iterable[dict[str, Any]], progress: Progress = lambda _steps: None
) -> Iterator[bytes]:
    """Yield the lines of a CSV file with these records of a kind."""
    fields = [name for name, shape in get_shapes(kind).items() if shape.type not in ("object", "objects")]

    def rows() -> Iterator[list[str]]:
        for record in records:
            progress(1)
            yield format_csv_row(kind, fields, record)

    for line in write_csv(csv_headers(kind, fields), rows()):
        yield line.encode()


def dump_line(record: dict[str, Any]) -> bytes:
    """Return a record as a line of JSON."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def dump_json(value: dict[str, Any]) -> bytes:
    """Return a value as JSON that people can read too."""
    return json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"
