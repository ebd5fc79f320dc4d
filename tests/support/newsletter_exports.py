"""Exports of newsletters, as the command and the page write them, and what is in them."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from sqlalchemy import select

from app.crypto.seal import Keys
from app.db.engine import Database
from app.db.migrate import migrate
from app.newsletters.models import Newsletter
from app.workflows.transfer import export_archive
from app.workflows.transfer.record_kinds import KINDS, NEWSLETTER
from tests.support.app import BASE_URL
from tests.support.databases import postgres_copy, postgres_url

Records = dict[str, list[dict[str, Any]]]
OTHER_SECRETS = {1: bytes(range(32, 64))}


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


@contextmanager
def open_new_database(kind: str, folder: Path, secrets: dict[int, bytes] = OTHER_SECRETS) -> Iterator[Database]:
    """Yield an empty database of another house, with its own keys."""
    if kind == "sqlite":
        url = f"sqlite:///{folder / 'new.db'}"
        migrate(url)
        database = Database(url, Keys(secrets), BASE_URL)
        yield database
        database.close()
        return
    with postgres_copy("template0") as name:
        migrate(postgres_url(name))
        database = Database(postgres_url(name), Keys(secrets), BASE_URL)
        yield database
        database.close()


def save(archive: ZipFile, path: Path) -> Path:
    """Write an archive to a file, member by member."""
    with ZipFile(path, "w", ZIP_DEFLATED) as copy:
        for name in archive.namelist():
            copy.writestr(name, archive.read(name))
    return path
