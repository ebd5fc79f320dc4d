"""Timur comes back with his number: it says how things stand, lets him add and change, and takes everything back."""

import logging
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.audit import Event
from app.db.declarative import Base
from app.db.engine import Database
from app.editions.models import Edition
from app.letters import contacts, filing
from app.letters.models import Addition, Contact, Credit, Letter
from app.questions.models import QuestionText
from app.workflows.letters.endings import end_letter
from tests.support.pages import Page
from tests.support.reader_pages import (
    answer_letters,
    get_form_token,
    lock_edition,
    publish_answer,
    read_receipt,
    send_edition,
    send_question,
)
from tests.support.sample_newsroom import Newsroom

PLANTED = ("silver kettle of the miller", "Bakhtiyar", "Karasai", "bakhtiyar@post.example", "my cousin weighs it")
PERSIAN, ARABIC, DEVANAGARI = "۰۱۲۳۴۵۶۷۸۹", "٠١٢٣٤٥٦٧٨٩", "०१२३४५६७८९"


def open_receipt(client: FlaskClient, receipt: str, act: str = "", slug: str = "steppe", **fields: Any) -> TestResponse:
    return client.post(f"/{slug}/receipt{act}", data={"receipt": receipt, **fields})


def get_current_step(page: str) -> str:
    [now] = Page(page).texts("[aria-current=step] > div > p > b")
    return now


@pytest.fixture
def timur(client: FlaskClient, newsroom: Newsroom) -> str:
    """Timur has asked, wants to be named and to hear back. His receipt."""
    return read_receipt(
        send_question(
            client, body=f"What became of the {PLANTED[0]}?", background=PLANTED[4], hear_back="while",
            email_while=PLANTED[3], credit="first", first=PLANTED[1], place=PLANTED[2],
        ).text
    )  # fmt: skip


def only_letter(database: Database) -> Letter:
    with database.read() as session:
        return session.scalars(select(Letter)).one()


@pytest.mark.parametrize("digits", [PERSIAN, ARABIC, DEVANAGARI], ids=["Persian", "Arabic", "Devanagari"])
def test_any_scripts_digits_open_the_state(digits: str, client: FlaskClient, timur: str) -> None:
    typed = "-".join(re.findall("....", "".join(digits[int(d)] for d in timur)))
    page = open_receipt(client, f" \u200f{typed} ")
    assert page.status_code == 200
    assert get_current_step(page.text) == "Nora Lind will read it"


def test_a_wrong_number_says_so_at_its_field_and_is_kept(client: FlaskClient, timur: str) -> None:
    wrong = f"{(int(timur) + 1) % 10**20:020d}"
    page = open_receipt(client, wrong)
    assert page.status_code == 422
    assert f'value="{wrong}"' in page.text
    [(place, said)] = Page(page.text).errors
    assert (place, said.startswith("No question has this number")) == ("receipt", True)
    assert open_receipt(client, "12").status_code == 422
    assert open_receipt(client, "").status_code == 422


@pytest.mark.threat("guessed number")
def test_guessing_is_limited_and_opening_ones_own_is_not(newsroom: Newsroom, limited_client: FlaskClient) -> None:
    receipt = read_receipt(send_question(limited_client).text)
    assert [open_receipt(limited_client, receipt).status_code for _ in range(25)] == [200] * 25
    guesses = [open_receipt(limited_client, f"{number:020d}").status_code for number in range(22)]
    assert guesses == [422] * 20 + [429] * 2


def test_the_way_is_told_step_by_step(client: FlaskClient, database: Database, newsroom: Newsroom, timur: str) -> None:
    steps = [get_current_step(open_receipt(client, timur).text)]
    letter = only_letter(database)
    database.write(lambda s: contacts.leave_unnamed(s, newsroom.nora, s.get_one(Letter, letter.id)))
    answer_letters(database, newsroom, [letter.id])
    steps.append(get_current_step(open_receipt(client, timur).text))
    lock_edition(database, newsroom)
    send_edition(database, newsroom)
    page = open_receipt(client, timur).text
    steps.append(get_current_step(page))
    assert steps == ["Nora Lind will read it", "It waits for its edition", "It ran in the newsletter"]
    [path] = [href for words, href in Page(page).links if words.startswith("Read the answer")]
    assert path.startswith("/steppe/q/")
    assert client.get(path).status_code == 200


def test_a_kind_ending_is_told_in_its_sentence(
    client: FlaskClient, database: Database, newsroom: Newsroom, timur: str
) -> None:
    key = only_letter(database).id
    database.write(lambda s: end_letter(s, newsroom.nora, s.get_one(Letter, key), "later"))
    page = open_receipt(client, timur).text
    assert get_current_step(page) == "It has ended"
    assert "We keep it in mind." in page


def test_a_comment_is_kept_with_thanks(client: FlaskClient, database: Database, newsroom: Newsroom, timur: str) -> None:
    key = only_letter(database).id
    database.write(lambda s: filing.file(s, newsroom.nora, s.get_one(Letter, key), "comment"))
    assert get_current_step(open_receipt(client, timur).text) == "Nora Lind has read it and keeps it"


def test_what_is_added_twice_by_a_reload_stands_there_once(client: FlaskClient, database: Database, timur: str) -> None:
    pages = [open_receipt(client, timur, "/add", more="The miller has moved.") for _ in range(2)]
    assert [page.status_code for page in pages] == [200, 200]
    empty = open_receipt(client, timur, "/add", more=" \n ")
    assert (empty.status_code, "Write what you would like to add." in empty.text) == (400, True)
    with database.read() as session:
        assert [addition.body for addition in session.scalars(select(Addition))] == ["The miller has moved."]


def test_what_is_too_long_or_too_much_to_add_is_said_and_stays_typed(
    client: FlaskClient, database: Database, newsroom: Newsroom, timur: str
) -> None:
    long = open_receipt(client, timur, "/add", more="The miller " * 200)
    assert (long.status_code, "longer than 2,000 characters" in long.text, "The miller " * 199 in long.text) == (
        400, True, True,
    )  # fmt: skip
    statuses = [open_receipt(client, timur, "/add", more=f"The miller moved {n} times.").status_code for n in range(21)]
    assert statuses == [200] * 20 + [400]
    again = open_receipt(client, timur, "/add", more="The miller moved 19 times.")  # a reloaded page
    more = open_receipt(client, timur, "/add", more="He moved once more.")
    assert (again.status_code, more.status_code) == (200, 400)
    said = "You have added to it twenty times, which is the limit."
    assert (said in more.text, "He moved once more." in more.text) == (True, True)
    with database.read() as session:
        assert len(session.scalars(select(Addition)).all()) == 20


def test_the_credit_can_be_changed_and_says_what_is_missing(
    client: FlaskClient, database: Database, timur: str
) -> None:
    missing = open_receipt(client, timur, "/credit", credit="first", first="Timur")
    assert (missing.status_code, '<a href="#place">' in missing.text) == (400, True)
    assert open_receipt(client, timur, "/credit", credit="full", name="Timur Osmanov").status_code == 200
    with database.read() as session:
        letter = session.scalars(select(Letter)).one()
        assert contacts.get_credit_name(session, letter) == "Timur Osmanov"
    assert open_receipt(client, timur, "/credit", credit="none").status_code == 200
    with database.read() as session:
        credit = session.scalars(select(Credit)).one()
        assert (credit.choice, credit.name_sealed, credit.consent_text) == ("none", None, None)


@pytest.mark.threat("erased words")
def test_taking_it_back_erases_it_at_once_and_for_good(client: FlaskClient, database: Database, timur: str) -> None:
    open_receipt(client, timur, "/add", more=PLANTED[4])
    taken = open_receipt(client, timur, "/withdraw")
    assert (taken.status_code, Page(taken.text).heading, get_current_step(taken.text)) == (
        200,
        "It is erased",
        "You took it back",
    )
    letter = only_letter(database)
    assert (letter.state, letter.body, letter.background, letter.verbatim, letter.language) == (
        "withdrawn", None, None, False, "und",
    )  # fmt: skip
    with database.read() as session:
        assert session.scalars(select(Contact)).all() == []
        assert session.scalars(select(Addition)).all() == []
        assert [credit.name_sealed for credit in session.scalars(select(Credit))] == [None]
        dump = "\n".join(str(row) for table in Base.metadata.sorted_tables for row in session.execute(table.select()))
    assert [word for word in PLANTED if word in dump] == []
    again = open_receipt(client, timur, "/withdraw")
    assert (again.status_code, get_current_step(again.text)) == (409, "You took it back")
    assert open_receipt(client, timur, "/add", more="One more thing.").status_code == 409


@pytest.mark.threat("erased words", "seized reader's device")
@pytest.mark.parametrize("then", ["send", "look", "choices", ""])
def test_what_was_taken_back_and_is_sent_again_is_told_so_and_not_stored(
    then: str, client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    """A browser that goes back offers to send the form once more, also the one whose words were too short before."""
    form = get_form_token(client)
    open_receipt(
        client, read_receipt(send_question(client, form=form, body=f"Where is the {PLANTED[0]}?").text), "/withdraw"
    )
    for body in (f"Where is the {PLANTED[0]}?", PLANTED[0], "silver"):
        page = client.post("/steppe/send", data={"form": form, "body": body, "then": then})
        read = Page(page.text)
        assert (page.status_code, read.heading, get_current_step(page.text)) == (
            409,
            "It is erased",
            "You took it back",
        )
        assert "The form that was sent again just now is not stored." in read.main_text
        assert (read.texts("p.code"), "silver" in page.text, "it has arrived" in page.text) == ([], False, False)
    letter = only_letter(database)
    assert (letter.state, letter.body) == ("withdrawn", None)


@pytest.mark.threat("erased words")
def test_the_desks_wording_goes_too_when_nobody_else_asks(
    client: FlaskClient, database: Database, newsroom: Newsroom, timur: str
) -> None:
    key = only_letter(database).id
    database.write(lambda s: contacts.leave_unnamed(s, newsroom.nora, s.get_one(Letter, key)))
    answer_letters(database, newsroom, [key], body="What became of the kettle?")
    assert open_receipt(client, timur, "/withdraw").status_code == 200
    with database.read() as session:
        assert [(t.body, t.headline) for t in session.scalars(select(QuestionText))] == [(None, "")]


def test_once_the_edition_is_locked_it_runs_without_the_name_and_the_receipt_says_so(
    client: FlaskClient, database: Database, newsroom: Newsroom, timur: str
) -> None:
    key = only_letter(database).id
    database.write(lambda s: contacts.verify_credit(s, newsroom.nora, s.get_one(Letter, key), "called him"))
    public_id = answer_letters(database, newsroom, [key])
    lock_edition(database, newsroom)
    assert "It appears there in the desk’s words, without a name." in open_receipt(client, timur, "/withdraw").text
    send_edition(database, newsroom)
    page = client.get(f"/steppe/q/{public_id}/the-silos").text
    assert "One reader, who isn’t named." in page
    assert [word for word in PLANTED if word in page] == []


def test_a_name_comes_off_the_page_where_it_ran_also_for_those_who_hold_a_copy(
    client: FlaskClient, database: Database, newsroom: Newsroom, timur: str
) -> None:
    key = only_letter(database).id
    database.write(lambda s: contacts.verify_credit(s, newsroom.nora, s.get_one(Letter, key), "called him"))
    public_id = publish_answer(database, newsroom, [key])
    before = client.get(f"/steppe/q/{public_id}/the-silos")
    assert before.text.count("Bakhtiyar, Karasai") == 2  # in the block as it ran, and under "Who asked"
    assert "Remove my name" in open_receipt(client, timur).text
    assert open_receipt(client, timur, "/credit", credit="none").status_code == 200
    after = client.get(f"/steppe/q/{public_id}/the-silos", headers={"If-None-Match": before.headers["ETag"]})
    assert (after.status_code, after.text.count("Bakhtiyar")) == (200, 0)


@pytest.mark.threat("mail provider", "seized reader's device")
def test_a_mailed_receipt_shows_the_state_and_takes_back_and_nothing_else(
    client: FlaskClient, database: Database, timur: str
) -> None:
    def mail_it(session: Any) -> None:
        session.scalars(select(Letter)).one().receipt_mailed = True

    database.write(mail_it)
    acts = [form.action for form in Page(open_receipt(client, timur).text).forms]
    assert [act for act in acts if act.startswith("/steppe/receipt/")] == ["/steppe/receipt/withdraw"]
    assert open_receipt(client, timur, "/add", more="Not mine.").status_code == 409
    assert open_receipt(client, timur, "/credit", credit="full", name="Somebody").status_code == 409
    with database.read() as session:
        assert session.scalars(select(Addition)).all() == []
    assert open_receipt(client, timur, "/withdraw").status_code == 200
    assert only_letter(database).state == "withdrawn"


@pytest.mark.threat("seized reader's device")
def test_nothing_that_a_reader_writes_gets_out(
    client: FlaskClient, database: Database, newsroom: Newsroom, timur: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("sqlalchemy.engine").setLevel(logging.WARNING)
    open_receipt(client, timur, "/add", more=PLANTED[4])
    letter = only_letter(database)
    dana = read_receipt(send_question(client, body="Who took the kettle from the mill?").text)
    with database.read() as session:
        both = list(session.scalars(select(Letter.id).order_by(Letter.received_at, Letter.id)))
    public_id = publish_answer(database, newsroom, both)
    with database.read() as session:
        address = session.scalars(select(Edition.public_id).filter_by(state="sent")).one()
        trail = "\n".join(str((e.action, e.actor, e.facts)) for e in session.scalars(select(Event)))
    pages = [
        client.get(path).text
        for path in (
            "/steppe/", "/steppe/ask", "/steppe/answers", "/steppe/editions", f"/steppe/editions/{address}",
            f"/steppe/q/{public_id}/the-silos", f"/steppe/report/{public_id}", "/steppe/feed.xml", "/steppe/calendar.ics",
            "/steppe/protection", "/steppe/receipt",
        )
    ]  # fmt: skip
    pages += [open_receipt(client, receipt).text for receipt in (timur, dana)]
    everywhere = "\n".join([*pages, trail, caplog.text])
    assert letter.hear_back == "while"
    assert [word for word in PLANTED if word in everywhere] == []
    assert [word for word in ("Who took the kettle", "127.0.0.1") if word in everywhere] == []


@pytest.mark.threat("network observer", "seized reader's device")
def test_the_receipt_is_in_no_address_and_no_title(client: FlaskClient, timur: str) -> None:
    for page in (open_receipt(client, timur), open_receipt(client, timur, "/add", more="And the lid?")):
        assert page.headers.get("Location") is None
        assert page.headers["Cache-Control"] == "no-store"
        read = Page(page.text)
        assert (read.title, len(read.urls) > 6) == ("The Steppe Letter", True)
        assert [text for text in (*read.urls, read.title) if timur in text or timur[:4] in text] == []
        assert read.attributes("input[type=hidden][name=receipt]", "value") == [timur] * 4


def test_a_receipt_opens_at_any_newsletter_of_the_house(
    client: FlaskClient, database: Database, newsroom: Newsroom, timur: str
) -> None:
    from app.newsletters.models import Newsletter

    def found_another(session: Any) -> None:
        steppe = session.get_one(Newsletter, newsroom.newsletter_id)
        columns = {
            c.key: getattr(steppe, c.key) for c in Newsletter.__table__.columns if c.key not in ("id", "public_id")
        }
        session.add(Newsletter(**{**columns, "slug": "nafas", "name": "نفس", "language": "fa", "languages": ["fa"]}))

    database.write(found_another)
    page = open_receipt(client, timur, slug="nafas").text
    assert get_current_step(page) == "Nora Lind will read it"
    assert 'action="/steppe/receipt/withdraw"' in page
