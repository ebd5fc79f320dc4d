"""From two readers' letters to the edition's block, through the product's own verbs, letter for letter."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.actors import Clock, Expert, Reader, Staff
from app.answers import assigning, editing, stopped_mails, writing
from app.answers.models import Answer, Assignment
from app.db import Database
from app.editions import archive, locking, planning, slots
from app.editions.items import digest
from app.editions.models import Edition, EditionItem
from app.letters import queries as letters
from app.letters import receipts, receive
from app.letters.models import Contact
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.newsroom import invitations, public_state, publishing, skipping
from app.people import directory
from app.people.models import Link
from app.questions import moves as questions
from app.questions import wording
from app.questions.models import Question
from app.typesetting.renderers import to_text
from app.worker import settled

SHARED = Path(__file__).parent.parent.parent / "shared" / "data"
START = datetime(2022, 10, 20, 9, tzinfo=UTC)  # a Thursday; the next edition is Wednesday 2 November

OWN = {
    "newsletter": {"name": "The Steppe Letter", "section": "Ask The Steppe", "marks": "typographic",
                   "call": "What would you like to know? Write to {address}.", "address": "nora@steppe.example"},
    "headline": "The Salt Wind",
    "question": "You wrote that the salt reaches the orchards. Who measures it, and can a village ask for the figures?",
    "expert": ("Leyla Aydın", "soil scientist at the Karakum Field Station", "which keeps the gauges"),
    "answer": 'Nobody is told to. We put up "salt plates" in 2009 and count what falls on them.\n\n'
              "A village can ask, and they're often surprised how short the list is.",
    "expected": """\
Ask The Steppe: The Salt Wind

Readers asked: “You wrote that the salt reaches the orchards. Who measures it, and can a village ask for the figures?”

To find out more, I asked Leyla Aydın, soil scientist at the Karakum Field Station, which keeps the gauges:

“Nobody is told to. We put up ‘salt plates’ in 2009 and count what falls on them.

“A village can ask, and they’re often surprised how short the list is.”

What would you like to know? Write to nora@steppe.example.
""",
}  # fmt: skip


def real_edition() -> dict[str, Any]:
    """The real edition as data: what its people would have typed, with the marks that a person types."""
    if not SHARED.is_dir():
        if os.environ.get("CI"):
            pytest.fail("the real edition's data is missing in CI")
        pytest.skip("the real edition's data is not here: ../shared/data")
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


class Newsroom:
    """Drives one Q&A through its whole life, a step a method, each in a transaction at its own time."""

    def __init__(self, database: Database, story: dict[str, Any]) -> None:
        self.database, self.story = database, story
        self.newsletter_id, self.editor = database.write(self._found, START)

    def _found(self, session: Any) -> tuple[int, Staff]:
        newsletter = Newsletter(
            slug="letter", publisher="Meridian", editor="Nora Lind", language="en", languages=["en"], zone="Europe/Prague",
            rule="FREQ=MONTHLY;BYDAY=1WE,3WE", rule_start=date(2022, 1, 1), at="09:00", **self.story["newsletter"],
        )  # fmt: skip
        session.add(newsletter)
        session.flush()
        nora = directory.add_person(session, Clock(), "Nora Lind", "nora@desk.example")
        directory.give_role(session, Clock(), nora, newsletter.id, "editor")
        planning.plan_newsletter(session, Clock(), newsletter)
        actor = directory.staff_actor(session, nora.id, newsletter.id)
        assert actor is not None
        return newsletter.id, actor

    def at(self, days: float, fn: Any) -> Any:
        return self.database.write(fn, START + timedelta(days=days))

    def two_readers_ask(self) -> None:
        def ask(session: Any) -> None:
            newsletter = session.get_one(Newsletter, self.newsletter_id)
            receive.send(session, Reader(), newsletter, receive.Ask("did they not know about this before"), form=TIMUR)
            dana = receive.Ask("who knew of it?", hear_back="once", email="dana@post.example")
            receive.send(session, Reader(), newsletter, dana, form=DANA)

        self.at(0, ask)

    def the_desk_words_it_and_invites(self) -> None:
        def invite(session: Any) -> None:
            both = letters.listing(self.newsletter_id, ("received",)).page(session, None, 10)[::-1]
            question = questions.open_question(
                session, self.editor, both, headline=self.story["headline"], body=self.story["question"], language="en"
            )
            wording.clear(session, self.editor, question, question.text_id)
            name, credit_line, relation = self.story["expert"]
            expert = directory.record_expert(
                session, self.editor, name, "expert@field.example", credit_line=credit_line, relation=relation
            )
            directory.verify_expert(session, self.editor, expert, "called the switchboard")
            edition = public_state.coming_editions(session, self.newsletter_id, 1)[0]
            assignment = assigning.assign(session, self.editor, question, expert, for_edition_id=edition.id)
            invitations.invite(session, self.editor, assignment)

        self.at(0.1, invite)

    def the_expert_answers(self) -> None:
        def submit(session: Any) -> None:
            assignment = session.scalars(select(Assignment)).one()
            actor = Expert(assignment.expert_id, assignment.expert.name, assignment.id)
            body = self.story["answer"] + "\n\nThis paragraph is too long for the slot."
            writing.submit(session, actor, assignment, writing.Written(body, own_words=True))

        self.at(2, submit)

    def the_editor_edits_and_the_expert_agrees(self) -> None:
        def edit(session: Any) -> None:
            answer = session.scalars(select(Answer)).one()
            editing.edit(session, self.editor, answer, self.story["answer"])
            editing.ask_check(session, self.editor, answer)

        def agree(session: Any) -> None:
            answer = session.scalars(select(Answer)).one()
            editing.settle_check(session, Expert(answer.expert_id, "-", answer.assignment_id), answer, "fine")

        self.at(3, edit)
        self.at(3.5, agree)

    def it_is_approved_and_picked(self) -> None:
        def approve(session: Any) -> None:
            answer = session.scalars(select(Answer)).one()
            editing.approve(session, self.editor, answer, checklist=editing.CHECKLIST, version=answer.version)
            edition = public_state.coming_editions(session, self.newsletter_id, 1)[0]
            slots.pick(session, self.editor, session.get_one(Question, answer.question_id), edition)

        self.at(4, approve)

    def it_is_locked_and_sent(self) -> None:
        def send(session: Any) -> None:
            edition = session.scalars(select(Edition).order_by(Edition.runs_at)).first()
            locking.lock_edition(session, self.editor, edition, edition.version)
            publishing.send(session, self.editor, edition)

        self.at(12.95, send)

    def everything(self) -> None:
        self.two_readers_ask()
        self.the_desk_words_it_and_invites()
        self.the_expert_answers()
        self.the_editor_edits_and_the_expert_agrees()
        self.it_is_approved_and_picked()
        self.it_is_locked_and_sent()


TIMUR, DANA = receive.Form("timur's form", 1), receive.Form("dana's form", 1)


@pytest.mark.parametrize("story", [lambda: OWN, real_edition], ids=["invented", "the real edition"])
def test_the_block_is_set_letter_for_letter(database: Database, story: Any) -> None:
    newsroom = Newsroom(database, story())
    newsroom.everything()
    with database.read() as session:
        edition = session.scalars(select(Edition).order_by(Edition.runs_at)).first()
        blocks = locking.blocks(session, edition)
        assert "\n".join(to_text(block) for block in blocks) == newsroom.story["expected"]


def test_it_stands_in_the_archive_and_both_receipts_say_so(database: Database) -> None:
    newsroom = Newsroom(database, OWN)
    newsroom.everything()
    with database.read() as session:
        session.info["at"] = START + timedelta(days=13)
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        [item] = archive.listing(newsletter).page(session, None, 20)
        assert item.sha256 == digest(item.input, item.output)
        path = f"/letter/q/{item.question.public_id}/the-salt-wind"
        for form in (TIMUR, DANA):
            letter = receipts.find_receipt(session, receive.receipt_of(session, form))
            assert letter is not None
            told = public_state.standing(session, newsletter, letter)
            assert (told.state, told.path) == ("published", path)
        [found] = archive.published_by(session, session.scalars(select(Answer)).one().expert_id)
        assert found.id == item.id


def test_every_step_left_its_trail_and_its_mail(database: Database) -> None:
    newsroom = Newsroom(database, OWN)
    newsroom.everything()
    with database.read() as session:
        mails = session.scalars(select(OutboxMail).order_by(OutboxMail.id)).all()
        assert [mail.kind for mail in mails] == [
            "expert.invitation", "desk.answer", "expert.check", "desk.fine", "expert.published", "reader.once",
        ]  # fmt: skip
        thanks, notice = mails[-2:]
        sent = START + timedelta(days=12.95)
        assert (thanks.due_at, notice.due_at) == (sent + publishing.GRACE, sent + publishing.GRACE)
        assert OWN["question"][:20] not in outbox.read(session, notice).text


def test_one_e_mail_then_forget_me(database: Database) -> None:
    newsroom = Newsroom(database, OWN)
    newsroom.everything()
    with database.read() as session:
        assert session.scalar(select(Contact.id)) is not None

    def the_notice_is_sent(session: Any) -> None:
        settled(session, session.scalars(select(OutboxMail).filter_by(kind="reader.once")).one())

    newsroom.at(13, the_notice_is_sent)
    with database.read() as session:
        assert session.scalar(select(Contact.id)) is None


def test_a_sent_edition_can_be_recalled_while_its_mails_wait_and_sent_again(database: Database) -> None:
    newsroom = Newsroom(database, OWN)
    newsroom.everything()

    def recall(session: Any) -> None:
        edition = session.scalars(select(Edition).order_by(Edition.runs_at)).first()
        publishing.recall(session, newsroom.editor, edition)

    newsroom.at(12.951, recall)
    with database.read() as session:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        assert archive.listing(newsletter).page(session, None, 20) == []
        assert session.scalars(select(EditionItem)).one() is not None

    def send_again(session: Any) -> None:
        publishing.send(session, newsroom.editor, session.scalars(select(Edition).order_by(Edition.runs_at)).first())

    newsroom.at(12.96, send_again)
    with database.read() as session:
        waiting = session.scalars(select(OutboxMail).filter_by(state="queued", kind="reader.once")).all()
        assert len(waiting) == 1


def test_an_invitation_that_was_discarded_never_left(database: Database) -> None:
    newsroom = Newsroom(database, OWN)
    newsroom.two_readers_ask()
    newsroom.the_desk_words_it_and_invites()

    def discard(session: Any) -> None:
        stopped_mails.discard(session, newsroom.editor, session.scalars(select(OutboxMail)).one())

    newsroom.at(0.11, discard)
    with database.read() as session:
        assert session.scalars(select(OutboxMail)).one().state == "discarded"
        assert session.scalars(select(Assignment)).one().state == "drafted"
        assert session.scalars(select(Question)).one().state == "open"
        assert {link.revoked_at is None for link in session.scalars(select(Link))} == {False}


def test_experts_hear_of_a_skipped_date_and_of_a_page_withdrawn_and_restored(database: Database) -> None:
    newsroom = Newsroom(database, OWN)
    newsroom.two_readers_ask()
    newsroom.the_desk_words_it_and_invites()
    newsroom.the_expert_answers()
    newsroom.the_editor_edits_and_the_expert_agrees()
    newsroom.it_is_approved_and_picked()

    def skip(session: Any) -> None:
        skipping.skip(session, newsroom.editor, session.scalars(select(Edition).order_by(Edition.runs_at)).first())

    newsroom.at(5, skip)
    with database.read() as session:
        question = session.scalars(select(Question)).one()
        second = session.scalars(select(Edition).order_by(Edition.runs_at)).all()[1]
        assert (question.state, question.edition_id) == ("queued", second.id)
        [told] = session.scalars(select(OutboxMail).filter_by(kind="expert.carried_over"))
        assert "moves to a later edition: it is now to run on" in outbox.read(session, told).text

    def send(session: Any) -> None:
        edition = session.get_one(Edition, second.id)
        locking.lock_edition(session, newsroom.editor, edition)
        publishing.send(session, newsroom.editor, edition)

    newsroom.at(26.95, send)
    newsroom.at(
        27,
        lambda s: publishing.retract(s, newsroom.editor, s.scalars(select(Question)).one(), "For somebody's safety."),
    )
    newsroom.at(28, lambda s: publishing.restore(s, newsroom.editor, s.scalars(select(Question)).one()))
    with database.read() as session:
        kinds = [
            mail.kind for mail in session.scalars(select(OutboxMail).order_by(OutboxMail.id)) if mail.edition_id is None
        ]
        assert kinds[-3:] == ["expert.carried_over", "expert.dropped", "expert.published"]
