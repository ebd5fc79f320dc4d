"""Leyla writes on her laptop and on her phone: whichever she sends from, no text is lost, and where one page can't know of
the other it asks."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning, editing, writing
from app.answers.models import AnswerText, Draft
from app.db.session import now
from tests.support.assignments import ANSWER, ExpertAssignment
from tests.support.pages import Browser

OLD, NEW = "Old words on the phone.", "New words on the laptop, which took an hour."


@pytest.fixture
def phone(app: Flask) -> Browser:
    return Browser(app)


@pytest.fixture
def laptop(app: Flask) -> Browser:
    return Browser(app)


def typed(browser: Browser, salt: ExpertAssignment, text: str) -> dict[str, bool]:
    """What the page is told when its script saves a text."""
    answer = browser.client.post(
        f"{salt.link}/draft",
        data={**browser.page.form("/send").fields, "answer": text},
        headers={"Accept": "application/json"},
        base_url="https://ask.newsroom.example",
    ).get_json()
    return {name: answer[name] for name in ("kept", "open", "beside")}


def texts(salt: ExpertAssignment) -> tuple[list[str], list[str]]:
    """What was sent, and what is kept."""
    with salt.database.read() as session:
        sent = list(session.scalars(select(AnswerText.body).order_by(AnswerText.id)))
        return sent, sorted(session.scalars(select(Draft.body)))


@pytest.fixture
def two(salt: ExpertAssignment, phone: Browser, laptop: Browser) -> ExpertAssignment:
    """Both pages are open; the phone's is from before the laptop wrote."""
    phone.open(salt.link)
    laptop.open(salt.link)
    assert typed(laptop, salt, NEW) == {"kept": True, "open": True, "beside": False}
    return salt


def test_send_from_a_page_that_does_not_know_of_newer_words_shows_both_and_asks(
    two: ExpertAssignment, phone: Browser
) -> None:
    assert phone.submit(f"{two.link}/send", answer=OLD).status_code == 409
    assert phone.heading == "There are two texts: which one do you mean?"
    assert phone.page.texts("p.sheet") == [OLD, NEW]
    assert phone.page.buttons == ["Send this one to Nora Lind"] * 2
    assert (two.state(), texts(two)) == ("invited", ([], [NEW, OLD]))


@pytest.mark.parametrize(("choice", "sent"), [(0, OLD), (1, NEW)])
def test_either_of_them_is_sent_by_one_press_and_the_other_stays(
    two: ExpertAssignment, phone: Browser, choice: int, sent: str
) -> None:
    phone.submit(f"{two.link}/send", answer=OLD)
    assert phone.press(f"{two.link}/send", **phone.page.forms[choice].fields).status_code == 303
    assert (two.state(), texts(two)) == ("received", ([sent], [NEW, OLD]))
    phone.follow()
    assert phone.page.part("details.small").texts("p.sheet") == [NEW if sent == OLD else OLD]


def test_keep_both_goes_on_with_the_one_and_has_the_other_at_hand(two: ExpertAssignment, phone: Browser) -> None:
    phone.submit(f"{two.link}/send", answer=OLD)
    words, address = phone.page.links[0]
    assert words == "Keep both and go on writing"
    phone.open(address)
    assert phone.value("answer") == OLD
    assert phone.page.part("details.small").texts("p.sheet") == [NEW]
    assert phone.submit(f"{two.link}/send", answer=f"{OLD} {NEW}").status_code == 303
    assert texts(two)[0] == [f"{OLD} {NEW}"]


def test_a_page_that_is_typed_into_is_told_of_the_other(two: ExpertAssignment, phone: Browser, laptop: Browser) -> None:
    assert typed(phone, two, OLD) == {"kept": True, "open": True, "beside": True}
    phone.submit(f"{two.link}/draft", form_action="/send", answer=f"{OLD} And more.", count="9")
    phone.follow()
    assert phone.page.notice.startswith("Another text of yours came in meanwhile")
    # and the laptop is told of the phone
    assert laptop.submit(f"{two.link}/send", answer=NEW).status_code == 409


def test_who_wrote_on_one_page_after_the_other_is_not_asked(two: ExpertAssignment, phone: Browser) -> None:
    phone.open(two.link)
    assert phone.value("answer") == NEW
    assert phone.submit(f"{two.link}/send", answer=f"{NEW} Short.").status_code == 303


def test_another_text_than_the_one_that_was_sent_is_kept_beside_it(
    two: ExpertAssignment, phone: Browser, laptop: Browser
) -> None:
    laptop.submit(f"{two.link}/send", answer=NEW)
    assert phone.submit(f"{two.link}/send", answer=OLD).status_code == 409
    assert phone.heading == "You have already sent another text"
    assert phone.page.texts("p.sheet") == [OLD, NEW]
    assert phone.page.links[0] == ("Keep both and leave it as sent", two.link)
    assert texts(two) == ([NEW], [NEW, OLD])
    phone.submit(f"{two.link}/take-back")
    phone.follow()
    assert (phone.value("answer"), two.state()) == (NEW, "accepted")
    assert phone.page.part("details.small").texts("p.sheet") == [OLD]


def edited(salt: ExpertAssignment) -> None:
    salt.edit()


def checked(salt: ExpertAssignment) -> None:
    salt.edit()
    salt.send_to_check()


def approved(salt: ExpertAssignment) -> None:
    salt.approve()


@pytest.mark.parametrize("then", [edited, checked, approved])
@pytest.mark.parametrize("press", ["send", "preview"])
def test_what_is_typed_while_the_text_is_with_the_desk_is_kept_and_changes_nothing_there(
    two: ExpertAssignment, phone: Browser, laptop: Browser, then: Callable[[ExpertAssignment], None], press: str
) -> None:
    laptop.submit(f"{two.link}/send", answer=ANSWER)
    then(two)
    state, sent = two.state(), texts(two)[0]
    assert phone.submit(f"{two.link}/{press}", form_action="/send", answer=OLD).status_code == 409
    assert phone.page.links[0] == ("Keep both and leave it as sent", two.link)
    assert phone.page.buttons == []
    assert (two.state(), *texts(two)) == (state, sent, [NEW, OLD])


def test_what_a_device_saves_after_another_one_sent_is_kept_and_the_page_is_told(
    two: ExpertAssignment, phone: Browser, laptop: Browser
) -> None:
    laptop.submit(f"{two.link}/send", answer=NEW)
    assert typed(phone, two, OLD) == {"kept": True, "open": False, "beside": True}
    phone.open(two.link)
    assert phone.page.part("details.small").texts("p.sheet") == [OLD]


def test_when_the_desk_gives_a_text_back_what_was_sent_and_what_was_typed_since_are_both_there(
    two: ExpertAssignment, phone: Browser, laptop: Browser
) -> None:
    laptop.submit(f"{two.link}/send", answer=ANSWER)
    typed(phone, two, OLD)

    def returned(session: Session) -> None:
        editing.send_back(session, two.newsroom.nora, two.answer(session), "Who counts?", now(session) + timedelta(3))

    two.database.write(returned)
    phone.open(two.link)
    shown = [phone.value("answer"), *phone.page.part("details.small").texts("p.sheet")]
    assert shown[0] == OLD
    assert sorted(shown[1:]) == sorted([" ".join(ANSWER.split()), NEW])


def test_drafts_stay_until_the_edition_is_sent(two: ExpertAssignment, laptop: Browser, phone: Browser) -> None:
    laptop.submit(f"{two.link}/send", answer=ANSWER)
    two.approve()
    two.database.write(writing.delete_old_drafts)
    assert texts(two)[1] == [NEW]
    two.publish()
    two.database.write(writing.delete_old_drafts)
    assert texts(two)[1] == []
    assert phone.submit(f"{two.link}/draft", form_action="/send", answer=OLD).status_code == 409
    assert (phone.value("answer"), ("Back to the question", two.link) in phone.page.links) == (OLD, True)


def test_after_a_no_it_is_asked_as_well(two: ExpertAssignment, phone: Browser) -> None:
    two.database.write(
        lambda session: assigning.decline(session, two.newsroom.leyla, two.assignment(session), "no time")
    )
    assert phone.submit(f"{two.link}/send", answer=OLD).status_code == 409
    assert phone.page.texts("p.sheet") == [OLD, NEW]
