"""From two readers' letters to the edition's block, through the product's own verbs, letter for letter."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.answers.models import Answer, Assignment
from app.db.engine import Database
from app.editions import archive, locking
from app.editions.items import item_digest
from app.editions.models import Edition, EditionItem
from app.letters import receipts, receive
from app.letters.models import Contact
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.people.models import Link
from app.questions.models import Question
from app.server.worker import forget_contact_after_notice
from app.typesetting.renderers import to_text
from app.workflows import undo
from app.workflows.letters import public_state
from app.workflows.publishing import publication
from app.workflows.publishing import recall as recalling
from app.workflows.publishing import skip as skipping
from tests.support.main_job import DANA_FORM, START, STORY, TIMUR_FORM, MainJob
from tests.support.required_programs import skip_without

SHARED = Path(__file__).parent.parent.parent.parent / "shared" / "data"


def real_edition() -> dict[str, Any]:
    """The real edition as data: what its people would have typed, with the marks that a person types."""
    if not SHARED.is_dir():
        skip_without("data of the real edition (../shared/data)")
    expected = (SHARED / "expert-corner-expected.txt").read_text()
    paragraphs = [part.strip() for part in expected.split("\n\n")]
    typed = [part.removeprefix('"').removesuffix('"') for part in paragraphs[3:6]]
    return {
        "newsletter": {"name": "China In Eurasia", "section": "Expert Corner", "marks": "straight",
                       "call": paragraphs[6], "address": "desk@example.org"},
        "headline": "China's Overseas Policing",
        "question": paragraphs[1].removeprefix('Readers asked: "').removesuffix('"'),
        "expert": ("Laura Harth", "campaign director at the Spain-based NGO Safeguard Defenders",
                   "which published the report"),
        "answer": "\n\n".join(typed).replace("'resolutely cracking down on crime'", '"resolutely cracking down on crime"'),
        "expected": expected,
    }  # fmt: skip


@pytest.mark.parametrize("story", [lambda: STORY, real_edition], ids=["invented", "the real edition"])
def test_the_block_is_set_letter_for_letter(database: Database, story: Any) -> None:
    newsroom = MainJob(database, story())
    newsroom.run_all()
    with database.read() as session:
        edition = session.scalars(select(Edition).order_by(Edition.runs_at)).first()
        blocks = locking.blocks(session, edition)
        assert "\n".join(to_text(block) for block in blocks) == newsroom.story["expected"]


def test_it_stands_in_the_archive_and_both_receipts_say_so(database: Database) -> None:
    newsroom = MainJob(database, STORY)
    newsroom.run_all()
    with database.read() as session:
        session.info["at"] = START + timedelta(days=13)
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        [item] = archive.listing(newsletter).page(session, None, 20)
        assert item.sha256 == item_digest(item.input, item.output)
        path = f"/letter/q/{item.question.public_id}/the-salt-wind"
        for form in (TIMUR_FORM, DANA_FORM):
            letter = receipts.find_receipt(session, receive.receipt_of(session, form))
            assert letter is not None
            standing = public_state.get_public_state(session, newsletter, letter)
            assert (standing.state, standing.path) == ("published", path)
        [found] = archive.published_by(session, session.scalars(select(Answer)).one().expert_id)
        assert found.id == item.id


def test_every_step_left_its_trail_and_its_mail(database: Database) -> None:
    newsroom = MainJob(database, STORY)
    newsroom.run_all()
    with database.read() as session:
        mails = session.scalars(select(OutboxMail).order_by(OutboxMail.id)).all()
        assert [mail.kind for mail in mails] == [
            "expert.invitation", "desk.answer", "expert.check", "desk.fine", "expert.published", "reader.once",
        ]  # fmt: skip
        thanks, notice = mails[-2:]
        sent = START + timedelta(days=12.95)
        assert (thanks.due_at, notice.due_at) == (sent + publication.GRACE, sent + publication.GRACE)
        assert STORY["question"][:20] not in outbox.read(session, notice).text


def test_one_e_mail_then_forget_me(database: Database) -> None:
    newsroom = MainJob(database, STORY)
    newsroom.run_all()
    with database.read() as session:
        assert session.scalar(select(Contact.id)) is not None

    def the_notice_is_sent(session: Any) -> None:
        forget_contact_after_notice(session, session.scalars(select(OutboxMail).filter_by(kind="reader.once")).one())

    newsroom.run_at(13, the_notice_is_sent)
    with database.read() as session:
        assert session.scalar(select(Contact.id)) is None


def test_a_sent_edition_can_be_recalled_while_its_mails_wait_and_sent_again(database: Database) -> None:
    newsroom = MainJob(database, STORY)
    newsroom.run_all()

    def recall(session: Any) -> None:
        edition = session.scalars(select(Edition).order_by(Edition.runs_at)).first()
        recalling.recall(session, newsroom.editor, edition)

    newsroom.run_at(12.951, recall)
    with database.read() as session:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        assert archive.listing(newsletter).page(session, None, 20) == []
        assert session.scalars(select(EditionItem)).one() is not None

    def send_again(session: Any) -> None:
        publication.send(session, newsroom.editor, session.scalars(select(Edition).order_by(Edition.runs_at)).first())

    newsroom.run_at(12.96, send_again)
    with database.read() as session:
        waiting = session.scalars(select(OutboxMail).filter_by(state="queued", kind="reader.once")).all()
        assert len(waiting) == 1


def test_an_invitation_that_was_discarded_never_left(database: Database) -> None:
    newsroom = MainJob(database, STORY)
    newsroom.send_letters()
    newsroom.invite_expert()

    def discard(session: Any) -> None:
        undo.discard(session, newsroom.editor, session.scalars(select(OutboxMail)).one())

    newsroom.run_at(0.11, discard)
    with database.read() as session:
        assert session.scalars(select(OutboxMail)).one().state == "discarded"
        assert session.scalars(select(Assignment)).one().state == "drafted"
        assert session.scalars(select(Question)).one().state == "open"
        assert {link.revoked_at is None for link in session.scalars(select(Link))} == {False}


def test_experts_hear_of_a_skipped_date_and_of_a_page_withdrawn_and_restored(database: Database) -> None:
    newsroom = MainJob(database, STORY)
    newsroom.send_letters()
    newsroom.invite_expert()
    newsroom.submit_answer()
    newsroom.edit_and_check_answer()
    newsroom.approve_and_pick()

    def skip(session: Any) -> None:
        skipping.skip(session, newsroom.editor, session.scalars(select(Edition).order_by(Edition.runs_at)).first())

    newsroom.run_at(5, skip)
    with database.read() as session:
        question = session.scalars(select(Question)).one()
        second = session.scalars(select(Edition).order_by(Edition.runs_at)).all()[1]
        assert (question.state, question.edition_id) == ("queued", second.id)
        [mail] = session.scalars(select(OutboxMail).filter_by(kind="expert.carried_over"))
        assert "moves to a later edition: it will now run on" in outbox.read(session, mail).text

    def send(session: Any) -> None:
        edition = session.get_one(Edition, second.id)
        locking.lock_edition(session, newsroom.editor, edition)
        publication.send(session, newsroom.editor, edition)

    newsroom.run_at(26.95, send)
    newsroom.run_at(
        27,
        lambda s: publication.retract(s, newsroom.editor, s.scalars(select(Question)).one(), "For somebody's safety."),
    )
    newsroom.run_at(28, lambda s: publication.restore(s, newsroom.editor, s.scalars(select(Question)).one()))
    with database.read() as session:
        kinds = [
            mail.kind for mail in session.scalars(select(OutboxMail).order_by(OutboxMail.id)) if mail.edition_id is None
        ]
        assert kinds[-3:] == ["expert.carried_over", "expert.dropped", "expert.published"]
