"""Timur asks on the web: one letter and one receipt however often he presses Send, and nothing lost when something is wrong."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from limits import RateLimitItemPerMinute
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from app.core.clock import utc_now
from app.crypto import signing
from app.db.engine import Database
from app.letters.contacts import email_of, get_credit_name
from app.letters.models import Contact, Credit, Letter
from app.questions import actions as questions
from app.questions import wording
from app.reader import form_token, submission
from app.reader.page_frame import open_context
from app.text.clean import digits, for_print
from app.web.static_files import current_version
from tests.support.pages import Page
from tests.support.reader_pages import SILOS_QUESTION, get_form_token, read_receipt, send_question
from tests.support.sample_newsroom import Newsroom


def letters(database: Database) -> list[Letter]:
    with database.read() as session:
        return list(session.scalars(select(Letter).order_by(Letter.received_at, Letter.id)))


def test_a_double_press_makes_one_letter_and_shows_the_same_receipt(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    form = get_form_token(client, "/steppe/")
    first, second = send_question(client, form=form), send_question(client, form=form)
    assert (first.status_code, second.status_code) == (200, 200)
    assert re.fullmatch(r"\d{20}", read_receipt(first.text))
    assert read_receipt(first.text) == read_receipt(second.text)
    [letter] = letters(database)
    assert (letter.body, letter.hear_back, letter.state, letter.language) == (
        SILOS_QUESTION,
        "number",
        "received",
        "en",
    )


def test_six_presses_at_the_same_moment_make_one_letter(
    app: Flask, client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    form = get_form_token(client)
    with ThreadPoolExecutor(6) as hands:
        pages = list(hands.map(lambda _press: send_question(app.test_client(), form=form), range(6)))
    assert [page.status_code for page in pages] == [200] * 6
    assert len({read_receipt(page.text) for page in pages}) == 1
    assert [letter.body for letter in letters(database)] == [SILOS_QUESTION]


@pytest.mark.threat("seized reader's device")
def test_the_same_form_with_other_words_shows_no_receipt_and_keeps_the_new_words(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    """Whoever finds the form in the files of a closed browser doesn't know the words."""
    form = get_form_token(client)
    first = send_question(client, form=form)
    again = send_question(client, form=form, body="And since when have they owned them?")
    assert again.status_code == 409
    receipt = read_receipt(first.text)
    assert (receipt in digits(again.text), Page(again.text).texts(".code")) == (False, [])
    assert read_receipt(send_question(client, form=form).text) == receipt
    assert "And since when have they owned them?</textarea>" in again.text
    fresh = Page(again.text).value("form")
    assert fresh not in ("", form)
    assert send_question(client, form=fresh, body="And since when have they owned them?").status_code == 200
    assert [letter.body for letter in letters(database)] == [SILOS_QUESTION, "And since when have they owned them?"]


def of_last_week(app: Flask, days: int) -> str:
    with app.test_request_context("/steppe/ask"), open_context("steppe") as place:
        before, signing.today = signing.today, lambda: before() - days
        try:
            return form_token.make(place.session, place.newsletter)
        finally:
            signing.today = before


@pytest.mark.threat("another site")
@pytest.mark.parametrize("kind", ["stale", "forged", "none", "nonsense"])
def test_a_form_that_is_too_old_or_forged_is_shown_again_with_its_text(
    kind: str, app: Flask, client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    good = get_form_token(client)
    bad = {"stale": of_last_week(app, 8), "forged": good[:-3] + "AAA", "none": "", "nonsense": "\0🜁" * 40}[kind]
    page = client.post("/steppe/send", data={"form": bad, "body": SILOS_QUESTION, "email_once": "t@post.example"})
    assert page.status_code == 400
    assert f"{SILOS_QUESTION}</textarea>" in page.text
    assert letters(database) == []
    assert send_question(client, form=of_last_week(app, 6)).status_code == 200


@pytest.mark.threat("another site")
def test_another_newsletters_form_is_not_taken(client: FlaskClient, database: Database, newsroom: Newsroom) -> None:
    def found_another(session: Any) -> None:
        from app.newsletters.models import Newsletter

        steppe = session.get_one(Newsletter, newsroom.newsletter_id)
        columns = {
            c.key: getattr(steppe, c.key) for c in Newsletter.__table__.columns if c.key not in ("id", "public_id")
        }
        session.add(Newsletter(**{**columns, "slug": "nafas", "language": "fa", "languages": ["fa"]}))

    database.write(found_another)
    assert send_question(client, form=get_form_token(client, "/nafas/ask")).status_code == 400
    assert letters(database) == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "Write your question."),
        (" \n\t\u200e\0 ", "Write your question."),
        ("Why", "too short"),
        ("?!?!?!", "too short"),
        ("x" * 2001, "longer than 2,000 characters"),
    ],
)
def test_what_is_no_question_comes_back_with_the_error_at_its_field(
    body: str, message: str, client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    response = send_question(client, body=body)
    assert response.status_code == 400
    page = Page(response.text)
    [(place, said)] = page.errors
    assert (place, message in said, page.error_summary) == ("body", True, [("body", said)])
    assert page.title.startswith("Not sent yet")
    assert letters(database) == []


def test_every_wrong_field_is_named_and_everything_typed_is_kept(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    page = send_question(
        client, hear_back="once", email_once="timur@post", credit="first", first="Timur", background="I drive there"
    )
    assert page.status_code == 400
    assert [place for place, _said in Page(page.text).error_summary] == ["email_once", "place"]
    for kept in (
        f"{SILOS_QUESTION}</textarea>",
        'value="timur@post"',
        'value="Timur"',
        "I drive there</textarea>",
        "<details open>",
    ):
        assert kept in page.text
    assert letters(database) == []


@pytest.mark.parametrize("field", ["hear_back", "credit"])
def test_a_choice_that_there_is_not_is_refused_and_stores_nothing(
    field: str, client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    assert send_question(client, **{field: "everything"}).status_code == 400
    assert letters(database) == []


@pytest.mark.threat("hostile words")
@pytest.mark.parametrize(
    "body",
    [
        "中国在塞尔维亚买了什么?",
        "می‌خواهم بدانم آب کجاست؟",
        "Why \u202edoes it run\u202c backwards 🙂🏽?",
        "<script>alert(1)</script> is **this** [taken](javascript:x) as <b>text</b>?",
        "{{ 7 * 7 }} and {% raw %}?",
    ],
)
def test_any_script_and_any_trick_is_kept_as_it_was_written_and_shown_as_text(
    body: str, client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    assert send_question(client, body=body).status_code == 200
    assert [letter.body for letter in letters(database)] == [body]
    shown = client.post("/steppe/send", data={"form": get_form_token(client), "body": body, "then": "choices"}).text
    assert "<script>" not in shown
    assert shown.count("</textarea>") == 2


@pytest.mark.threat("flood")
def test_ten_megabytes_get_a_page_and_no_letter(client: FlaskClient, database: Database, newsroom: Newsroom) -> None:
    page = send_question(client, body="why " * 2_500_000)
    assert page.status_code == 413
    assert "<h1>That is too much</h1>" in page.text
    assert letters(database) == []


def test_more_choices_opens_the_form_with_the_words_and_sends_nothing(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    form = get_form_token(client, "/steppe/")
    page = send_question(client, form=form, then="choices")
    assert page.status_code == 200
    assert f"{SILOS_QUESTION}</textarea>" in page.text
    assert f'name="form" value="{form}"' in page.text
    assert letters(database) == []


def test_an_address_and_a_name_are_kept_with_the_consent_as_it_was_read(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    consent = "I agree that The Steppe Letter prints this name with my question, in the newsletter and on this site."
    assert client.get("/steppe/ask").text.count(consent) == 2
    sent = send_question(
        client, hear_back="while", email_while="timur@post.example", credit="first", first="Timur", place="Osh",
        verbatim="yes", language="ru", background="I drive there", name="not this one",
    )  # fmt: skip
    assert sent.status_code == 200
    with database.read() as session:
        letter = session.scalars(select(Letter)).one()
        assert (letter.hear_back, letter.verbatim, letter.language, letter.background) == (
            "while",
            True,
            "ru",
            "I drive there",
        )
        assert (email_of(session, letter), get_credit_name(session, letter)) == ("timur@post.example", "Timur, Osh")
        assert session.scalars(select(Credit)).one().consent_text == consent


@pytest.mark.threat("stolen database", "court order")
def test_just_a_number_keeps_no_address_and_no_minute(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    assert send_question(client, email_once="timur@post.example", email_while="timur@post.example").status_code == 200
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Contact)) == 0
        [letter] = session.scalars(select(Letter))
    moment = letter.received_at
    assert (moment.hour, moment.minute, moment.second, moment.microsecond) == (0, 0, 0, 1)  # the first one of today
    assert abs((utc_now() - moment).total_seconds()) < 2 * 86_400


@pytest.mark.threat("flood")
def test_a_robot_in_the_trap_is_held_and_never_refused(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    sent = send_question(client, leave_empty="https://buy.example")
    assert (sent.status_code, len(read_receipt(sent.text))) == (200, 20)
    assert [(letter.state, letter.held_reason) for letter in letters(database)] == [("held", "trap")]


@pytest.mark.threat("flood")
def test_a_flood_is_held_and_every_letter_of_it_is_kept(
    database: Database, newsroom: Newsroom, limited_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "FLOOD", RateLimitItemPerMinute(2, 10))
    for number in range(4):
        assert send_question(limited_client, body=f"{SILOS_QUESTION} ({number})").status_code == 200
    assert [letter.held_reason for letter in letters(database)] == [None, None, "flood", "flood"]


@pytest.mark.threat("flood")
def test_a_form_that_is_sent_again_takes_no_room_from_others(
    database: Database, newsroom: Newsroom, limited_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A press that comes twice, and one after going back: four readers are no flood where six Sends come."""
    monkeypatch.setattr(submission, "FLOOD", RateLimitItemPerMinute(4, 10))
    form = get_form_token(limited_client)
    for _press in range(3):
        assert send_question(limited_client, form=form).status_code == 200
    for number in range(3):
        assert send_question(limited_client, body=f"{SILOS_QUESTION} ({number})").status_code == 200
    assert [letter.held_reason for letter in letters(database)] == [None] * 4
    send_question(limited_client, body=f"{SILOS_QUESTION} (one more)")
    assert letters(database)[-1].held_reason == "flood"


def shown_question(database: Database, newsroom: Newsroom) -> str:
    def show(session: Any) -> str:
        question = questions.open_question(
            session, newsroom.nora, [], body="Does the canal run at night?", language="en"
        )
        wording.clear(session, newsroom.nora, question, question.text_id or 0)
        questions.show(session, newsroom.nora, question, True)
        return question.public_id

    return database.write(show)


def join(client: FlaskClient, public_id: str, form: str) -> TestResponse:
    return client.post(f"/steppe/ask/{public_id}", data={"form": form})


def test_to_want_to_know_it_too_is_one_press_with_a_receipt(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    public_id = shown_question(database, newsroom)
    front = Page(client.get("/steppe/").text)
    assert "Does the canal run at night?" in front
    forms = front.values("form")
    assert len(set(forms)) == 2  # the question's own form has a token of its own
    first, second = join(client, public_id, forms[1]), join(client, public_id, forms[1])
    assert (first.status_code, second.status_code) == (200, 200)
    assert read_receipt(first.text) == read_receipt(second.text)
    [letter] = letters(database)
    assert (letter.state, letter.filed_as, letter.body) == ("filed", "question", "Does the canal run at night?")
    assert "reader asks this" not in client.get("/steppe/").text


def test_a_question_that_is_not_shown_any_more_can_not_be_joined(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    public_id = shown_question(database, newsroom)
    form = get_form_token(client)

    def hide(session: Any) -> None:
        from app.questions.models import Question

        questions.show(session, newsroom.nora, session.scalars(select(Question)).one(), False)

    database.write(hide)
    assert join(client, public_id, form).status_code == 409
    assert join(client, "ZZZZZZZZZZZZ", form).status_code == 409
    assert letters(database) == []


@pytest.mark.threat("network observer")
def test_the_form_is_light_and_needs_nothing_but_its_style(client: FlaskClient, newsroom: Newsroom) -> None:
    for path in ("/steppe/ask", "/steppe/"):
        page = client.get(path)
        assert len(page.data) < 30_000
        read = Page(page.text)
        assert [one.tag for one in read.tree.css("img, svg, style, [style]")] == []
        scripts = [one.attributes for one in read.tree.css("script")]  # a bonus, without which all is the same
        assert [one["src"] for one in scripts] == [
            f"/static/{current_version()}/{name}.js" for name in ("language", "proof")
        ]
        assert [name for one in read.tree.css("*") for name in one.attributes if name.startswith("on")] == []
        assert [one for one in read.urls if one.startswith(("http:", "https:", "//"))] == []
        assert page.headers["Cache-Control"] == "private, max-age=0"
        assert 'autocomplete="off"' in page.text


def test_words_meant_for_the_desk_are_cleaned_only_where_they_leave_it(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    assert send_question(client, body="Is\0 this \u202etrue\u202c?").status_code == 200
    [letter] = letters(database)
    assert letter.body == "Is this \u202etrue\u202c?"
    assert for_print(letter.body) == "Is this true?"
