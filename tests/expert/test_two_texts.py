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

SHOWN_ANSWER = " ".join(ANSWER.replace("**short**", "short ").split())
OLD, NEW = "Old words on the phone.", "New words on the laptop, which took an hour."
WHICH = "You have written more than one text. Which do you mean?"
HAS_OTHER = "You wrote another text on another page or device. Before anything is sent, you will see both."


@pytest.fixture
def phone(app: Flask) -> Browser:
    return Browser(app)


@pytest.fixture
def laptop(app: Flask) -> Browser:
    return Browser(app)


def save_draft(browser: Browser, salt: ExpertAssignment, text: str) -> dict[str, bool]:
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
    assert save_draft(laptop, salt, NEW) == {"kept": True, "open": True, "beside": False}
    return salt


def test_send_from_a_page_that_does_not_know_of_newer_words_shows_both_and_asks(
    two: ExpertAssignment, phone: Browser
) -> None:
    assert phone.submit(f"{two.link}/send", answer=OLD).status_code == 409
    assert phone.heading == WHICH
    assert phone.page.texts("p.sheet") == [OLD, NEW]
    assert phone.page.buttons == ["Send this one to Nora Lind", "Go on with this one"] * 2
    assert (two.state(), texts(two)) == ("invited", ([], [NEW, OLD]))


def test_bold_and_italics_are_shown_as_such(two: ExpertAssignment, phone: Browser) -> None:
    phone.submit(f"{two.link}/send", answer="The lake has **no lining**.\n\nIt *never* had <one>.")
    assert phone.heading == WHICH
    assert phone.page.texts("p.sheet")[0] == "The lake has no lining . It never had <one>."
    assert (phone.page.texts("p.sheet strong"), phone.page.texts("p.sheet em")) == (["no lining"], ["never"])


@pytest.mark.parametrize(("choice", "sent"), [(0, OLD), (1, NEW)])
def test_either_of_them_is_sent_by_one_press_and_the_other_stays(
    two: ExpertAssignment, phone: Browser, choice: int, sent: str
) -> None:
    phone.submit(f"{two.link}/send", answer=OLD)
    assert phone.press(f"{two.link}/send", **phone.page.forms[choice].fields).status_code == 303
    assert (two.state(), texts(two)) == ("received", ([sent], [NEW, OLD]))
    phone.follow()
    assert phone.page.part("details.small").texts("p.sheet") == [NEW if sent == OLD else OLD]


@pytest.mark.parametrize(("choice", "chosen", "other"), [(0, OLD, NEW), (1, NEW, OLD)])
def test_who_goes_on_with_one_of_them_has_the_other_at_hand_and_is_not_asked_again(
    two: ExpertAssignment, phone: Browser, laptop: Browser, choice: int, chosen: str, other: str
) -> None:
    phone.submit(f"{two.link}/send", answer=OLD)
    phone.press(f"{two.link}/draft", **phone.page.forms[choice].fields)
    phone.follow()
    assert phone.value("answer") == chosen
    assert phone.page.part("details.small").texts("p.sheet") == [other]
    assert HAS_OTHER not in phone.page.main_text
    laptop.open(two.link)  # a fresh page goes on with the same
    assert (laptop.value("answer"), HAS_OTHER in laptop.page.main_text) == (chosen, False)
    assert laptop.submit(f"{two.link}/send", answer=f"{OLD} {NEW}").status_code == 303
    assert texts(two)[0] == [f"{OLD} {NEW}"]


def test_a_page_that_is_typed_into_is_told_of_the_other(two: ExpertAssignment, phone: Browser, laptop: Browser) -> None:
    assert save_draft(phone, two, OLD) == {"kept": True, "open": True, "beside": True}
    phone.submit(f"{two.link}/draft", form_action="/send", answer=f"{OLD} And more.", count="9")
    phone.follow()
    assert HAS_OTHER in phone.page.main_text
    assert phone.page.part("details.small[open]").texts("p.sheet") == [NEW]
    # and the laptop is told of the phone
    assert laptop.submit(f"{two.link}/send", answer=NEW).status_code == 409


def test_who_wrote_on_one_page_after_the_other_is_not_asked(two: ExpertAssignment, phone: Browser) -> None:
    phone.open(two.link)
    assert phone.value("answer") == NEW
    assert phone.submit(f"{two.link}/send", answer=f"{NEW} Short.").status_code == 303


def test_a_fresh_page_shows_what_the_other_device_wrote_before_it_sends_anything(
    two: ExpertAssignment, phone: Browser, app: Flask
) -> None:
    """The laptop saves, the phone saves, the link is opened anew: it has the newest text in its box."""
    save_draft(phone, two, OLD)
    fresh = Browser(app)
    fresh.open(two.link)
    assert (fresh.value("answer"), HAS_OTHER in fresh.page.main_text) == (OLD, True)
    assert fresh.page.part("details.small[open]").texts("p.sheet") == [NEW]
    assert fresh.submit(f"{two.link}/send", answer=OLD).status_code == 409
    assert (fresh.heading, fresh.page.texts("p.sheet")) == (WHICH, [OLD, NEW])
    assert (two.state(), texts(two)[0]) == ("invited", [])
    assert fresh.press(f"{two.link}/send", **fresh.page.forms[1].fields).status_code == 303
    assert texts(two)[0] == [NEW]


def test_who_writes_on_in_page_after_page_is_never_asked(salt: ExpertAssignment, app: Flask) -> None:
    for words in ("One.", "One. Two.", "One. Two. Three."):
        page = Browser(app)
        page.open(salt.link)
        assert HAS_OTHER not in page.page.main_text
        save_draft(page, salt, words)
    page = Browser(app)
    page.open(salt.link)
    assert page.submit(f"{salt.link}/send", answer="One. Two. Three. Four.").status_code == 303
    assert texts(salt) == (["One. Two. Three. Four."], ["One.", "One. Two.", "One. Two. Three."])


def test_of_each_device_only_the_last_text_is_shown(two: ExpertAssignment, phone: Browser, app: Flask) -> None:
    later = Browser(app)
    later.open(two.link)
    save_draft(later, two, f"{NEW} Longer.")  # goes on with the laptop's text
    assert phone.submit(f"{two.link}/send", answer=OLD).status_code == 409
    assert phone.page.texts("p.sheet") == [OLD, f"{NEW} Longer."]


def test_a_draft_that_grew_after_it_was_shown_is_shown_again(
    two: ExpertAssignment, phone: Browser, laptop: Browser
) -> None:
    save_draft(phone, two, OLD)
    phone.submit(f"{two.link}/send", answer=OLD)
    shown = [form.fields for form in phone.page.forms]
    laptop.submit(f"{two.link}/draft", form_action="/send", answer=f"{NEW} And two hours.", count="7")
    assert phone.press(f"{two.link}/send", **shown[0]).status_code == 409
    assert phone.page.texts("p.sheet") == [OLD, f"{NEW} And two hours."]
    assert texts(two)[0] == []


def test_an_answer_to_both_that_got_lost_on_its_way_was_not_shown(two: ExpertAssignment, phone: Browser) -> None:
    form = phone.page.form("/send").fields
    phone.submit(f"{two.link}/send", answer=OLD)  # the phone never got this page
    assert phone.press(f"{two.link}/send", **form | {"answer": OLD}).status_code == 409
    phone.open(two.link)
    assert (phone.value("answer"), HAS_OTHER in phone.page.main_text) == (OLD, True)


def test_a_page_that_emptied_its_text_takes_no_other_ones_place(
    two: ExpertAssignment, phone: Browser, app: Flask
) -> None:
    later = Browser(app)
    later.open(two.link)
    save_draft(later, two, "")
    assert phone.submit(f"{two.link}/send", answer=OLD).status_code == 409
    assert phone.page.texts("p.sheet") == [OLD, NEW]


def test_a_text_taken_back_stands_for_what_was_written_before_it(two: ExpertAssignment, laptop: Browser) -> None:
    laptop.submit(f"{two.link}/send", answer=f"{NEW} Done.")
    laptop.follow()
    laptop.submit(f"{two.link}/take-back")
    laptop.follow()
    assert (laptop.value("answer"), HAS_OTHER in laptop.page.main_text) == (f"{NEW} Done.", False)
    assert laptop.submit(f"{two.link}/send", answer=f"{NEW} Really done.").status_code == 303


def test_a_page_from_before_a_text_was_sent_and_returned_shows_that_text_first(
    two: ExpertAssignment, phone: Browser, laptop: Browser
) -> None:
    laptop.submit(f"{two.link}/send", answer=ANSWER)
    two.database.write(
        lambda s: editing.send_back(s, two.newsroom.nora, two.answer(s), "Who counts?", now(s) + timedelta(3))
    )
    assert phone.submit(f"{two.link}/send", answer=OLD).status_code == 409
    assert phone.page.texts("p.sheet") == [OLD, SHOWN_ANSWER]
    assert texts(two)[0] == [ANSWER]
    laptop.open(two.link)
    laptop.press(f"{two.link}/draft", **laptop.page.form("/send").fields)
    laptop.follow()
    assert laptop.submit(f"{two.link}/send", answer=f"{ANSWER} Two do.").status_code == 409  # the phone's was kept


def test_what_a_page_says_it_has_shown_is_not_believed_blindly(two: ExpertAssignment, phone: Browser) -> None:
    knows = ("[" * 5_000, '{"a": 1e999}', '{"%s": 1}' % ("a" * 50_000), '{"\\u0000": 1}', "[1]", "7", "")
    for value in knows:
        answer = phone.submit(f"{two.link}/draft", form_action="/send", answer=OLD, knows=value, count="2")
        assert answer.status_code == 303
        phone.open(two.link)


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


def edit_answer(salt: ExpertAssignment) -> None:
    salt.edit()


def send_check(salt: ExpertAssignment) -> None:
    salt.edit()
    salt.send_to_check()


def approved(salt: ExpertAssignment) -> None:
    salt.approve()


@pytest.mark.parametrize("then", [edit_answer, send_check, approved])
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
    assert save_draft(phone, two, OLD) == {"kept": True, "open": False, "beside": True}
    phone.open(two.link)
    assert phone.page.part("details.small").texts("p.sheet") == [OLD]


def test_when_the_desk_gives_a_text_back_what_was_sent_and_what_was_typed_since_are_both_there(
    two: ExpertAssignment, phone: Browser, laptop: Browser
) -> None:
    laptop.submit(f"{two.link}/send", answer=ANSWER)
    save_draft(phone, two, OLD)

    def return_answer(session: Session) -> None:
        editing.send_back(session, two.newsroom.nora, two.answer(session), "Who counts?", now(session) + timedelta(3))

    two.database.write(return_answer)
    phone.open(two.link)
    shown = [phone.value("answer"), *phone.page.part("details.small").texts("p.sheet")]
    assert shown[0] == OLD
    assert sorted(shown[1:]) == sorted([SHOWN_ANSWER, NEW])


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
