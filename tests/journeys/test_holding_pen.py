"""A mail from the holding pen to the submitted version in a real browser: by pointer, by keyboard alone, without scripts."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import select

from app.answers.models import AnswerText
from app.core.actors import Mailroom
from app.db.engine import Database
from app.editions import locking, slots
from app.editions.queries import list_editions_to_run
from app.mail import inbound
from app.mail.inbound import MailContent
from app.newsletters.models import Newsletter
from app.typesetting.renderers import to_text
from app.workflows.back_issues import received_editions
from tests.support.mailroom import LEYLAS_REPLY, REPLY_TEXT, place_mail, receive_expert_mail
from tests.support.sample_newsroom import create_answered_question
from tests.support.user_browsers import INPUT_METHODS, UserBrowser, UserBrowsers

pytestmark = pytest.mark.browser

PERSIAN = MailContent("پریسا", "parisa@nameh.example", "پرسش", "", "fa", "چه کسی نمک را اندازه می‌گیرد؟", "> نمک")


def nora_at(chromium: Browser, database: Database, site: str, tmp_path: Path, scripts: bool) -> UserBrowser:
    return UserBrowsers(chromium, database, site, tmp_path / "mail", scripts).sign_in_staff()


@INPUT_METHODS
def test_a_mail_in_the_pen_becomes_leylas_submitted_version(
    chromium, database, newsroom, site, salt, tmp_path, press, scripts
):
    place_mail(database, newsroom, assignment_id=salt.assignment_id)
    nora = nora_at(chromium, database, site, tmp_path, scripts)
    nora.open("/desk/steppe/")
    press(nora, "One mail waits in the holding pen")
    press(nora, "Re: The Salt Wind")
    nora.expect_heading("Re: The Salt Wind")
    press(nora, "It is Leyla Aydın’s reply")
    nora.expect_heading(re.compile("^Leyla Aydın,"))
    press(nora, "It is the answer")
    expect(nora.page.locator("textarea").first).to_have_value(re.compile(re.escape(REPLY_TEXT)))
    with database.read() as session:
        text = session.scalars(select(AnswerText)).one()
    assert (text.kind, text.body, text.channel, salt.state()) == ("submitted", REPLY_TEXT, "pen", "received")
    nora.context.close()


@pytest.mark.parametrize("width", [320, 1440])
def test_every_page_of_mail_that_came_in_fits_and_axe_finds_nothing(
    chromium, database, newsroom, site, salt, tmp_path, width
):
    """In both schemes, with a Persian mail among the others; `UserBrowser.open_unfolded` checks them."""

    def set_inbox(session) -> str:
        session.get_one(Newsletter, newsroom.newsletter_id).inbox = "ask@steppe.example"
        question = create_answered_question(session, newsroom, "Who pays the gauges?")
        edition = list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
        slots.pick(session, newsroom.nora, question, edition)
        locking.lock_edition(session, newsroom.nora, edition)
        text = to_text(locking.blocks(session, edition)[0]).replace("2009", "2010")
        received_editions.record_arrival(session, Mailroom(), edition, "<61@list.example>", text)
        row = inbound.store(session, b"x", source="lmtp", newsletter_id=newsroom.newsletter_id)
        inbound.place(session, Mailroom(), row, "failed", ["time"])
        return edition.public_id

    edition = database.write(set_inbox)
    mails = [
        place_mail(database, newsroom, reading=reading, reasons=["not checked", "moon"])
        for reading in (LEYLAS_REPLY, PERSIAN)
    ]
    letter = receive_expert_mail(database, salt.assignment_id)
    with database.read() as session:
        question = salt.assignment(session).question.public_id
    nora = nora_at(chromium, database, site, tmp_path, scripts=True)
    nora.page.set_viewport_size({"width": width, "height": 900})
    paths = ["pen", "pen?place=failed", "pen?place=spam", *(f"pen/{mail}" for mail in mails), "letters", f"letters/{letter}",
             f"questions/{question}", f"editions/{edition}", ""]  # fmt: skip
    for path in paths:
        nora.open_unfolded(f"/desk/steppe/{path}")
    nora.context.close()


def test_the_reply_address_is_copied_by_one_press(chromium, database, newsroom, site, tmp_path):
    def takes_mail(session) -> tuple[str, str]:
        session.get_one(Newsletter, newsroom.newsletter_id).inbox = "ask@steppe.example"
        edition = list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
        return edition.public_id, received_editions.reply_token(session, edition)

    edition, token = database.write(takes_mail)
    nora = nora_at(chromium, database, site, tmp_path, scripts=True)
    nora.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site)
    nora.open(f"/desk/steppe/editions/{edition}")
    nora.page.get_by_role("button", name="Copy the address").click()
    nora.page.get_by_text("Copied", exact=True).wait_for()
    assert nora.page.evaluate("navigator.clipboard.readText()") == f"ask+{token}@steppe.example"
    nora.context.close()
