"""Two experts are asked one question. One answer is enough to run; the other expert is told so, and their text is kept."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning, editing, unused_answers, writing
from app.answers.models import Answer, Assignment
from app.core.domain_errors import DomainError
from app.db.engine import Database
from app.db.session import now
from app.editions import locking, slots
from app.editions.models import Edition
from app.editions.queries import list_editions_to_run
from app.editions.ready_questions import list_ready_questions
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.people.models import Expert
from app.questions.models import Question
from app.workflows import invitations
from app.workflows.publishing import publication, recall
from tests.support.assignments import ANSWER, ExpertAssignment, send_queued_mails
from tests.support.desk import Desk
from tests.support.sample_newsroom import Newsroom

WORDS = writing.AnswerContent(ANSWER, own_words=True)


@pytest.fixture
def two(salt: ExpertAssignment) -> ExpertAssignment:
    """Leyla's answer is approved; then Nora asks Marek as well, and his invitation has left."""
    salt.send()
    nora = salt.newsroom.nora

    def ask_marek(session: Session) -> None:
        editing.approve(session, nora, salt.answer(session), checklist=editing.CHECKLIST)
        marek = session.get_one(Expert, salt.newsroom.marek.expert_id)
        one = assigning.assign(session, nora, session.get_one(Question, salt.question_id), marek)
        invitations.invite(session, nora, one)

    salt.database.write(ask_marek)
    salt.database.write(send_queued_mails)
    return salt


def mareks(two: ExpertAssignment, session: Session) -> Assignment:
    return session.scalars(select(Assignment).filter_by(expert_id=two.newsroom.marek.expert_id)).one()


def sends(two: ExpertAssignment) -> None:
    """Marek's text comes in."""
    two.database.write(lambda s: writing.submit(s, two.newsroom.marek, mareks(two, s), WORDS))
    two.database.write(send_queued_mails)


def runs(two: ExpertAssignment) -> None:
    """The question is picked without him, locked and sent."""

    def run(session: Session) -> None:
        nora, edition = two.newsroom.nora, list_editions_to_run(session, two.newsroom.newsletter_id, 1)[0]
        slots.pick(session, nora, session.get_one(Question, two.question_id), edition)
        locking.lock_edition(session, nora, edition)
        publication.send(session, nora, edition)

    two.database.write(run)


def get_states(two: ExpertAssignment) -> tuple[str, str, str | None]:
    """The question, Marek's assignment and his answer."""
    with two.database.read() as session:
        one = mareks(two, session)
        answer = session.scalar(select(Answer.state).filter_by(assignment_id=one.id))
        return str(session.get_one(Question, two.question_id).state), str(one.state), answer


def waiting_mails(two: ExpertAssignment) -> list[tuple[str, str]]:
    """What waits to leave for Marek, with its words."""
    with two.database.read() as session:
        mails = select(OutboxMail).filter_by(assignment_id=mareks(two, session).id, state="queued")
        found = [(mail.kind, outbox.read(session, mail).text) for mail in session.scalars(mails)]
        return [(kind, " ".join(text.split())) for kind, text in found if kind.startswith("expert.")]


def test_an_approved_answer_can_be_picked_while_others_are_asked(two: ExpertAssignment) -> None:
    assert get_states(two) == ("answered", "invited", None)
    with two.database.read() as session:
        ready = list_ready_questions(session, session.get_one(Newsletter, two.newsroom.newsletter_id))
        assert [one.id for one in ready] == [two.question_id]


def test_whoever_is_still_asked_is_named_before_the_lock(two: ExpertAssignment, nora: Desk) -> None:
    with two.database.read() as session:
        edition = list_editions_to_run(session, two.newsroom.newsletter_id, 1)[0].public_id
        question = session.get_one(Question, two.question_id).public_id
    nora.post(f"editions/{edition}/pick", question=question)
    assert "Marek Dvořák is still asked. If it runs without their answer, they are told" in nora.get_text(
        f"editions/{edition}"
    )


def test_whoever_wrote_nothing_is_told_that_it_ran_without_them(two: ExpertAssignment, nora: Desk) -> None:
    runs(two)
    assert get_states(two) == ("published", "cancelled", None)
    [(kind, words)] = waiting_mails(two)
    assert kind == "expert.ran_without"
    assert "with the answer of another expert whom I had asked too." in words
    assert "Please don’t spend time on it any more." in words
    assert "keep" not in words


def test_a_text_that_is_here_is_kept_and_its_expert_told(two: ExpertAssignment, nora: Desk) -> None:
    sends(two)
    runs(two)
    assert get_states(two) == ("published", "cancelled", "held over")
    [(kind, words)] = waiting_mails(two)
    assert (kind, "I keep it for a later edition" in words) == ("expert.ran_without", True)
    with two.database.read() as session:
        question = session.get_one(Question, two.question_id).public_id
    assert "Marek Dvořák’s text is kept for a later edition." in nora.get_text(f"questions/{question}")


def test_a_kept_text_answers_a_question_of_its_own(two: ExpertAssignment, nora: Desk) -> None:
    sends(two)
    runs(two)
    with two.database.read() as session:
        question = session.get_one(Question, two.question_id).public_id
        answer = session.scalars(select(Answer).filter_by(state="held over")).one().public_id
    assert "Use it in a later edition" in nora.get(f"questions/{question}").buttons
    page = nora.get(nora.post(f"questions/{question}/answers/{answer}/use"))
    assert page.notice == "The text that was kept answers a question of its own now, in the same words."
    assert page.heading == "The Salt Wind"
    with two.database.read() as session:
        one = mareks(two, session)
        assert (one.state, one.question.state, one.question_id == two.question_id) == ("received", "seeking", False)
        assert session.scalars(select(Answer).filter_by(assignment_id=one.id)).one().state == "submitted"
    two.database.write(
        lambda s: editing.approve(
            s,
            two.newsroom.nora,
            s.scalars(select(Answer).filter_by(public_id=answer)).one(),
            checklist=editing.CHECKLIST,
        )
    )
    with two.database.read() as session:
        assert mareks(two, session).question.state == "answered"


@pytest.mark.parametrize("is_sent", [False, True], ids=["asked", "with a text"])
def test_a_recall_asks_them_again_and_tells_nobody(two: ExpertAssignment, is_sent: bool) -> None:
    if is_sent:
        sends(two)
    before = get_states(two)
    runs(two)
    two.database.write(
        lambda s: recall.recall(s, two.newsroom.nora, s.scalars(select(Edition).filter_by(state="sent")).one())
    )
    assert get_states(two) == ("queued", *before[1:])
    assert waiting_mails(two) == []


def test_an_invitation_that_never_left_is_stopped_and_comes_back_with_the_recall(
    database: Database, two: ExpertAssignment, newsroom: Newsroom
) -> None:
    def ask_gulnara(session: Session) -> int:
        gulnara = session.get_one(Expert, newsroom.gulnara.expert_id)
        one = assigning.assign(session, newsroom.nora, session.get_one(Question, two.question_id), gulnara)
        invitations.invite(session, newsroom.nora, one)
        return one.id

    key = database.write(ask_gulnara)
    runs(two)

    def mails() -> list[tuple[str, str]]:
        with database.read() as session:
            rows = session.scalars(select(OutboxMail).filter_by(assignment_id=key).order_by(OutboxMail.id))
            return [(mail.kind, str(mail.state)) for mail in rows]

    assert mails() == [("expert.invitation", "discarded")]
    database.write(lambda s: recall.recall(s, newsroom.nora, s.scalars(select(Edition).filter_by(state="sent")).one()))
    assert mails() == [("expert.invitation", "queued")]


def test_a_text_that_was_taken_up_again_keeps_the_edition_sent(two: ExpertAssignment, app: Flask) -> None:
    sends(two)
    runs(two)
    two.database.write(lambda s: unused_answers.reuse_answer(s, two.newsroom.nora, mareks(two, s)))
    with pytest.raises(DomainError):
        two.database.write(
            lambda s: recall.recall(s, two.newsroom.nora, s.scalars(select(Edition).filter_by(state="sent")).one())
        )


def test_a_check_of_a_text_that_is_kept_ends_by_nobodys_silence(two: ExpertAssignment) -> None:
    sends(two)

    def check(session: Session) -> None:
        answer = session.scalars(select(Answer).filter_by(assignment_id=mareks(two, session).id)).one()
        editing.ask_check(session, two.newsroom.nora, answer)

    two.database.write(check)
    two.database.write(send_queued_mails)
    runs(two)
    with two.database.read() as session:
        session.info["at"] = now(session) + timedelta(days=30)
        assert list(editing.overdue_checks(session)) == []
