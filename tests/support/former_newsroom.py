"""Backups of newsrooms at former database revisions, for tests of the migrations.

Those of 0001, 0002, 0008, 0009 and 0011 were made by the code of their time from the first weeks of the demo's year, the
ones between by downgrading the next. Make a new one before or after writing the migration that follows it:

    python -m tests.support.former_newsroom 0012 0013
"""

import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from app.backup import making
from app.crypto.seal import Keys
from app.db.engine import Database
from app.db.migrate import downgrade, migrate
from demo.loader import mark_due_mails_sent
from demo.newsroom import create_newsroom
from demo.timeline import list_events
from tests.support.app import BASE_URL, SECRETS
from tests.support.source import ROOT

BACKUP_FOLDER = Path(__file__).parent / "former"
CURRENT_TIME = datetime(2026, 11, 24, 12, tzinfo=UTC)
EVENT_COUNT = 62  # events of the demo up to its first sent edition


def backup_path(revision: str) -> Path:
    """Return the backup of a newsroom at a revision; fail with instructions if there is none yet."""
    path = BACKUP_FOLDER / f"{revision}.backup"
    if not path.is_file():
        pytest.fail(
            f"There is no newsroom of revision {revision}, which a newer migration finds: run "
            f"`python -m tests.support.former_newsroom {revision}` and commit {path.relative_to(ROOT)}.",
            pytrace=False,
        )
    return path


def run_first_weeks(session: Any) -> None:
    """Create the demo newsroom up to its first edition, with all mails that it receives."""
    events = list_events(create_newsroom(session, CURRENT_TIME))
    mails = [event for event in events if getattr(event[1], "func", event[1]).__module__ == "demo.inbound_mails"]
    for time, run_event in (*events[:EVENT_COUNT], *mails):
        session.info["at"] = time
        with suppress(KeyError):  # a mail about a question that has not been asked yet
            run_event()
        session.info["at"] = time + timedelta(minutes=1)
        mark_due_mails_sent(session)


def main(revisions: list[str]) -> None:
    """Write the backups of newsrooms at these revisions."""
    for revision in revisions:
        with TemporaryDirectory() as folder:
            database = Database(f"sqlite:///{folder}/newsroom.db", Keys(SECRETS), BASE_URL)
            migrate(database.url)
            database.write(run_first_weeks)
            database.close()
            downgrade(database.url, revision)
            path = BACKUP_FOLDER / f"{revision}.backup"
            rows = making.create_backup(database, path, [], None, replace=True, progress=lambda *_: None)
            database.close()
            path.with_name(path.name + making.ERASURES_SUFFIX).unlink()
            path.chmod(0o644)
            print(f"{path}: {sum(rows.values())} rows, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
