"""The way in: Nora of the desk and Leyla, an expert, come in by mail; whoever else tries stays outside."""

import re
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.audit import Event
from app.core.actors import Clock
from app.core.clock import utc_now
from app.db.declarative import Base
from app.db.engine import Database
from app.entrance.login import LEAST_DURATION
from app.entrance.redirect_targets import get_local_path
from app.mail import outbox
from app.mail.message import REMOVAL_PATH
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.people import sign_in
from app.people.models import BrowserSession, Person
from tests.support.assignments import ask_expert
from tests.support.pages import Browser
from tests.support.sample_newsroom import Newsroom

NORA, LEYLA = "nora@desk.example", "leyla@field.example"


@pytest.fixture
def browse(app: Flask) -> Callable[[], Browser]:
    return lambda: Browser(app)


def ask(browser: Browser, email: str, to: str = "expert") -> None:
    browser.open(f"/sign-in?to={to}")
    browser.press("/sign-in", email=email, to=to)
    browser.follow()


def mailed(database: Database) -> tuple[str, str]:
    """The link and the code of the newest mail."""
    with database.read() as session:
        mail = session.scalars(select(OutboxMail).filter_by(kind="sign_in").order_by(OutboxMail.id.desc())).first()
        assert mail is not None
        text = outbox.read(session, mail).text
    link, code = re.search(r"https://\S+", text), re.search(r"^\d{4} \d{4}$", text, re.MULTILINE)
    assert link and code
    return link[0], code[0]


def rows(database: Database) -> dict[str, int]:
    with database.read() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


def can_open_pages(browser: Browser) -> bool:
    return browser.open("/expert/").status_code == 200


def test_leyla_comes_in_in_the_language_of_her_browser(
    database: Database, newsroom: Newsroom, browse: Callable[[], Browser]
) -> None:
    leyla, titles = browse(), []
    leyla.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "fa-IR,fa;q=0.9,en;q=0.5"

    def look() -> None:
        titles.append((leyla.page.heading, leyla.page.attributes("html", "lang")))

    leyla.open("/sign-in?to=expert")
    look()
    ask(leyla, LEYLA)
    look()
    with database.read() as session:
        mail = session.scalars(select(OutboxMail).filter_by(kind="sign_in")).one()
        assert outbox.read(session, mail).subject == "راه ورود شما"
    leyla.open(mailed(database)[0])
    look()
    assert titles == [("ورود", ["fa"]), ("ایمیل\u200cتان را ببینید", ["fa"]), ("با یک دکمه وارد می\u200cشوید", ["fa"])]
    nora = browse()
    nora.open("/sign-in")
    assert nora.page.attributes("html", "lang") == ["en"]


def test_from_a_question_leyla_comes_in_in_the_language_of_its_page(
    database: Database, newsroom: Newsroom, browse: Callable[[], Browser]
) -> None:
    """Her browser prefers English, but her newsletter's page, which led her here, is in Persian."""

    def to_persian(session: Session) -> None:
        session.get_one(Newsletter, newsroom.newsletter_id).language = "fa"

    salt = ask_expert(database, newsroom)
    salt.send()
    database.write(to_persian)
    leyla, titles = browse(), []
    leyla.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    leyla.open(salt.link)
    [other_questions] = [href for href in leyla.page.attributes("a", "href") if href.startswith("/sign-in")]
    [removal] = [href for href in leyla.page.attributes("a", "href") if href.startswith(REMOVAL_PATH)]
    for path in (removal, other_questions):
        leyla.open(path)
        titles.append((leyla.page.heading, leyla.page.attributes("html", "lang")))
    leyla.press("/sign-in", email=LEYLA, to="expert")
    leyla.follow()
    titles.append((leyla.page.heading, leyla.page.attributes("html", "lang")))
    with database.read() as session:
        mail = session.scalars(select(OutboxMail).filter_by(kind="sign_in")).one()
        assert outbox.read(session, mail).subject == "راه ورود شما"
    leyla.open(mailed(database)[0])
    titles.append((leyla.page.heading, leyla.page.attributes("html", "lang")))
    assert titles == [
        ("حذف من", ["fa"]),
        ("ورود", ["fa"]),
        ("ایمیل\u200cتان را ببینید", ["fa"]),
        ("با یک دکمه وارد می\u200cشوید", ["fa"]),
    ]


@pytest.mark.threat("stranger at the door")
def test_a_scanner_opens_the_link_three_times_and_leyla_still_comes_in(
    database: Database, newsroom: Newsroom, browse: Callable[[], Browser]
) -> None:
    leyla, scanner = browse(), browse()
    ask(leyla, LEYLA)
    link, _ = mailed(database)
    before = rows(database)
    for method in ("GET", "HEAD", "GET"):
        assert scanner.open(link, method).status_code == 200
    assert rows(database) == before
    assert leyla.open(link).status_code == 200
    assert rows(database) == before
    assert leyla.press(link).status_code == 303
    assert leyla.follow().status_code == 200
    assert leyla.heading == "Your questions"


@pytest.mark.threat("stranger at the door")
def test_another_browser_is_told_to_type_the_code_where_it_was_asked_for(
    database: Database, newsroom: Newsroom, browse: Callable[[], Browser]
) -> None:
    leyla, phone = browse(), browse()
    ask(leyla, LEYLA)
    link, code = mailed(database)
    phone.open("/sign-in")  # for a token of its own
    assert phone.press(link).status_code == 403
    assert phone.heading == "This link was requested in another browser"
    ask(phone, "somebody@else.example")
    assert phone.press("/sign-in/code", code=code).status_code == 400
    assert not can_open_pages(phone)
    leyla.open("/sign-in/code")
    assert leyla.press("/sign-in/code", code=code).status_code == 303
    assert can_open_pages(leyla)


def test_the_code_is_taken_in_any_scripts_digits(
    database: Database, newsroom: Newsroom, browse: Callable[[], Browser]
) -> None:
    leyla = browse()
    ask(leyla, LEYLA)
    _, code = mailed(database)
    persian = code.translate(str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹"))
    assert leyla.press("/sign-in/code", code=persian).status_code == 303


@pytest.mark.threat("stranger at the door")
def test_ten_wrong_codes_end_the_way_in(database: Database, newsroom: Newsroom, browse: Callable[[], Browser]) -> None:
    leyla = browse()
    ask(leyla, LEYLA)
    _, code = mailed(database)
    wrong = f"{(int(code.replace(' ', '')) + 1) % 10**8:08d}"
    statuses = [leyla.press("/sign-in/code", code=wrong).status_code for _ in range(10)]
    assert statuses == [400] * 10
    assert leyla.press("/sign-in/code", code=code).status_code == 400
    assert not can_open_pages(leyla)


@pytest.mark.threat("stranger at the door")
def test_an_unknown_address_gets_the_same_answer_in_the_same_time_and_no_mail(
    database: Database, newsroom: Newsroom, browse: Callable[[], Browser]
) -> None:
    answers = {}
    for email in (LEYLA, NORA, "nobody@else.example"):  # Nora is known, but not at the experts' door
        browser = browse()
        browser.open("/sign-in?to=expert")
        began = time.monotonic()
        response = browser.press("/sign-in", email=email, to="expert")
        assert time.monotonic() - began >= LEAST_DURATION
        where = (response.status_code, response.headers["Location"])
        browser.follow()
        answers[email] = (*where, browser.text.replace(browser.get_csrf_token(), ""))
    assert len(set(answers.values())) == 1
    with database.read() as session:
        mails = session.scalars(select(OutboxMail).filter_by(kind="sign_in")).all()
        assert [outbox.read(session, mail).to for mail in mails] == [LEYLA]


def test_no_address_is_sent_back_with_what_was_typed(newsroom: Newsroom, browse: Callable[[], Browser]) -> None:
    browser = browse()
    browser.open("/sign-in")
    assert browser.press("/sign-in", email="leyla at field").status_code == 400
    assert browser.value("email") == "leyla at field"


@pytest.mark.threat("stranger at the door")
def test_a_link_opens_once_and_not_after_its_time(
    database: Database, newsroom: Newsroom, browse: Callable[[], Browser]
) -> None:
    leyla = browse()
    ask(leyla, LEYLA)
    used, _ = mailed(database)
    leyla.open(used)
    leyla.press(used)

    def long_ago(session: object) -> str:
        person = session.get_one(Person, newsroom.nora.person_id)  # type: ignore[attr-defined]
        return sign_in.invite(session, Clock(), person, "desk")  # type: ignore[arg-type]

    expired = database.write(long_ago, utc_now() - timedelta(days=8))
    fresh = browse()
    for link in (used, expired, "/sign-in/never-was-one"):
        assert fresh.open(link).status_code == 410
        assert fresh.heading == "This link has ended"
        fresh.open("/sign-in")
        assert fresh.press(link).status_code == 410


def test_an_invitation_lets_one_person_in_from_any_browser_once(
    database: Database, newsroom: Newsroom, browse: Callable[[], Browser]
) -> None:
    def invite(session: object) -> str:
        person = session.get_one(Person, newsroom.nora.person_id)  # type: ignore[attr-defined]
        return sign_in.invite(session, Clock(), person, "desk")  # type: ignore[arg-type]

    link = database.write(invite)
    nora, other = browse(), browse()
    nora.open(link)
    other.open(link)
    assert "signed in as Nora Lind" in nora.text
    assert nora.press(link).headers["Location"] == "/desk/steppe/"
    assert other.press(link).status_code == 410


@pytest.mark.threat("stranger at the door")
def test_nothing_planted_in_the_cookie_outlives_signing_in(
    database: Database, newsroom: Newsroom, browse: Callable[[], Browser]
) -> None:
    leyla = browse()
    ask(leyla, LEYLA)
    _, code = mailed(database)
    with leyla.edit_session() as cookie:
        cookie["planted"] = "by somebody else"
    before = leyla.get_csrf_token()
    leyla.press("/sign-in/code", code=code)
    leyla.follow()
    with leyla.edit_session() as cookie:
        assert {"planted", "browser", "next"} & set(cookie) == set()
    assert leyla.get_csrf_token() != before


@pytest.mark.threat("seized editor's device")
def test_a_session_that_is_ended_here_is_out_at_once_everywhere(
    database: Database, newsroom: Newsroom, browse: Callable[[], Browser]
) -> None:
    laptop, phone = browse(), browse()
    for browser in (laptop, phone):
        ask(browser, LEYLA)
        browser.press("/sign-in/code", code=mailed(database)[1])
        assert can_open_pages(browser)
    phone.open("/signed-in")
    assert (phone.text.count("This browser"), phone.text.count("Another browser")) == (1, 1)
    phone.press("/sign-out/everywhere")
    assert (can_open_pages(laptop), can_open_pages(phone)) == (False, False)
    with database.read() as session:
        assert session.scalars(select(BrowserSession)).all() == []
        last = session.scalars(select(Event).order_by(Event.id.desc())).first()
        assert last is not None and last.action == "session.end_all"


def test_signing_out_ends_this_browser_alone(
    database: Database, newsroom: Newsroom, browse: Callable[[], Browser]
) -> None:
    laptop, phone = browse(), browse()
    for browser in (laptop, phone):
        ask(browser, LEYLA)
        browser.press("/sign-in/code", code=mailed(database)[1])
    phone.open("/signed-in")
    phone.press("/sign-out")
    assert (can_open_pages(laptop), can_open_pages(phone)) == (True, False)


def test_after_the_way_in_comes_the_page_that_was_wanted(
    database: Database, newsroom: Newsroom, browse: Callable[[], Browser]
) -> None:
    leyla = browse()
    leyla.open("/expert/profile")
    leyla.follow()
    leyla.press("/sign-in", email=LEYLA, to=leyla.value("to"), next=leyla.value("next"))
    leyla.follow()
    leyla.press("/sign-in/code", code=mailed(database)[1])
    leyla.follow()
    assert leyla.heading == "Your profile"


@pytest.mark.threat("stranger at the door")
@pytest.mark.parametrize(
    ("path", "is_kept"),
    [
        ("/desk/steppe/", True),
        ("/expert/?tab=1", True),
        ("//evil.example/", False),
        ("/\\evil.example", False),
        ("https://evil.example/", False),
        ("javascript:alert(1)", False),
        ("/\tevil", False),
        ("", False),
        (None, False),
    ],
)
def test_only_a_path_of_our_own_is_followed(path: str | None, is_kept: bool) -> None:
    assert get_local_path(path) == (path if is_kept else None)
