"""Exports of newsletters, as the command and the page write them, and what is in them."""

import io
import json
from typing import Any
from zipfile import ZipFile

from sqlalchemy import select

from app.db.engine import Database
from app.newsletters.models import Newsletter
from app.workflows.transfer import export_archive
from app.workflows.transfer.record_kinds import KINDS, NEWSLETTER

Records = dict[str, list[dict[str, Any]]]


def export(database: Database, slug: str = "steppe", *, with_contacts: bool = False) -> ZipFile:
    """Return the archive of a newsletter, as the command and the page write it."""
    with database.read() as session:
        export_archive.begin_snapshot(session)
        newsletter = session.scalars(select(Newsletter).filter_by(slug=slug)).one()
        chunks = export_archive.stream_archive(session, newsletter, with_contacts=with_contacts)
        return ZipFile(io.BytesIO(b"".join(chunks)))


def read_records(archive: ZipFile) -> Records:
    """Return all records of an archive, by the name of their file."""
    lines = {kind.name: archive.read(kind.path).splitlines() for kind in KINDS if kind is not NEWSLETTER}
    records = {name: [json.loads(line) for line in kind_lines] for name, kind_lines in lines.items()}
    return {"newsletter": [json.loads(archive.read("newsletter.json"))], **records}


def read_all(archive: ZipFile) -> str:
    return "\n".join(archive.read(name).decode() for name in archive.namelist())


def get_slug(database: Database) -> str:
    with database.read() as session:
        return session.scalars(select(Newsletter.slug).order_by(Newsletter.id)).first() or ""
