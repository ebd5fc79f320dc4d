"""A worker is killed at statement after statement, while readers write and take back: nothing is lost, doubled or left behind."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.answers import assigning, ladder
from app.core.actors import Reader
from app.db.engine import Database
from app.letters import receipts, receive
from app.letters.models import Contact, Letter
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.people.models import Expert
from app.search import semantic
from app.search.models import DeskDoc, Vector
from app.workflows.letters import withdrawal
from app.workflows.overview.models import CountedWeek
from tests.support.assignments import ask_expert
from tests.support.clock import today
from tests.support.processes import ProcessRunner, start_process_runner
from tests.support.sample_newsroom import Newsroom

STEPS = (1, 2, 3, 5, 7, 9, 12, 14, 17, 21, 26, 31, 37, 44, 52, 61, 71, 83, 97, 113, 131, 152, 176, 203)
MATCHER = semantic.NAME if semantic.is_installed() else "words"


@pytest.fixture
def worker(database: Database) -> Iterator[ProcessRunner]:
    """A worker that is killed at the statement which it is told."""
    with start_process_runner("killed_worker", "duties", database.url, MATCHER) as process:
        yield process


def writes(database: Database, newsroom: Newsroom, number: int, **more: str) -> int:
    def fn(session: Session) -> int:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        ask = receive.Submission(f"Why does well number {number} taste of salt in autumn?", **more)
        return receive.send(session, Reader(), newsletter, ask, form=receive.FormToken(f"well {number}", 1)).id

    return database.write(fn)


def takes_back(database: Database, key: int) -> None:
    def fn(session: Session) -> None:
        letter = session.get_one(Letter, key)
        withdrawal.withdraw(session, receipts.reader_of(letter), letter)

    database.write(fn)


def marek_is_next(database: Database, newsroom: Newsroom) -> None:
    """Leyla has said no, and Marek stands after her."""
    made = ask_expert(database, newsroom)

    def fn(session: Session) -> None:
        before = made.assignment(session)
        one = assigning.assign(
            session, newsroom.nora, before.question, session.get_one(Expert, newsroom.marek.expert_id)
        )
        ladder.put_after(session, newsroom.nora, one, before)
        assigning.decline(session, newsroom.nora, before, "not my field")

    database.write(fn)


def test_whatever_statement_is_the_last_one_the_next_worker_finds_all_of_it_and_nothing_twice(
    database: Database, newsroom: Newsroom, worker: ProcessRunner
) -> None:
    marek_is_next(database, newsroom)
    kept = [writes(database, newsroom, number) for number in range(12)]
    overdue = writes(database, newsroom, 90, hear_back="once", email="dana@post.example")
    past = today() - timedelta(days=2)
    database.write(lambda s: s.execute(update(Contact).where(Contact.letter_id == overdue).values(erase_on=past)))
    gone, ends = list[int](), Counter[str]()
    for number, last in enumerate(STEPS, 100):
        kept.append(writes(database, newsroom, number))
        gone.append(kept.pop(number % len(kept)))
        ends[worker.run(last)] += 1
        takes_back(database, gone[-1])
    assert set(ends) <= {"killed", "done"} and ends["killed"] > len(STEPS) / 2
    assert [worker.run(100_000) for _ in range(2)] == ["done", "done"]

    with database.read() as session:
        docs = session.scalars(select(DeskDoc.noun_id).where(DeskDoc.noun == "letter").order_by(DeskDoc.noun_id)).all()
        there = session.scalars(select(Letter.id).where(Letter.body.is_not(None)).order_by(Letter.id)).all()
        assert (docs, [key for key in gone if key in docs]) == (there, [])
        if MATCHER == semantic.NAME:
            vectors = session.scalars(select(Vector.noun_id).where(Vector.kept_in == "desk", Vector.noun == "letter"))
            assert sorted(vectors) == docs
        assert session.scalars(select(Contact).where(Contact.letter_id == overdue)).all() == []
        mails = session.scalars(select(OutboxMail.kind).where(OutboxMail.kind == "expert.invitation")).all()
        assert len(mails) == 2  # Leyla's, and one to Marek
        weeks = session.scalars(
            select(CountedWeek.begins).where(CountedWeek.newsletter_id == newsroom.newsletter_id)
        ).all()
        assert len(weeks) == len(set(weeks)) > 0
