"""An import of back issues that was a mistake is undone as a whole, or not at all where somebody has gone on from there."""

from datetime import date

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.answers.models import Answer, AnswerText, Assignment
from app.audit import Event
from app.back_issues.printed_names import PrintedExpert
from app.back_issues.printed_qa import PrintedQA, PrintedVoice
from app.core.domain_errors import MissingPrecondition, PermissionDenied, VersionConflict
from app.db.engine import Database
from app.editions import archive
from app.editions.models import Edition, EditionItem
from app.newsletters.models import Newsletter
from app.people.models import Expert
from app.questions.models import Question, QuestionText
from app.workflows.back_issues import import_issues
from app.workflows.back_issues.undo_import import list_imports, record_import, undo_import
from app.workflows.publishing import publication
from tests.support.sample_newsroom import Newsroom

KEPT = (Edition, EditionItem, Answer, AnswerText, Assignment)


def create_qa(question: str, day: date = date(2020, 5, 6), name: str = "Leyla Aydın") -> PrintedQA:
    voice = PrintedVoice(PrintedExpert(name, "soil scientist"), ("It was never deep.",))
    return PrintedQA(day, "en", "Ask", "", question, ("Paul, Bonn",), (voice,))


def take_in(database: Database, newsroom: Newsroom, key: str, *qas: PrintedQA) -> None:
    database.write(lambda s: import_issues.import_all(s, newsroom.nora, newsroom.newsletter_id, qas, key))


def undo(database: Database, newsroom: Newsroom, key: str) -> int:
    return database.write(lambda session: undo_import(session, newsroom.nora, key))


def count_rows(database: Database) -> list[int]:
    with database.read() as session:
        return [session.scalar(select(func.count()).select_from(one)) or 0 for one in KEPT]


def in_archive(database: Database, newsroom: Newsroom) -> list[str]:
    with database.read() as session:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        return [item.question.wording for item in archive.listing(newsletter).page(session, None, 9)]


def test_all_of_an_import_leaves_the_archive_and_nothing_of_another(database: Database, newsroom: Newsroom) -> None:
    take_in(database, newsroom, "good", create_qa("Why is the well dry?"))
    before = count_rows(database)
    take_in(database, newsroom, "bad", create_qa("Who dug it?"))
    take_in(database, newsroom, "bad", create_qa("Must I fill it?", date(2020, 6, 3)))
    with database.read() as session:
        assert [(one.key, one.count) for one in list_imports(session, newsroom.newsletter_id)] == [
            ("bad", 2),
            ("good", 1),
        ]
    assert undo(database, newsroom, "bad") == 2
    assert count_rows(database) == before
    assert in_archive(database, newsroom) == ["Why is the well dry?"]
    with database.read() as session:
        assert [one.key for one in list_imports(session, newsroom.newsletter_id)] == ["good"]
        gone = session.scalars(select(Question).where(Question.has_ended)).all()
        assert [(one.closed_reason, one.wording, one.edition_id) for one in gone] == [("undone", "", None)] * 2
        texts = session.scalars(select(QuestionText).where(QuestionText.question_id.in_([one.id for one in gone])))
        assert [(text.body, text.headline) for text in texts] == [(None, "")] * 2
        (event,) = session.scalars(select(Event).filter_by(action="newsletter.unimport"))
        assert (event.actor, event.facts) == (newsroom.nora.ref, {"from": "bad", "count": 2})


def test_what_was_undone_can_be_imported_again(database: Database, newsroom: Newsroom) -> None:
    take_in(database, newsroom, "one", create_qa("Why is the well dry?"))
    undo(database, newsroom, "one")
    take_in(database, newsroom, "two", create_qa("Why is the well dry?"))
    assert in_archive(database, newsroom) == ["Why is the well dry?"]


def test_an_answer_that_was_put_to_an_expert_is_no_longer_theirs(database: Database, newsroom: Newsroom) -> None:
    before = count_rows(database)

    def with_leyla(session: Session) -> None:
        with record_import(session, newsroom.nora, newsroom.newsletter_id, "theirs"):
            leyla = session.get_one(Expert, newsroom.leyla.expert_id)
            import_issues.import_qa(session, newsroom.nora, newsroom.newsletter_id, create_qa("Why?"), [leyla])

    database.write(with_leyla)
    assert count_rows(database) != before
    undo(database, newsroom, "theirs")
    assert count_rows(database) == before
    with database.read() as session:
        assert archive.published_by(session, newsroom.leyla.expert_id) == []


def test_nothing_is_undone_where_anything_was_changed_since(database: Database, newsroom: Newsroom) -> None:
    take_in(database, newsroom, "one", create_qa("Why is the well dry?"), create_qa("Who dug it?"))

    def change(session: Session) -> None:
        question = session.scalars(select(Question).where(Question.is_published).order_by(Question.id)).all()[1]
        publication.retract(session, newsroom.nora, question, "Somebody is in danger.")
        publication.restore(session, newsroom.nora, question)

    database.write(change)
    before = count_rows(database)
    with pytest.raises(VersionConflict):
        undo(database, newsroom, "one")
    assert count_rows(database) == before
    assert len(in_archive(database, newsroom)) == 2


def test_it_is_undone_once_and_by_whoever_may_import(database: Database, newsroom: Newsroom) -> None:
    take_in(database, newsroom, "one", create_qa("Why is the well dry?"))
    with pytest.raises(PermissionDenied):
        database.write(lambda session: undo_import(session, newsroom.ilya, "one"))
    undo(database, newsroom, "one")
    with pytest.raises(MissingPrecondition):
        undo(database, newsroom, "one")
