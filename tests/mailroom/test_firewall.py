"""The firewall, when the question came by mail: nothing of the raw mail reaches the expert, on any page or in any mail."""

import re

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning, editing, mailed_answers
from app.answers.models import Assignment
from app.core.actors import Clock
from app.db.engine import Database
from app.editions.queries import list_editions_to_run
from app.letters.models import Letter
from app.mail import inbound, outbox
from app.mail.models import OutboxMail
from app.mail.outbox import read
from app.people import sign_in
from app.people.models import Expert
from app.questions import actions, wording
from app.workflows import invitations
from tests.support.assignments import EDITED_ANSWER, WORDING, ExpertAssignment
from tests.support.incoming_mails import DESK_ADDRESS, dmarc_pass, mail
from tests.support.mailroom import LEYLAS_ADDRESS, NewsletterMailroom
from tests.support.pages import Browser
from tests.support.sample_newsroom import Newsroom

# What the raw mail says, in its headers, its words, its quote, its signature and what hangs on it.
ASKER = mail(
    "Timur Aliev <timur@post.example>",
    DESK_ADDRESS,
    "Zarina coughs",
    "My cousin Zarina in Moynaq coughs from the salt. Who measures it?\n\n-- \nTimur Aliev, Nukus, +998 61 222 33 44",
    attachments=[("xray-of-zarina.jpg", b"\xff\xd8 an image of Orynbay")],
    Received="from [203.0.113.77] (laptop-of-timur) by smtp.post.example; Mon, 12 Oct 2026 09:59:00 +0000",
    X_Mailer="Pigeon Mail of Timur",
    Reply_To="timur.private@elsewhere.example",
    Message_ID="<abc.timur@post.example>",
)
SECRETS = (
    "Timur", "timur", "Aliev", "post.example", "Zarina", "zarina", "Moynaq", "coughs", "Nukus", "998 61", "xray",
    "203.0.113.77", "Pigeon", "elsewhere.example", "Orynbay", "abc.timur",
)  # fmt: skip


def question_of_the_letter(room: NewsletterMailroom) -> ExpertAssignment:
    """Nora words the letter anew, clears it, and asks Leyla."""
    nora = room.newsroom.nora

    def ask(session: Session) -> tuple[int, int, str]:
        letter = session.scalars(select(Letter).filter_by(channel="mail")).one()
        question = actions.open_question(session, nora, [letter], headline="The Salt Wind", body=WORDING, language="en")
        wording.clear(session, nora, question, question.text_id or 0)
        leyla = session.get_one(Expert, room.newsroom.leyla.expert_id)
        edition = list_editions_to_run(session, room.newsroom.newsletter_id, 1)[0]
        assignment = assigning.assign(session, nora, question, leyla, for_edition_id=edition.id)
        invitations.invite(session, nora, assignment)
        return question.id, assignment.id, assignment.public_id

    question_id, assignment_id, public_id = room.database.write(ask)
    link = re.search(r"https?://[^/]+(/a/\S+)", invitation(room).text)
    assert link is not None
    return ExpertAssignment(room.newsroom, room.database, question_id, assignment_id, public_id, link[1])


def invitation(room: NewsletterMailroom) -> outbox.Message:
    with room.database.read() as session:
        return read(session, session.scalars(select(OutboxMail).filter_by(kind="expert.invitation")).one())


def reply_address(room: NewsletterMailroom) -> str:
    address = invitation(room).reply_to
    assert address is not None
    return address


def sign_in_leyla(app: Flask, room: NewsletterMailroom) -> Browser:
    def invite(session: Session) -> str:
        person = session.get_one(Expert, room.newsroom.leyla.expert_id).person
        return sign_in.invite(session, Clock(), person, "expert")

    link, browser = room.database.write(invite), Browser(app)
    browser.open(link)
    browser.press(link)
    return browser


def pages(leyla: Browser, salt: ExpertAssignment) -> str:
    found = []
    for address in (salt.link, f"/expert/assignments/{salt.public_id}", "/expert/", "/expert/profile"):
        assert leyla.open(address).status_code == 200, address
        found.append(leyla.text)
    return "\n".join(found)


def everything_mailed(room: NewsletterMailroom) -> str:
    """Every mail to an expert as it goes on the wire, headers and all."""
    with room.database.read() as session:
        experts = {
            one.message_id
            for one in session.scalars(select(OutboxMail))
            if one.kind.startswith("expert.") and read(session, one).to == LEYLAS_ADDRESS
        }
        contents = [read(session, one) for one in session.scalars(select(OutboxMail)) if one.message_id in experts]
    raw = [
        wire.decode()
        for message_id, wire in room.render_outgoing("desk@newsroom.example").items()
        if message_id in experts
    ]
    assert len(raw) == len(contents) > 0
    return "\n".join([*raw, *(f"{one}" for one in contents)])


@pytest.mark.threat("curious expert")
def test_nothing_of_a_readers_mail_reaches_the_expert(app: Flask, database: Database, newsroom: Newsroom) -> None:
    room = NewsletterMailroom(database, newsroom)
    row = room.receive(ASKER)
    assert (
        row.state == "letter"
        and room.list_letters()[0].body == "My cousin Zarina in Moynaq coughs from the salt. Who measures it?"
    )
    salt = question_of_the_letter(room)
    leyla = sign_in_leyla(app, room)
    seen = [pages(leyla, salt)]

    reply = mail(
        LEYLAS_ADDRESS,
        reply_address(room),
        body="We measure it at the station.",
        Authentication_Results=dmarc_pass(LEYLAS_ADDRESS),
    )
    answer = room.receive(reply)
    assert (answer.state, answer.assignment_id) == ("letter", salt.assignment_id)
    seen.append(pages(leyla, salt))

    def file(session: Session) -> None:
        mailed_answers.file(session, newsroom.nora, session.get_one(Letter, answer.letter_id), "answer")

    room.database.write(file)
    for step in (lambda: None, lambda: salt.edit(EDITED_ANSWER), salt.send_to_check):
        step()
        seen.append(pages(leyla, salt))
    seen.append(everything_mailed(room))
    assert sum(WORDING in page for page in seen) >= 2
    assert [secret for secret in SECRETS if any(secret in page for page in seen)] == []


@pytest.mark.threat("curious expert")
def test_an_experts_letter_holds_nothing_of_the_asker(database: Database, newsroom: Newsroom) -> None:
    room = NewsletterMailroom(database, newsroom)
    room.receive(ASKER)
    salt = question_of_the_letter(room)
    address = reply_address(room)
    room.receive(
        mail(LEYLAS_ADDRESS, address, body="We measure it.", Authentication_Results=dmarc_pass(LEYLAS_ADDRESS))
    )
    letter = room.list_letters()[-1]
    assert (letter.author, letter.body, letter.background, letter.question_id) == (
        "expert",
        "We measure it.",
        None,
        None,
    )
    with room.database.read() as session:
        found = session.get_one(Letter, letter.id)
        assert (found.contact, found.credit, found.additions) == (None, None, [])
        row = inbound.find_by_letter(session, letter.id)
        assert row is not None
        reading = inbound.get_reading(session, row)
    assert [secret for secret in SECRETS if secret in str(reading)] == []
    assert salt.state() == "invited"


@pytest.mark.threat("curious expert")
def test_a_mail_to_the_check_brings_nothing_but_its_words(database: Database, newsroom: Newsroom) -> None:
    """What Leyla mails to the check is shown to the desk; the reply that she sees on her page is her own."""
    room = NewsletterMailroom(database, newsroom)
    room.receive(ASKER)
    salt = question_of_the_letter(room)
    salt.send()
    salt.edit()
    salt.send_to_check()
    room.receive(
        mail(
            LEYLAS_ADDRESS,
            reply_address(room),
            body="The year is wrong.",
            Authentication_Results=dmarc_pass(LEYLAS_ADDRESS),
        )
    )

    def file(session: Session) -> None:
        mailed_answers.file(
            session, newsroom.ilya, session.scalars(select(Letter).filter_by(author="expert")).one(), "wrong"
        )

    room.database.write(file)
    assert salt.checks() == [("wrong", "The year is wrong.")]
    with room.database.read() as session:
        answer = salt.answer(session)
        assert editing.open_check(session, answer) is None
        assert session.scalars(select(Assignment)).one().state == "received"
