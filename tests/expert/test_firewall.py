"""The firewall: nothing of who asked, or of how they put it, reaches the expert, on any page or in any mail."""

from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.answers import assigning, editing, expert_mails
from app.answers.assigning import Brief
from app.core.actors import Clock
from app.db.engine import Database
from app.people import sign_in
from app.people.models import Expert
from app.questions import wording
from app.questions.models import Question
from app.questions.source_protection import LeakDetected
from tests.support.assignments import ANSWER, TIMURS_DETAILS, WORDING, ExpertAssignment, ask_expert, send_queued_mails
from tests.support.database_checks import dump_tables
from tests.support.pages import Browser
from tests.support.sample_newsroom import Newsroom


def pages(leyla: Browser, salt: ExpertAssignment) -> str:
    """Every page that Leyla can open now, by her link and signed in, as one text."""
    found = []
    for address in (salt.link, f"/expert/assignments/{salt.public_id}", "/expert/", "/expert/profile"):
        assert leyla.open(address).status_code == 200, address
        found.append(leyla.text)
    return "\n".join(found)


def sign_in_leyla(app: Flask, database: Database, newsroom: Newsroom) -> Browser:
    def invite(session: Session) -> str:
        person = session.get_one(Expert, newsroom.leyla.expert_id).person
        return sign_in.invite(session, Clock(), person, "expert")

    link, browser = database.write(invite), Browser(app)
    browser.open(link)
    browser.press(link)
    return browser


def reword_without_clearing(salt: ExpertAssignment) -> None:
    """Ilya tries a wording that names a village; no editor has looked at it."""

    def reword(session: Session) -> None:
        question = session.get_one(Question, salt.question_id)
        wording.reword(
            session, salt.newsroom.ilya, question, headline="The salt of Orynbay", body="Who measures it in Orynbay?"
        )

    salt.database.write(reword)


def run_in_cleared_words(salt: ExpertAssignment) -> None:
    """Nora goes back to the words that she had cleared: others can't be locked."""

    def reword_question(session: Session) -> None:
        question = session.get_one(Question, salt.question_id)
        text = wording.reword(session, salt.newsroom.nora, question, headline="The Salt Wind", body=WORDING)
        wording.clear(session, salt.newsroom.nora, question, text.id)

    salt.database.write(reword_question)
    salt.publish()


@pytest.mark.threat("curious expert")
def test_no_page_and_no_mail_says_who_asked_or_how(app: Flask, database: Database, newsroom: Newsroom) -> None:
    salt = ask_expert(database, newsroom)
    leyla = sign_in_leyla(app, database, newsroom)
    seen = [pages(leyla, salt)]
    reword_without_clearing(salt)
    seen.append(pages(leyla, salt))
    salt.database.write(lambda session: assigning.send_link_again(session, newsroom.nora, salt.assignment(session)))
    # The first link is revoked; the rest is looked at through the account, whose pages are the same.
    own = f"/expert/assignments/{salt.public_id}"
    leyla.open(own)
    leyla.press(f"{own}/preview", answer=ANSWER)
    seen.append(leyla.text)
    leyla.open(own)
    leyla.press(f"{own}/send", answer=ANSWER)

    stages = []
    for step in (lambda: None, salt.edit, salt.send_to_check, salt.approve, lambda: run_in_cleared_words(salt)):
        step()
        leyla.open(own)
        stages.append(leyla.heading)
        seen.append(leyla.text)
        leyla.open("/expert/")
        seen.append(leyla.text)
    assert stages == [
        "Thank you. Nora Lind has your answer",
        "Your answer is being edited",
        "Is this still what you say?",
        "Thank you. It is ready to run",
        "Your answer has run",
    ]
    assert all(WORDING in page for page in seen[:3])
    mails = salt.mails()
    assert [kind for kind, _ in mails] == [
        "expert.invitation", "expert.invitation_again", "expert.check", "expert.published",
    ]  # fmt: skip
    everything = "\n".join([*seen, *(words for _, words in mails)])
    assert [secret for secret in TIMURS_DETAILS if secret in everything] == []


@pytest.mark.threat("curious expert")
def test_every_other_mail_to_the_expert_keeps_the_secret_too(
    app: Flask, database: Database, newsroom: Newsroom
) -> None:
    salt = ask_expert(database, newsroom)
    reword_without_clearing(salt)
    salt.database.write(send_queued_mails)
    salt.database.write(
        lambda session: assigning.cancel(session, newsroom.nora, salt.assignment(session), "We have it.")
    )
    mails = salt.mails()
    assert [kind for kind, _ in mails] == ["expert.invitation", "expert.cancelled"]
    assert [secret for secret in TIMURS_DETAILS if any(secret in words for _, words in mails)] == []


BLOCK = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxjMEZx\n=ab12\n-----END PGP PUBLIC KEY BLOCK-----"


@pytest.mark.threat("curious expert")
@pytest.mark.parametrize("reached_by", ["Timur@Post.Example", BLOCK])
def test_by_what_timur_can_be_reached_goes_to_no_expert_whoever_says_that_it_may(
    database: Database, newsroom: Newsroom, reached_by: str
) -> None:
    """The desk's own number and link may be in a letter; what is the asker's is stopped in every text."""
    salt = ask_expert(database, newsroom)
    salt.send()
    text = f"Please ask {reached_by} yourself."
    shown = "BEGIN PGP PUBLIC KEY BLOCK----- xjMEZx =ab12 -----END PGP PUBLIC KEY BLOCK"
    nora = replace(newsroom.nora, reviewed_passages=frozenset({"Timur", "Timur@Post.Example", BLOCK, shown, text}))

    def reword(session: Session) -> None:
        question = session.get_one(Question, salt.question_id)
        made = wording.reword(session, nora, question, headline="The Salt Wind", body="Who counts?", background=text)
        wording.clear(session, nora, question, made.id, reason="He agreed.")

    def ask_another(session: Session) -> None:
        question = session.get_one(Question, salt.question_id)
        marek = session.get_one(Expert, newsroom.marek.expert_id)
        assigning.assign(session, nora, question, marek, Brief(text))

    def edit_and_check(session: Session) -> None:
        editing.edit(session, nora, salt.answer(session), text)
        editing.ask_check(session, nora, salt.answer(session))

    ways = (
        reword,
        ask_another,
        lambda session: expert_mails.send_desk_letter(session, nora, salt.assignment(session), text),
        edit_and_check,
    )
    before = dump_tables(database)
    for way in ways:
        with pytest.raises(LeakDetected) as stopped:
            database.write(way)
        assert stopped.value.code == "leak.contact_details"
        assert {"Timur@Post.Example", shown} & set(stopped.value.passages)
    assert dump_tables(database) == before
    own = "Ring us at +420 222 333 444, or see https://newsroom.example/desk."
    database.write(lambda session: expert_mails.send_desk_letter(session, nora, salt.assignment(session), own))
