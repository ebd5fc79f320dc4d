"""The outbox at the desk: what was mailed and what failed; who a reader is stands in none of it."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.actors import Clock, Reader
from app.answers import assigning
from app.db import now
from app.editions import locking, slots
from app.editions.queries import coming_editions
from app.letters import receive
from app.mail import outbox
from app.mail.models import OutboxContent, OutboxMail
from app.newsletters.models import Newsletter
from app.newsroom import invitations, publishing
from app.people import sign_in
from app.people.models import Expert, Person
from app.questions import moves as questions
from app.questions import wording
from app.questions.models import Question
from tests.support.at_desk import Browser, buttons, everything, read
from tests.support.cast import Newsroom, answered, handed_in

ADDRESS = "dana@post.example"


class Desk(Browser):
    def __init__(self, app: Flask, newsroom: Newsroom) -> None:
        super().__init__(app, newsroom.nora)
        self.newsroom = newsroom

    def mails(self) -> dict[str, str]:
        """The public id of the newest mail of each kind."""
        with self.database.read() as session:
            rows = session.execute(select(OutboxMail.kind, OutboxMail.public_id).order_by(OutboxMail.id))
            return dict(rows.all())

    def state(self, public_id: str) -> str:
        with self.database.read() as session:
            return session.scalars(select(OutboxMail.state).filter_by(public_id=public_id)).one() or ""

    def turn(self, public_id: str, action: str, **facts: object) -> None:
        """What the worker does with a mail."""

        def fn(session: Session) -> None:
            mail = session.scalars(select(OutboxMail).filter_by(public_id=public_id)).one()
            outbox.move(session, Clock(), mail, action, **facts)

        self.database.write(fn)


def pane(page: TestResponse) -> list[str]:
    """The buttons beside the mail that is open, without those of the list."""
    _frame, _, beside = page.text.partition('<section class="pane"')
    return buttons(TestResponse(f"<main>{beside}", 200, {}, page.request))


def version_in(page: TestResponse) -> str:
    """The version of the mail that is open, as its first form carries it."""
    return re.findall(r'name="version" value="(\d+)"', page.text)[0]


def invited(session: Session, newsroom: Newsroom) -> None:
    """Leyla is invited."""
    question = questions.open_question(session, newsroom.nora, [], headline="Salt", body="Who measures?", language="en")
    wording.clear(session, newsroom.nora, question, question.text_id or 0)
    leyla = session.get_one(Expert, newsroom.leyla.expert_id)
    invitations.invite(session, newsroom.nora, assigning.assign(session, newsroom.nora, question, leyla))


def sent_for_dana(session: Session, newsroom: Newsroom) -> None:
    """Dana's question ran, and the news for her waits."""
    newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
    ask = receive.Ask("who knew of it?", hear_back="while", email=ADDRESS)
    letter = receive.send(session, Reader(), newsletter, ask, form=receive.Form("dana", 1))
    question = answered(session, newsroom, "Who knew?")
    questions.join(session, newsroom.nora, question, [letter])
    edition = coming_editions(session, newsletter.id, 1)[0]
    slots.pick(session, newsroom.nora, question, edition)
    locking.lock_edition(session, newsroom.nora, edition)
    publishing.send(session, newsroom.nora, edition)


@pytest.fixture
def nora(app: Flask, newsroom: Newsroom) -> Desk:
    return Desk(app, newsroom)


def test_an_empty_outbox_teaches(nora: Desk) -> None:
    assert "Nothing was mailed yet." in nora.get("outbox")


def test_a_state_that_no_mail_has_is_no_list(nora: Desk) -> None:
    assert "“state” of the address is nothing that this list can be narrowed by" in nora.get("outbox?state=lost", 404)
    assert "Outbox" in nora.get("outbox?state=")


def test_a_mail_on_its_way_goes_now_or_is_said_to_be_late(nora: Desk) -> None:
    nora.database.write(lambda s: invited(s, nora.newsroom))
    [public_id] = nora.mails().values()
    assert "On its way: Invitation now" in nora.get(f"outbox/{public_id}")

    def three_hours_later(session: Session) -> None:
        mail = session.scalars(select(OutboxMail)).one()
        mail.due_at -= timedelta(hours=3)

    nora.database.write(three_hours_later)
    assert "On its way: Invitation 3 hrs late" in nora.get(f"outbox/{public_id}")


def test_a_mail_opens_beside_the_list_without_the_secret_of_its_link(nora: Desk) -> None:
    nora.database.write(lambda s: invited(s, nora.newsroom))
    [public_id] = nora.mails().values()
    page = nora.open(f"outbox/{public_id}")
    said = read(page)
    assert ("Leyla Aydın, leyla@field.example" in said, "Dear Leyla Aydın," in said) == (True, True)
    assert said.count("https://ask.newsroom.example/a/…") == 1
    with nora.database.read() as session:
        mail = session.scalars(select(OutboxMail)).one()
        secret = outbox.read(session, mail).text.partition("/a/")[2].split()[0]
    assert secret not in page.text


def test_no_page_shows_a_readers_address(nora: Desk) -> None:
    nora.database.write(lambda s: sent_for_dana(s, nora.newsroom))
    news = nora.mails()["reader.news"]
    nora.turn(news, "fail", said="550 5.1.1 no such mailbox")
    paths = ("outbox", "outbox?state=failed", f"outbox/{news}", "")
    pages = [nora.open(path) for path in paths]
    assert [ADDRESS in page.text or "dana" in page.text.lower() for page in pages] == [False] * len(paths)
    assert ["A reader" in read(page) for page in pages] == [True] * len(paths)
    assert "550 5.1.1 no such mailbox" in read(pages[2])


def test_a_failed_mail_is_tried_again_and_a_waiting_one_discarded(nora: Desk) -> None:
    nora.database.write(lambda s: invited(s, nora.newsroom))
    [public_id] = nora.mails().values()
    assert pane(nora.open(f"outbox/{public_id}")) == ["Undo"]
    nora.turn(public_id, "fail", said="452 4.2.2 mailbox full")
    assert "One mail can’t be delivered." in nora.get("")
    assert pane(nora.open(f"outbox/{public_id}")) == ["Try again", "Discard"]
    nora.press(f"outbox/{public_id}/retry")
    assert nora.state(public_id) == "queued"
    nora.press(f"outbox/{public_id}/discard", version=version_in(nora.open(f"outbox/{public_id}")))
    assert nora.state(public_id) == "discarded"
    assert pane(nora.open(f"outbox/{public_id}")) == []


def test_a_held_mail_goes_when_an_editor_says_so(nora: Desk, app: Flask) -> None:
    nora.database.write(lambda s: invited(s, nora.newsroom))
    [public_id] = nora.mails().values()

    def hold(session: Session) -> None:
        session.scalars(select(OutboxMail)).one().state = "held"

    nora.database.write(hold)
    ilya = Browser(app, nora.newsroom.ilya)
    assert pane(ilya.open(f"outbox/{public_id}")) == ["Discard"]
    ilya.press(f"outbox/{public_id}/release", 404)
    page = nora.open(f"outbox/{public_id}")
    assert pane(page) == ["Send it now", "Discard"]
    nora.press(f"outbox/{public_id}/release", version=version_in(page))
    assert nora.state(public_id) == "queued"


def test_illegal_moves_by_hand_change_nothing(nora: Desk) -> None:
    nora.database.write(lambda s: invited(s, nora.newsroom))
    [public_id] = nora.mails().values()
    before = everything(nora.database)
    nora.press(f"outbox/{public_id}/release", 409)
    nora.press(f"outbox/{public_id}/retry", 409)
    nora.press(f"outbox/{public_id}/forget", 404)
    nora.press("outbox/000000000000/discard", 404)
    assert everything(nora.database) == before

    def being_handed_over(session: Session) -> None:
        session.scalars(select(OutboxMail)).one().leased_until = now(session) + timedelta(minutes=5)

    nora.database.write(being_handed_over)
    before = everything(nora.database)
    nora.press(f"outbox/{public_id}/discard", 409)
    assert everything(nora.database) == before


def test_what_is_no_longer_kept_is_not_shown(nora: Desk) -> None:
    nora.database.write(lambda s: invited(s, nora.newsroom))
    [public_id] = nora.mails().values()
    nora.turn(public_id, "fail", said="550 no")

    def erase(session: Session) -> None:
        session.delete(session.scalars(select(OutboxContent)).one())

    nora.database.write(erase)
    page = nora.open(f"outbox/{public_id}")
    assert ("The text of this mail is no longer kept." in read(page), pane(page)) == (True, ["Discard"])
    nora.press(f"outbox/{public_id}/retry", 409)


def test_a_way_in_is_nobodys_to_read(nora: Desk) -> None:
    def ask(session: Session) -> None:
        ilya = session.get_one(Person, nora.newsroom.ilya.person_id)
        sign_in.ask(session, Clock(), "ilya@desk.example", "desk", "browser", ilya.language)

    nora.database.write(ask)
    nora.get(f"outbox/{nora.mails()['sign_in']}", 404)


def test_pages_of_one_state_go_on_where_the_last_one_ended(nora: Desk) -> None:
    def many(session: Session) -> None:
        for number in range(45):
            handed_in(session, nora.newsroom, f"Question number {number}?")

    nora.database.write(many)
    first = nora.open("outbox?state=queued")
    rows = [first.text.count('<td role="cell" class="n">')]
    older = first.text.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    second = nora.open(older.removeprefix("/desk/steppe/"))
    rows.append(second.text.count('<td role="cell" class="n">'))
    assert (rows, 'rel="next"' in second.text, 'rel="prev"' in second.text) == ([40, 5], False, True)
    with nora.database.read() as session:
        assert len(list(session.scalars(select(Question.id)))) == 45
