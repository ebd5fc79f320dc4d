"""A link of 350 signs, wherever somebody can write one: no page becomes wider than its window."""

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning, editing, expert_mails, writing
from app.answers.assigning import Brief
from app.answers.models import Answer
from app.core.actors import Clock, Reader
from app.db.engine import Database
from app.editions import locking, slots
from app.editions.queries import list_editions_to_run
from app.letters import receive
from app.mail.inbound import MailContent
from app.newsletters.models import Newsletter
from app.people import sign_in
from app.people.models import Expert, Person
from app.questions import actions, notes, wording
from app.questions.models import Question
from app.workflows import invitations
from app.workflows.publishing import publication
from tests.support.mailroom import place_mail
from tests.support.sample_newsroom import Newsroom
from tests.support.user_browsers import DeskCrawler
from tests.support.waiting import click_and_wait

pytestmark = pytest.mark.browser

LINK = "https://ask.example/" + "a1b2c3d4e5" * 33
OTHER = LINK.replace("ask.", "salt.")


def wrote(session: Session, newsroom: Newsroom, nonce: str) -> Question:
    """A reader's letter that is a question by now, in other words than theirs."""
    newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
    ask = receive.Submission(f"What do you make of {LINK}?", background=f"I found it at {LINK}.")
    letter = receive.send(session, Reader(), newsletter, ask, form=receive.FormToken(nonce, 1))
    body = f"What is to be made of {OTHER}?"
    question = actions.open_question(
        session, newsroom.nora, [letter], headline=f"On {OTHER}"[:290], body=body, background=OTHER, language="en"
    )
    wording.clear(session, newsroom.nora, question, question.text_id or 0)
    return question


def answer_of(session: Session, newsroom: Newsroom, question: Question) -> Answer:
    """Leyla was asked with such a brief, and answers with such a link."""
    leyla = session.get_one(Expert, newsroom.leyla.expert_id)
    brief = Brief(f"Please look at {OTHER}.", credit_line=f"of {OTHER}"[:390], relation=f"who runs {OTHER}"[:390])
    assignment = assigning.assign(session, newsroom.nora, question, leyla, brief)
    invitations.invite(session, newsroom.nora, assignment)
    written = writing.AnswerContent(f"It is all in {LINK}, and nowhere else.", ties=f"I wrote {LINK}.", own_words=True)
    return writing.submit(session, newsroom.leyla, assignment, written)


def a_year_of_links(session: Session, newsroom: Newsroom) -> None:
    """One question that waits, one whose answer is edited and one where it is checked, one that is picked, one that ran, and a letter nobody has filed."""
    nora, newsletter = newsroom.nora, session.get_one(Newsletter, newsroom.newsletter_id)
    newsletter.inbox = "ask@steppe.example"
    coming = list_editions_to_run(session, newsletter.id, 2)
    for place, edition in enumerate(coming):
        question = wrote(session, newsroom, f"runs {place}")
        answer = answer_of(session, newsroom, question)
        editing.edit(session, nora, answer, f"It is all in {OTHER}, and nowhere else.")
        editing.approve(session, nora, answer, checklist=editing.CHECKLIST, reason=f"It stands in {OTHER}.")
        slots.pick(session, nora, question, edition)
    locking.lock_edition(session, nora, coming[0])
    publication.send(session, nora, coming[0])
    checked = answer_of(session, newsroom, wrote(session, newsroom, "checked"))
    editing.edit(session, nora, checked, f"It is all in {OTHER}, and nowhere else.")
    editing.ask_check(session, nora, checked)
    edited = answer_of(session, newsroom, wrote(session, newsroom, "edited"))
    editing.edit(session, nora, edited, f"It is all in {OTHER}, and nowhere else.")
    notes.note(session, nora, session.get_one(Question, checked.question_id), f"I have read {LINK}.")
    expert_mails.send_desk_letter(session, newsroom.ilya, checked.assignment, f"Have you read {OTHER}?")
    actions.open_question(session, nora, [], headline=OTHER[:290], body=OTHER, language="en")
    ask = receive.Submission(f"Is {LINK} true?", background=f"I found it at {LINK}.")
    receive.send(session, Reader(), newsletter, ask, form=receive.FormToken("not filed", 1))


def pages_elsewhere(session: Session, newsroom: Newsroom) -> Iterator[str]:
    """The desk's pages that links lead to but from another state, the expert's, and the readers'."""
    answers = session.scalars(select(Answer).order_by(Answer.id)).all()
    for answer in answers:
        question = session.get_one(Question, answer.question_id)
        here = f"/desk/steppe/questions/{question.public_id}"
        yield here
        yield f"{here}/letters"
        if answer.state == "edited":
            yield f"{here}/answers/{answer.public_id}/edit"
        yield f"{here}/answers/{answer.public_id}?from=1&to=2"
        yield f"/expert/assignments/{answer.assignment.public_id}"
        if question.state == "published":
            yield f"/steppe/q/{question.public_id}/-"
    yield "/steppe/"
    yield "/steppe/answers"
    yield "/expert/"


def test_no_page_is_widened_by_a_long_link(
    chromium: Browser, app: Flask, database: Database, newsroom: Newsroom, site: str
) -> None:
    database.write(lambda session: a_year_of_links(session, newsroom))
    place_mail(
        database, newsroom, reading=MailContent("Timur", "timur@post.example", LINK, "", "en", f"Is {LINK} true?", LINK)
    )
    page = chromium.new_context().new_page()
    walk = DeskCrawler(page, site, app.url_map)

    def measure() -> None:
        page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true })")
        for width in (390, 1440):
            walk.check_width(width)

    def invite_by_name(session: Session, who: str, door: str) -> str:
        person = session.scalars(select(Person).filter_by(name=who)).one()
        return sign_in.invite(session, Clock(), person, door)

    page.goto(site + database.write(lambda session: invite_by_name(session, "Leyla Aydın", "expert")))
    click_and_wait(page.get_by_role("button").first)
    start = walk.sign_in(database.write(lambda session: invite_by_name(session, "Nora Lind", "desk")))
    for _kind in walk.iter_pages(
        start, {"editor.question": 2, "editor.letter": 2, "editor.edition": 3, "editor.mail": 3}
    ):
        measure()
    with database.read() as session:
        elsewhere = list(pages_elsewhere(session, newsroom))
    for path in elsewhere:
        answer = page.goto(site + path)
        assert answer and answer.status == 200, path
        measure()
    assert walk.faults == []
    page.context.close()
