"""Leyla's link was cut off on its way, and so was Shirin's, who translates: the page mails them their links again."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning, translating, translators
from app.answers.own_links import request_links
from app.core.actors import Clock, Visitor
from app.core.clock import utc_now
from app.db.engine import Database
from app.entrance.login import LEAST_DURATION
from app.mail import outbox
from app.mail.models import OutboxMail
from app.people import links
from app.questions.models import Question
from tests.support.app import open_app
from tests.support.assignments import ExpertAssignment, get_mailed_links, send_queued_mails
from tests.support.databases import ON_SQLITE
from tests.support.pages import Browser
from tests.support.redis_server import start_redis
from tests.support.sample_newsroom import Newsroom

LEYLA, SHIRIN, NORA = "leyla@field.example", "shirin@words.example", "nora@desk.example"
CUT = ("", "/", "/m3Qk", "/{token}x", "/{token}/dra", "/{token}/translation", "/m3Qk/translation", "/m3Qk/translatio")


@pytest.fixture
def browse(app: Flask) -> Callable[[], Browser]:
    return lambda: Browser(app, cookies=False)


@pytest.fixture
def shirin(database: Database, salt: ExpertAssignment) -> str:
    """The path of the page on which Shirin is asked to translate Timur's question."""

    def invite(session: Session) -> None:
        question = session.get_one(Question, salt.question_id)
        [original] = translating.list_originals(session, question)
        translators.invite(session, salt.newsroom.nora, original, "fa", "Shirin", SHIRIN)

    database.write(invite)
    [path] = get_mailed_links(database, "translator.invitation")
    database.write(send_queued_mails)
    return path


def list_recipients(database: Database) -> list[tuple[str, str]]:
    with database.read() as session:
        mails = session.scalars(select(OutboxMail).where(OutboxMail.is_queued).order_by(OutboxMail.id)).all()
        return [(mail.kind, outbox.read(session, mail).to) for mail in mails]


@pytest.mark.parametrize("cut", CUT)
def test_a_cut_or_mistyped_link_offers_to_mail_it_again(
    browse: Callable[[], Browser], salt: ExpertAssignment, cut: str
) -> None:
    browser = browse()
    path = "/a" + cut.format(token=salt.link.removeprefix("/a/"))
    assert browser.open(path).status_code == 404
    assert (browser.heading, "Mail me my links" in browser.text) == ("This link opens nothing", True)


def test_the_mail_has_a_link_to_each_open_question_and_the_old_one_still_works(
    database: Database, browse: Callable[[], Browser], salt: ExpertAssignment
) -> None:
    database.write(send_queued_mails)
    browser = browse()
    browser.open(f"{salt.link}x")
    assert browser.press("/a", email=" LEYLA@field.example ").headers["Location"] == "/a/asked"
    assert list_recipients(database) == [("expert.links", LEYLA)]
    [link] = get_mailed_links(database, "expert.links")
    assert [browser.open(path).status_code for path in (link, salt.link)] == [200, 200]


def test_a_translator_gets_the_link_to_their_text(
    database: Database, browse: Callable[[], Browser], shirin: str
) -> None:
    browser = browse()
    browser.open(shirin.replace("/translation", "/translatio"))
    browser.press("/a", email=SHIRIN)
    assert list_recipients(database) == [("translator.links", SHIRIN)]
    [link] = get_mailed_links(database, "translator.links")
    assert (link.endswith("/translation"), browser.open(link).status_code) == (True, 200)
    with database.read() as session:
        mail = session.scalars(select(OutboxMail).filter_by(kind="translator.links")).one()
        assert "salt" not in outbox.read(session, mail).text.lower()


def test_nobody_gets_a_page_before_the_editor_has_released_their_invitation(
    database: Database, browse: Callable[[], Browser], shirin: str, salt: ExpertAssignment
) -> None:
    def hold(session: Session) -> None:
        invitations = select(OutboxMail).where(OutboxMail.kind.in_(("expert.invitation", "translator.invitation")))
        for mail in session.scalars(invitations).all():
            mail.state, mail.sent_at, mail.ended_at = "held", None, None

    database.write(hold)
    for email in (LEYLA, SHIRIN):
        browse().press("/a", email=email)
    assert list_recipients(database) == []


def test_an_address_that_cannot_be_decrypted_keeps_no_other_translator_from_their_link(
    database: Database, browse: Callable[[], Browser], shirin: str, salt: ExpertAssignment
) -> None:
    def damage_newest(session: Session) -> None:
        [original] = translating.list_originals(session, session.get_one(Question, salt.question_id))
        newest = translators.invite(session, salt.newsroom.nora, original, "ru", "Timo", "timo@words.example")
        newest.email_sealed = b"lost"

    database.write(damage_newest)
    browse().press("/a", email=SHIRIN)
    assert ("translator.links", SHIRIN) in list_recipients(database)


@pytest.mark.threat("stranger at the door")
def test_known_and_unknown_addresses_get_the_same_answer_in_the_same_time(
    database: Database, browse: Callable[[], Browser], shirin: str, salt: ExpertAssignment
) -> None:
    answers = set()
    for email in (LEYLA, SHIRIN, NORA, "marek@institute.example", "nobody@else.example"):
        browser = browse()
        began = time.monotonic()
        response = browser.press("/a", email=email)
        assert time.monotonic() - began >= LEAST_DURATION
        where = (response.status_code, response.headers["Location"], response.headers.get("Set-Cookie"))
        browser.follow()
        answers.add((*where, browser.text))
    assert len(answers) == 1
    assert list_recipients(database) == [("expert.links", LEYLA), ("translator.links", SHIRIN)]


@pytest.mark.threat("stranger at the door")
@pytest.mark.parametrize(("email", "kind"), [(LEYLA, "expert.links"), (SHIRIN, "translator.links")])
def test_nobody_is_flooded_and_nobody_is_locked_out(
    database: Database, browse: Callable[[], Browser], shirin: str, email: str, kind: str
) -> None:
    for _ in range(10):
        browse().press("/a", email=email)
        database.write(send_due)
    with database.read() as session:
        due = session.scalars(select(OutboxMail.due_at).filter_by(kind=kind).order_by(OutboxMail.id)).all()
    # Three at once, and the fourth waits two minutes; whoever asks meanwhile waits for the same mail.
    assert [round((at - due[0]).total_seconds() / 60) for at in due] == [0, 0, 0, 2]


def send_due(session: Session) -> None:
    for mail in session.scalars(select(OutboxMail).where(OutboxMail.is_queued, OutboxMail.due_at <= utc_now())).all():
        outbox.move(session, Clock(), mail, "send", sent_at=utc_now())


@pytest.mark.threat("stranger at the door")
def test_tries_are_counted_by_network(limited_client: FlaskClient, newsroom: Newsroom) -> None:
    browser = Browser(limited_client.application)
    statuses = [browser.press("/a", email="x@else.example").status_code for _ in range(12)]
    assert statuses == [303] * 10 + [429] * 2


@ON_SQLITE
@pytest.mark.threat("stranger at the door")
def test_a_refused_try_is_no_failure_of_redis_after_which_counting_begins_anew(
    database: Database, newsroom: Newsroom, tmp_path: Path, bytecode_cache: FileSystemBytecodeCache
) -> None:
    with start_redis(tmp_path) as url, open_app(database, tmp_path, bytecode_cache, limits="1", redis_url=url) as app:
        browser = Browser(app)
        statuses = [browser.press("/a", email="x@else.example").status_code for _ in range(25)]
    assert statuses == [303] * 10 + [429] * 15


def test_no_whole_address_comes_back_with_what_was_typed(browse: Callable[[], Browser], newsroom: Newsroom) -> None:
    browser = browse()
    assert browser.press("/a", email="leyla at field").status_code == 400
    assert (browser.value("email"), "This address is incomplete." in browser.text) == ("leyla at field", True)


def test_the_link_of_a_question_that_is_over_is_not_mailed(
    database: Database, browse: Callable[[], Browser], salt: ExpertAssignment
) -> None:
    database.write(lambda s: assigning.cancel(s, salt.newsroom.nora, salt.assignment(s)))
    browse().press("/a", email=LEYLA)
    assert get_mailed_links(database, "expert.links") == []


def test_what_somebody_typed_on_a_page_whose_link_has_ended_is_given_back(
    database: Database, browse: Callable[[], Browser], salt: ExpertAssignment
) -> None:
    browser = browse()
    browser.open(salt.link)
    token = browser.get_csrf_token()
    database.write(lambda s: links.revoke_links(s, salt.assignment_id))
    response = browser.press(f"{salt.link}/send", answer="We put up salt plates.", csrf_token=token)
    assert (response.status_code, browser.heading) == (404, "This link opens nothing")
    assert browser.value("answer") == "We put up salt plates."


def test_days_later_links_are_mailed_at_once_again(
    database: Database, browse: Callable[[], Browser], salt: ExpertAssignment
) -> None:
    tomorrow = utc_now() + timedelta(days=1)
    for at in (None, None, None, None, tomorrow):
        database.write(lambda s: request_links(s, Visitor(), LEYLA), at)
        database.write(send_queued_mails, at)
    with database.read() as session:
        due = session.scalars(select(OutboxMail.due_at).filter_by(kind="expert.links").order_by(OutboxMail.id)).all()
    assert (due[-1] - tomorrow).total_seconds() < 1
