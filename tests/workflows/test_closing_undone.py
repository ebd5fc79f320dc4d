"""A question that is closed by mistake: for a minute all of it comes back, and later whatever text is here can be used again."""

from typing import Any

import pytest
from sqlalchemy import select

from app.answers import editing
from app.answers.models import Answer, Check
from app.core.actors import Clock
from app.db.engine import Database
from app.db.session import now
from app.mail import outbox
from app.mail.models import OutboxMail
from app.questions.models import Question
from app.workflows.indexing import index_due
from tests.support.assignments import (
    EDITED_ANSWER,
    WORDING,
    ExpertAssignment,
    ask_expert,
    ask_expert_and_send,
    send_queued_mails,
)
from tests.support.database_checks import get_one
from tests.support.databases import VOLATILE_COLUMNS
from tests.support.desk import Desk, get_version_token, press_undo
from tests.support.reader_pages import publish_answer
from tests.support.sample_newsroom import Newsroom

pytestmark = pytest.mark.usefixtures("one_minute_undo")

SENTENCE = "We have it from elsewhere, thank you."


@pytest.fixture
def salt(database: Database, newsroom: Newsroom) -> ExpertAssignment:
    """Timur asks, Leyla was invited; her invitation has arrived."""
    return ask_expert_and_send(database, newsroom)


def page_of(salt: ExpertAssignment) -> str:
    with salt.database.read() as session:
        return f"/questions/{salt.assignment(session).question.public_id}"


def close(nora: Desk, salt: ExpertAssignment) -> str:
    return nora.post_action(page_of(salt), "close", reason="nobody", sentence=SENTENCE)


def get_states(salt: ExpertAssignment) -> tuple[str, str, str | None]:
    """Where the question, Leyla's assignment and her answer stand."""
    with salt.database.read() as session:
        answer = session.scalar(select(Answer).filter_by(assignment_id=salt.assignment_id))
        question = session.get_one(Question, salt.question_id)
        return str(question.state), salt.state(), str(answer.state) if answer else None


def facts(salt: ExpertAssignment) -> list[dict[str, Any]]:
    """All that is kept of the question, the assignment, its answer and the checks, but for what any change counts up."""
    with salt.database.read() as session:
        rows = [
            session.get_one(Question, salt.question_id),
            salt.assignment(session),
            *session.scalars(select(Answer)),
            *session.scalars(select(Check)),
        ]
        return [
            {
                column.name: getattr(row, column.name)
                for column in row.__table__.columns
                if column.name not in VOLATILE_COLUMNS
            }
            for row in rows
        ]


def mails(salt: ExpertAssignment, *states: str) -> list[str]:
    """The kinds of all mails that stand in one of these states."""
    with salt.database.read() as session:
        found = select(OutboxMail.kind).where(OutboxMail.state.in_(states)).order_by(OutboxMail.id)
        return list(session.scalars(found))


def invited(_nora: Desk, _salt: ExpertAssignment) -> None:
    """Leyla hasn't said anything yet."""


def submit_answer(_nora: Desk, salt: ExpertAssignment) -> None:
    salt.send()
    salt.database.write(send_queued_mails)


def edit_answer(nora: Desk, salt: ExpertAssignment) -> None:
    submit_answer(nora, salt)
    salt.edit()


def checking(nora: Desk, salt: ExpertAssignment) -> None:
    """The mail of the check has not gone out: closing stops it, and undoing lets it go."""
    edit_answer(nora, salt)
    salt.send_to_check()


def approved(nora: Desk, salt: ExpertAssignment) -> None:
    edit_answer(nora, salt)

    def approve(session: Any) -> None:
        editing.approve(
            session, salt.newsroom.nora, salt.answer(session), checklist=editing.CHECKLIST, reason="read out"
        )

    salt.database.write(approve)
    salt.database.write(send_queued_mails)


@pytest.mark.parametrize("so_far", [invited, submit_answer, edit_answer, checking, approved])
def test_undo_brings_back_the_assignment_and_the_text_and_nobody_hears_of_it(nora, salt, so_far):
    so_far(nora, salt)
    before, waiting = facts(salt), mails(salt, "queued")
    led = close(nora, salt)
    assert get_states(salt)[0] == "closed"
    assert press_undo(nora, led) == "Undone."
    assert (facts(salt), mails(salt, "queued")) == (before, waiting)
    assert nora.client.get(salt.link).status_code == 200


def test_an_invitation_that_had_not_left_is_to_leave_again(nora, database, newsroom):
    salt = ask_expert(database, newsroom)
    before = facts(salt)
    led = close(nora, salt)
    assert (mails(salt, "queued"), mails(salt, "discarded")) == (["reader.news"], ["expert.invitation"])
    assert press_undo(nora, led) == "Undone."
    assert (facts(salt), mails(salt, "queued")) == (before, ["expert.invitation"])


def test_what_was_undone_can_be_edited_and_closed_again_and_is_told_then(nora, salt):
    edit_answer(nora, salt)
    press_undo(nora, close(nora, salt))
    with salt.database.read() as session:
        address = f"{page_of(salt)}/answers/{salt.answer(session).public_id}/edit"
    assert "Nobody has to." in nora.get(address)
    close(nora, salt)
    assert mails(salt, "queued") == ["expert.not_used", "reader.news"]


@pytest.mark.parametrize(("kind", "name"), [("expert.not_used", "its expert"), ("reader.news", "its reader")])
def test_once_somebody_has_been_told_the_whole_closing_stands(nora, salt, kind, name):
    edit_answer(nora, salt)
    led = nora.get(close(nora, salt))
    mail_id = get_one(salt.database, OutboxMail, kind=kind).id

    def goes_out(session: Any) -> None:
        outbox.move(session, Clock(), session.get_one(OutboxMail, mail_id), "send", sent_at=now(session))

    salt.database.write(goes_out)
    assert press_undo(nora, led) == f"One stays as it is: {name} has been told by mail."
    assert get_states(salt) == ("closed", "cancelled", "withdrawn")


def test_an_expert_who_was_asked_is_owed_a_sentence(nora, salt):
    edit_answer(nora, salt)
    page = nora.post_action(page_of(salt), "close", 422, reason="nobody", sentence=" ")
    assert page.count("An expert has been asked: write them a sentence") == 2  # in the summary and at the field
    assert get_states(salt) == ("seeking", "received", "edited")


def test_a_look_alike_that_ran_closes_nothing_over_an_experts_head(nora, salt, newsroom):
    edit_answer(nora, salt)
    ran = publish_answer(salt.database, newsroom, [], headline="The Salt Wind", body=WORDING)
    while index_due(salt.database):
        pass
    here = page_of(salt)
    assert "Close this with that answer …" in nora.get(here)
    page = nora.post(f"{here}/alike", 422, pair=f"question.{ran}", same="yes")
    assert page.count("An expert has been asked: write them a sentence") == 2
    assert get_states(salt) == ("seeking", "received", "edited")
    form = f'form[action="/desk/steppe{here}/close"]'
    assert page.attributes(f"{form} [name=answer]", "value") == [ran]
    assert page.attributes(f"{form} option[selected]", "value") == ["answered"]
    nora.post_action(here, "close", reason="answered", answer=ran, sentence=SENTENCE)
    assert get_states(salt) == ("closed", "cancelled", "withdrawn")


@pytest.mark.parametrize("so_far", [submit_answer, edit_answer, checking])
def test_opened_again_later_the_text_that_is_here_can_be_used(nora, salt, so_far):
    so_far(nora, salt)
    close(nora, salt)
    salt.database.write(send_queued_mails)
    nora.post(f"{page_of(salt)}/reopen")
    assert get_states(salt) == ("seeking", "received", "submitted" if so_far is submit_answer else "edited")
    assert [outcome for outcome, _reply in salt.checks()] == (["recalled"] if so_far is checking else [])
    with salt.database.read() as session:
        text = salt.answer(session).text
        assert text is not None
        assert (text.body == EDITED_ANSWER) == (so_far is not submit_answer)
        public_id = salt.answer(session).public_id
    address = f"{page_of(salt)}/answers/{public_id}/edit"
    nora.post(address, answer="Nobody has to.", seen=get_version_token(nora.get(address)))
    assert get_states(salt) == ("seeking", "received", "edited")


def test_opened_again_an_approved_answer_may_run(nora, salt):
    approved(nora, salt)
    close(nora, salt)
    salt.database.write(send_queued_mails)
    nora.post(f"{page_of(salt)}/reopen")
    assert get_states(salt) == ("answered", "done", "approved")
    assert "Pick it for" in nora.get(page_of(salt))


def test_opened_again_whoever_has_heard_of_the_end_is_asked_anew_and_whoever_has_not_goes_on(nora, salt):
    close(nora, salt)
    nora.post(f"{page_of(salt)}/reopen")
    assert get_states(salt) == ("seeking", "invited", None)
    assert mails(salt, "queued") == []
    close(nora, salt)
    salt.database.write(send_queued_mails)
    nora.post(f"{page_of(salt)}/reopen")
    assert get_states(salt) == ("open", "cancelled", None)
    with salt.database.read() as session:
        leyla = salt.assignment(session).expert.public_id
    ask = f"/desk/steppe{page_of(salt)}/ask?expert={leyla}"
    assert f'<a href="{ask}">Ask them again<' in nora.get(page_of(salt))
    nora.post(f"{page_of(salt)}/ask", expert=leyla, words="150")
    assert "Ask them again" not in nora.get(page_of(salt))


def test_what_was_opened_and_closed_again_since_is_not_undone(nora, salt):
    page = nora.get(close(nora, salt))
    nora.post(f"{page_of(salt)}/reopen")
    close(nora, salt)
    assert press_undo(nora, page) == "One stays as it is: you, in another window, closed it."
    assert get_states(salt) == ("closed", "cancelled", None)
