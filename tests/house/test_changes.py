"""A worker that waits for news asks one cheap question, and hears of whatever anybody has written."""

import threading
from collections import Counter

import pytest
from flask import Flask
from sqlalchemy import event, text
from sqlalchemy.engine import Engine

from app.db.changes import CommitDetector
from app.db.engine import Database
from app.newsletters.models import Newsletter
from app.server import worker
from app.watching import sightings
from tests.support.sample_newsroom import Newsroom
from tests.support.waiting import wait_until


def test_it_is_the_same_until_somebody_commits(database: Database, newsroom: Newsroom) -> None:
    changes = CommitDetector(database)
    first = changes.read_marker()
    with database.read() as session:
        assert session.get_one(Newsletter, newsroom.newsletter_id).slug == "steppe"
    if database.is_sqlite:  # on PostgreSQL it changes too by what others write, in any of the server's databases
        assert changes.read_marker() == first
    database.write(lambda s: setattr(s.get_one(Newsletter, newsroom.newsletter_id), "name", "The Steppe"))
    second = changes.read_marker()
    assert second != first
    other = Database(database.url, database.keyring, database.base_url)  # as another process has it
    other.write(lambda s: setattr(s.get_one(Newsletter, newsroom.newsletter_id), "name", "Steppe Letter"))
    other.close()
    assert changes.read_marker() != second
    changes.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_idle_worker_asks_little_and_is_awake_at_once(
    app: Flask, database: Database, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "MAX_IDLE", 60.0)
    done, asked, stop = Counter[str](), Counter[str](), threading.Event()
    often = [duty for duty in worker.DUTIES if duty.interval <= worker.FREQUENT]
    assert [duty.name for duty in often] == [
        "place mail",
        "deliver mail",
        "index",
        "look for look-alikes",
        "tell other programs",
        "make drafts",
    ]
    duties = tuple(
        worker.Duty(duty.part, duty.name, 0.05, lambda _app, _db, name=duty.name: done.update([name]))  # type: ignore[misc]
        for duty in often
    )
    monkeypatch.setattr(worker, "DUTIES", duties)
    monkeypatch.setattr(sightings, "PARTS", tuple(dict.fromkeys(duty.part for duty in duties)))
    monkeypatch.setattr(worker, "_record_heartbeat", lambda _database, _done: None)

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        asked[statement.split()[0]] += 1

    event.listen(Engine, "before_cursor_execute", note)
    thread = threading.Thread(target=worker.run, args=(app, False, stop))
    thread.start()
    try:
        wait_until(lambda: len(done) == len(often), "each was done")
        stop.wait(1.0)  # twenty times as long as they wait
        assert done == dict.fromkeys((duty.name for duty in often), 1), "nothing was written"
        database.write(lambda s: s.execute(text("UPDATE newsletters SET name = 'The Steppe'")))
        wait_until(lambda: set(done.values()) == {2}, "each was done again")
    finally:
        stop.set()
        thread.join()
        event.remove(Engine, "before_cursor_execute", note)
    assert asked["SELECT"] == 0
