"""A reader's name is printed with consent and a check, or not at all; what a reader takes back is gone."""

from typing import Any

import pytest
from sqlalchemy import func, select

from app.answers.models import Assignment
from app.audit import Event
from app.core.actors import Reader
from app.core.domain_errors import InvalidTransition, MissingPrecondition, PermissionDenied
from app.db.engine import Database
from app.editions import locking
from app.editions.models import Edition, EditionItem
from app.letters import contacts, receipts, receive
from app.letters.models import Addition, Contact, Credit, Letter
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.questions.models import Question, QuestionText
from app.typesetting.renderers import to_html, to_markdown, to_text
from app.workflows.letters import public_state
from app.workflows.letters.withdrawal import unlock, withdraw
from tests.support.database_checks import find_in_files, find_unerased
from tests.support.main_job import STORY, TIMUR_FORM, MainJob

NAMED = receive.Submission(
    "did they not know about this before", credit="first", name="Timur", place="Osh", consent="You may print it.",
    hear_back="while", email="timur@post.example", background="my brother drives there",
)  # fmt: skip


class OneReader(MainJob):
    """Timur alone asks, and wants to be named."""

    ask = NAMED

    def send_letters(self) -> None:
        def ask(session: Any) -> None:
            receive.send(session, Reader(), session.get_one(Newsletter, self.newsletter_id), self.ask, form=TIMUR_FORM)

        self.run_at(0, ask)

    def to_the_edition(self) -> None:
        self.send_letters()
        self.invite_expert()
        self.submit_answer()
        self.edit_and_check_answer()
        self.approve_and_pick()

    def list_printed(self) -> list[str]:
        with self.database.read() as session:
            edition = session.scalars(select(Edition).order_by(Edition.runs_at)).first()
            return [
                form(block) for block in locking.blocks(session, edition) for form in (to_text, to_markdown, to_html)
            ]

    def troubles(self) -> list[str]:
        with self.database.read() as session:
            edition = session.scalars(select(Edition).order_by(Edition.runs_at)).first()
            return [trouble.fault for trouble in locking.name_troubles(session, edition)]

    def letter(self, session: Any) -> Letter:
        return session.scalars(select(Letter)).one()  # type: ignore[no-any-return]

    def take_back(self, days: float) -> None:
        def change(session: Any) -> None:
            letter = self.letter(session)
            withdraw(session, receipts.reader_of(letter), letter)

        self.run_at(days, change)


def test_a_name_runs_only_with_consent_and_a_check(database: Database) -> None:
    newsroom = OneReader(database, STORY)
    newsroom.to_the_edition()
    assert newsroom.troubles() == ["verified"]
    assert not any("Timur" in printed for printed in newsroom.list_printed())
    with pytest.raises(MissingPrecondition) as refused:
        newsroom.lock_and_send()
    assert refused.value.code == "precondition.name_not_verified"

    newsroom.run_at(5, lambda s: contacts.verify_credit(s, newsroom.editor, newsroom.letter(s), "called him back"))
    assert newsroom.troubles() == []
    assert [printed.count("Timur, Osh asked:") for printed in newsroom.list_printed()] == [1, 1, 1]


def test_without_consent_the_edition_cannot_be_locked_until_it_runs_unnamed(database: Database) -> None:
    newsroom = OneReader(database, STORY)
    newsroom.ask = receive.Submission("did they know?", credit="full", name="Timur Osmanov")
    newsroom.to_the_edition()
    assert newsroom.troubles() == ["consent"]
    with pytest.raises(MissingPrecondition) as refused:
        newsroom.lock_and_send()
    assert refused.value.code == "precondition.name_without_consent"
    newsroom.run_at(5, lambda s: contacts.leave_unnamed(s, newsroom.editor, newsroom.letter(s)))
    newsroom.lock_and_send()
    assert [printed.count("A reader asked:") for printed in newsroom.list_printed()] == [1, 1, 1]


@pytest.mark.threat("erased words")
def test_taking_a_letter_back_erases_it_and_the_desks_wording(database: Database) -> None:
    newsroom = OneReader(database, STORY)
    newsroom.send_letters()
    newsroom.invite_expert()
    newsroom.run_at(
        1, lambda s: receipts.add(s, receipts.reader_of(newsroom.letter(s)), newsroom.letter(s), "and since when?")
    )
    newsroom.take_back(1.5)
    with database.read() as session:
        letter = newsroom.letter(session)
        assert (letter.state, letter.body, letter.background) == ("withdrawn", None, None)
        assert session.scalar(select(func.count()).select_from(Contact)) == 0
        assert session.scalar(select(func.count()).select_from(Addition)) == 0
        credit = session.scalars(select(Credit)).one()
        assert (credit.choice, credit.name_sealed, credit.place_sealed, credit.consent_text) == (
            "none",
            None,
            None,
            None,
        )
        question = session.scalars(select(Question)).one()
        assert (question.state, question.closed_reason) == ("closed", "withdrawn")
        assert {(t.body, t.headline, t.background) for t in session.scalars(select(QuestionText))} == {(None, "", "")}
        assert session.scalars(select(Assignment)).one().state == "cancelled"


@pytest.mark.threat("erased words")
def test_the_words_are_in_no_table_and_no_trail_after_taking_back(database: Database) -> None:
    newsroom = OneReader(database, STORY)
    newsroom.send_letters()
    newsroom.take_back(0.5)
    planted = ("did they not know", "my brother drives", "Timur", "timur@post.example")
    with database.read() as session:
        tables = list(Letter.metadata.sorted_tables)
        dump = "\n".join(str(row) for table in tables for row in session.execute(table.select()))
        assert [word for word in planted if word in dump] == []
        assert session.scalar(select(func.count()).select_from(Event).where(Event.action == "letter.withdraw")) == 1


@pytest.mark.threat("erased words")
def test_erased_words_are_in_no_file_of_the_database(database: Database) -> None:
    newsroom = OneReader(database, STORY)
    newsroom.send_letters()
    planted = ("did they not know", "my brother drives")
    assert find_in_files(database, *planted) == [*planted]
    newsroom.take_back(0.5)
    assert find_unerased(database, *planted) == []
    assert find_in_files(database, "withdrawn") == ["withdrawn"]


def test_once_the_edition_is_locked_it_runs_unnamed(database: Database) -> None:
    newsroom = OneReader(database, STORY)
    newsroom.to_the_edition()
    newsroom.run_at(5, lambda s: contacts.verify_credit(s, newsroom.editor, newsroom.letter(s), "called him back"))

    def lock(session: Any) -> None:
        edition = session.scalars(select(Edition).order_by(Edition.runs_at)).first()
        locking.lock_edition(session, newsroom.editor, edition)

    newsroom.run_at(12, lock)
    assert [printed.count("Timur, Osh asked:") for printed in newsroom.list_printed()] == [1, 1, 1]
    newsroom.take_back(12.1)
    assert [printed.count("A reader asked:") for printed in newsroom.list_printed()] == [1, 1, 1]
    with database.read() as session:
        assert session.scalars(select(EditionItem)).one().credits == [None]
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        standing = public_state.get_public_state(session, newsletter, newsroom.letter(session))
        assert (standing.state, standing.runs_unnamed) == ("withdrawn", True)


def test_a_picked_question_leaves_its_slot_when_its_only_asker_withdraws(database: Database) -> None:
    newsroom = OneReader(database, STORY)
    newsroom.to_the_edition()
    newsroom.take_back(5)
    with database.read() as session:
        question = session.scalars(select(Question)).one()
        assert (question.state, question.edition_id, question.position) == ("closed", None, None)


def test_a_mailed_receipt_can_only_read_and_withdraw(database: Database) -> None:
    newsroom = OneReader(database, STORY)
    newsroom.send_letters()

    def mailed(session: Any) -> None:
        newsroom.letter(session).receipt_mailed = True

    newsroom.run_at(0.1, mailed)
    for change in (
        lambda s, letter: receipts.add(s, receipts.reader_of(letter), letter, "more"),
        lambda s, letter: receipts.change_credit(s, receipts.reader_of(letter), letter, "full", "T", "", "yes"),
    ):
        with pytest.raises(PermissionDenied):
            newsroom.run_at(0.2, lambda s, change=change: change(s, newsroom.letter(s)))
    newsroom.take_back(0.3)
    with pytest.raises(InvalidTransition):
        newsroom.take_back(0.4)


def test_what_was_taken_back_while_locked_leaves_an_edition_that_is_unlocked(database: Database) -> None:
    newsroom = OneReader(database, STORY)
    newsroom.ask = receive.Submission("did they not know about this before")
    newsroom.to_the_edition()

    def first(session: Any) -> Edition:
        return session.scalars(select(Edition).order_by(Edition.runs_at)).first()  # type: ignore[no-any-return]

    newsroom.run_at(12, lambda s: locking.lock_edition(s, newsroom.editor, first(s)))
    newsroom.take_back(12.1)
    newsroom.run_at(12.2, lambda s: unlock(s, newsroom.editor, first(s)))
    with database.read() as session:
        question = session.scalars(select(Question)).one()
        assert (question.state, question.wording, question.edition_id) == ("closed", "", None)
        mail = session.scalars(select(OutboxMail).filter_by(kind="desk.letter_withdrawn")).one()
        assert mail.due_at.time() == mail.due_at.time().min  # midnight: the minute is nobody's business
