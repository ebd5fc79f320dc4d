"""A reader takes a letter back, or their name off it, while the desk is at work on it: nothing of them stays behind.

On PostgreSQL two changes run side by side, so that one may have read what the other is just changing.
"""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.actors import Reader
from app.core.domain_errors import PermissionDenied
from app.db.engine import Database
from app.editions import locking, slots
from app.editions.models import Edition, EditionItem
from app.editions.queries import list_editions_to_run
from app.letters import contacts, filing, receipts, receive
from app.letters.models import Addition, Credit, Letter
from app.newsletters.models import Newsletter
from app.questions import actions
from app.questions.models import Question, QuestionText
from app.search import DESK, index, semantic
from app.search.full_text import search
from app.search.models import Vector
from app.workflows.indexing import index_due
from app.workflows.letters import withdrawal
from tests.support.databases import ON_POSTGRESQL, write_concurrently
from tests.support.sample_newsroom import Newsroom, create_answered_question

SALT = "why does my brother cough at the cannery in Moynaq"
OTHER = "Who counts the salt in the orchards?"


def asks(database: Database, newsroom: Newsroom, text: str = SALT, **more: str) -> int:
    """A reader writes with a form of their own; gives the letter's key."""

    def fn(session: Session) -> int:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        form = receive.FormToken(f"nonce of {text}", 1)
        return receive.send(session, Reader(), newsletter, receive.Submission(text, **more), form=form).id

    return database.write(fn)


def file_letter(session: Session, newsroom: Newsroom, key: int) -> Question:
    return actions.open_question(session, newsroom.nora, [session.get_one(Letter, key)])


def withdraw_letter(session: Session, key: int) -> None:
    letter = session.get_one(Letter, key)
    withdrawal.withdraw(session, receipts.reader_of(letter), letter)


def find_remains(database: Database, newsroom: Newsroom, text: str) -> list[Any]:
    """Where a reader's words still stand: letters, the desk's texts, what was added, and the desk's search."""
    while index_due(database):
        pass
    with database.read() as session:
        places: list[Any] = [*session.scalars(select(Letter.body)), *session.scalars(select(Addition.body))]
        places += session.scalars(select(QuestionText.body))
        found = search(session, DESK, newsroom.newsletter_id, text)
        return [body for body in places if body and text in body] + list(found)


@ON_POSTGRESQL
def test_a_letter_that_is_filed_while_it_is_taken_back_leaves_no_words_in_its_question(
    database: Database, newsroom: Newsroom
) -> None:
    key = asks(database, newsroom)

    def meanwhile(session: Session) -> None:
        letter = session.get_one(Letter, key)  # as it is before Nora files it
        database.write(lambda other: file_letter(other, newsroom, key))
        withdrawal.withdraw(session, receipts.reader_of(letter), letter)

    database.write(meanwhile)
    assert find_remains(database, newsroom, SALT) == []


@ON_POSTGRESQL
def test_a_question_that_is_merged_while_its_letter_is_taken_back_keeps_no_words(
    database: Database, newsroom: Newsroom
) -> None:
    key, other = asks(database, newsroom), asks(database, newsroom, OTHER)
    lead = database.write(lambda session: file_letter(session, newsroom, other).id)
    own = database.write(lambda session: file_letter(session, newsroom, key).id)

    def meanwhile(session: Session) -> None:
        letter, _question = session.get_one(Letter, key), session.get_one(Question, own)
        database.write(lambda s: actions.merge(s, newsroom.nora, s.get_one(Question, own), s.get_one(Question, lead)))
        withdrawal.withdraw(session, receipts.reader_of(letter), letter)

    database.write(meanwhile)
    assert find_remains(database, newsroom, SALT) == []
    with database.read() as session:
        rows = session.scalars(select(Question).order_by(Question.id)).all()
        assert [(one.state, one.wording) for one in rows] == [("open", OTHER), ("merged", "")]


@pytest.mark.parametrize("move", ["reopened", "filed as a comment", "moved to another question"])
def test_a_question_that_a_letter_was_taken_out_of_keeps_no_words_of_it(
    database: Database, newsroom: Newsroom, move: str
) -> None:
    key, other = asks(database, newsroom), asks(database, newsroom, OTHER)
    database.write(lambda session: file_letter(session, newsroom, key))
    lead = database.write(lambda session: file_letter(session, newsroom, other).id)
    ways: dict[str, Callable[[Session, Letter], None]] = {
        "reopened": lambda session, letter: filing.reopen(session, newsroom.nora, letter),
        "filed as a comment": lambda session, letter: filing.file(session, newsroom.nora, letter, "comment"),
        "moved to another question": lambda session, letter: actions.join(
            session, newsroom.nora, session.get_one(Question, lead), [letter]
        ),
    }
    database.write(lambda session: ways[move](session, session.get_one(Letter, key)))
    database.write(lambda session: withdraw_letter(session, key))
    assert find_remains(database, newsroom, SALT) == []
    with database.read() as session:
        assert [one.state for one in session.scalars(select(Question).order_by(Question.id))] == ["closed", "open"]


def test_who_asks_a_question_by_a_merge_still_asks_it_when_its_first_reader_left(
    database: Database, newsroom: Newsroom
) -> None:
    key, other = asks(database, newsroom), asks(database, newsroom, OTHER)
    lead = database.write(lambda session: file_letter(session, newsroom, key).id)
    merged = database.write(lambda session: file_letter(session, newsroom, other).id)
    database.write(lambda s: actions.merge(s, newsroom.nora, s.get_one(Question, merged), s.get_one(Question, lead)))
    database.write(lambda session: filing.reopen(session, newsroom.nora, session.get_one(Letter, key)))
    database.write(lambda session: withdraw_letter(session, key))
    assert find_remains(database, newsroom, SALT) == []
    with database.read() as session:
        rows = session.scalars(select(Question).order_by(Question.id)).all()
        assert [(one.state, one.wording) for one in rows] == [("open", OTHER), ("merged", OTHER)]


@ON_POSTGRESQL
def test_what_is_added_while_a_letter_is_taken_back_is_not_kept(database: Database, newsroom: Newsroom) -> None:
    key = asks(database, newsroom)

    def meanwhile(session: Session) -> None:
        letter = session.get_one(Letter, key)
        database.write(lambda other: withdraw_letter(other, key))
        receipts.add(session, receipts.reader_of(letter), letter, f"{SALT}, again")

    with pytest.raises(PermissionDenied):
        database.write(meanwhile)
    assert find_remains(database, newsroom, SALT) == []


def test_a_name_that_is_given_to_a_letter_that_was_taken_back_is_not_kept(
    database: Database, newsroom: Newsroom
) -> None:
    key = asks(database, newsroom)
    database.write(lambda session: withdraw_letter(session, key))

    def name(session: Session) -> None:
        letter = session.get_one(Letter, key)
        withdrawal.change_credit(session, receipts.reader_of(letter), letter, "full", "Timur Aliev", "", "Print it.")

    with pytest.raises(PermissionDenied):
        database.write(name)
    with database.read() as session:
        assert [credit.name_sealed for credit in session.scalars(select(Credit))] == [None]


@ON_POSTGRESQL
def test_a_name_that_is_taken_off_while_the_edition_is_locked_does_not_run(
    database: Database, newsroom: Newsroom
) -> None:
    key = asks(database, newsroom, credit="full", name="Timur Aliev", consent="Print my name.")

    def pick(session: Session) -> int:
        question, letter = create_answered_question(session, newsroom, OTHER), session.get_one(Letter, key)
        actions.join(session, newsroom.nora, question, [letter])
        contacts.verify_credit(session, newsroom.nora, letter, "called him back")
        [edition] = list_editions_to_run(session, newsroom.newsletter_id, 1)
        slots.pick(session, newsroom.nora, question, edition)
        return edition.id

    edition = database.write(pick)

    def take_off(session: Session) -> None:
        letter = session.get_one(Letter, key)
        withdrawal.change_credit(session, receipts.reader_of(letter), letter, "none", "", "", "")

    write_concurrently(
        database,
        lambda session: locking.lock_edition(session, newsroom.nora, session.get_one(Edition, edition)),
        take_off,
    )
    with database.read() as session:
        assert [item.credits for item in session.scalars(select(EditionItem))] == [[None]]


@ON_POSTGRESQL
def test_no_numbers_are_kept_of_a_text_that_goes_while_it_is_embedded(database: Database, newsroom: Newsroom) -> None:
    database.write(
        lambda session: index.index_documents(
            session, DESK, [index.NewDoc(newsroom.newsletter_id, "question", 7, SALT)]
        )
    )
    with database.read() as session:
        [key] = session.scalars(select(DESK.docs.id))
    numbers = {key: (SALT, bytes(semantic.DIMENSIONS))}
    refused = write_concurrently(
        database,
        lambda s: semantic._save_vectors(s, DESK, numbers),
        lambda s: index.remove_from_indexes(s, "question", 7),
    )
    with database.read() as session:
        assert (refused, session.scalars(select(Vector)).all(), session.scalars(select(DESK.docs.id)).all()) == (
            [],
            [],
            [],
        )
