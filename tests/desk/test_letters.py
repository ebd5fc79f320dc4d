"""The letters on the desk: reading, filing, ending, several at once, and what somebody else did meanwhile."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from app.audit import Event
from app.core.actors import Mailroom, Reader
from app.core.clock import utc_now
from app.core.permissions import ROLES, Role
from app.db.engine import Database
from app.db.session import now
from app.editions.queries import list_editions_to_run
from app.editor.bulk import BULK_FORMS
from app.forms.version_tokens import encode_token
from app.letters import filing, mailed_letters, receipts, receive
from app.letters.models import Contact, Credit, Letter
from app.mail import inbound, outbox
from app.mail.inbound import MailContent
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.questions import actions
from app.questions.models import Question
from app.workflows.indexing import index_due
from app.workflows.letters.withdrawal import withdraw
from tests.support.database_checks import count_queries
from tests.support.desk import Desk, get_version
from tests.support.letters import change_letter, get_letter, list_checkbox_values, list_letter_ids, send_letter
from tests.support.sample_newsroom import Newsroom, create_answered_question, create_coast_newsletter

TAKES_LETTERS, OF_LETTERS = BULK_FORMS["letters"]
SALT = "who counts the salt in our orchard?"
FIGURES = "can a village ask for the salt figures"
MAIL = MailContent(
    from_name="Тимур",
    from_address="timur@post.example",
    subject="вопрос из Оша",
    text="Кто измеряет соль в ветре?",
    rest="> Ask The Steppe: The Salt Wind",
    attachments=(("соль.jpg", 2_000_000),),
    spam_score="5.3 of 6.0",
)
WIND = "ئۇ يەردە شامال قاچان توختايدۇ؟"


@pytest.mark.both_databases
def test_the_list_shows_what_waits_and_each_filter_has_an_address(nora, database, newsroom):
    salt, figures, wind = (send_letter(database, newsroom, body) for body in (SALT, FIGURES, WIND))
    held = send_letter(database, newsroom, "?! ?! …12345678 1")
    change_letter(database, figures, lambda session, letter: filing.file(session, newsroom.nora, letter, "tip"))
    change_letter(database, wind, lambda session, letter: filing.end(session, newsroom.nora, letter, "later"))
    assert get_letter(database, held).state == "held"
    listed = {
        state: list_letter_ids(nora.get(f"/letters?state={state}"))
        for state in ("new", "held", "filed", "ended", "all")
    }
    assert listed == {
        "new": [salt],
        "held": [held],
        "filed": [figures],
        "ended": [wind],
        "all": [held, wind, figures, salt],
    }
    assert list_letter_ids(nora.get("/letters")) == [salt, held]  # what is held stands apart, behind the rest
    nora.get("/letters?state=secret", 404)
    nora.get("/letters?before=0123456789AB", 404)


def test_a_letter_shows_its_words_and_never_an_address(nora, database, newsroom):
    public_id = send_letter(
        database, newsroom, WIND, background="I live by the lake.", hear_back="once", email="timur@post.example",
        credit="first", name="Timur", place="Osh", consent="Print my name.", language="ug",
    )  # fmt: skip
    page = nora.get(f"/letters/{public_id}")
    assert f'<blockquote class="asked" lang="ug" dir="auto">{WIND}</blockquote>' in page
    assert "I live by the lake." in page
    assert "“Timur, Osh”" in page
    assert "One mail, then the address is erased" in page
    assert "post.example" not in page


def test_a_mailed_letter_shows_what_it_replies_to_what_hung_on_it_and_what_was_cut(nora, database, newsroom):
    def fn(session):
        edition = list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
        edition.number = 60
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        row = inbound.store(session, b"as it came", source="imap", newsletter_id=newsletter.id)
        inbound.store_reading(session, row, MAIL)
        letter = mailed_letters.take(
            session, Mailroom(), newsletter,
            mailed_letters.MailedLetter(MAIL.text, MAIL.from_address, now(session), about_edition_id=edition.id),
        )  # fmt: skip
        inbound.place(session, Mailroom(), row, "letter", (), letter_id=letter.id, edition_id=edition.id)
        return letter.public_id

    public_id = database.write(fn)
    assert "Reply to 60</span>" in nora.get("/letters")
    page = nora.get(f"/letters/{public_id}")
    assert f'<blockquote class="asked asked--mail" lang="ru" dir="auto">{MAIL.text}</blockquote>' in page
    assert "<dt>Replies to the edition of</dt>" in page
    assert page.texts(".files li") == ["соль.jpg not looked at, 2.0 MB"]
    assert "<dd>5.3 of 6.0</dd>" in page
    assert f'<div class="note" dir="auto">{MAIL.rest}</div>' in page
    assert ">Spam or a robot<kbd" in page
    assert [words for words in ("post.example", "Тимур", "вопрос из Оша") if words in page] == []


def test_markup_in_a_letter_stays_text(nora, database, newsroom):
    public_id = send_letter(database, newsroom, "<script>alert(1)</script> who counts the salt?")
    response = nora.client.get(f"{nora.base_path}/letters/{public_id}")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; who counts" in response.text
    assert "<script>alert(1)" not in response.text


def test_what_a_reader_added_stands_with_the_letter(nora, database, newsroom):
    public_id = send_letter(database, newsroom, SALT)
    change_letter(
        database,
        public_id,
        lambda session, letter: receipts.add(session, receipts.reader_of(letter), letter, "I mean 2009."),
    )
    assert "I mean 2009." in nora.get(f"/letters/{public_id}")


@pytest.mark.parametrize("kind", ["comment", "tip", "unsubscribe", "spam"])
def test_one_press_files_a_letter_and_the_next_one_opens(nora, database, newsroom, kind):
    other, salt = send_letter(database, newsroom, FIGURES), send_letter(database, newsroom, SALT)
    seen = get_version(nora.get(f"/letters/{salt}"))
    led = nora.post(f"/letters/{salt}/file", kind=kind, version=seen)
    assert led == f"{nora.base_path}/letters/{other}"
    page = nora.get(led)
    assert f'<a href="{nora.base_path}/letters/{salt}">Open it again</a>' in page
    assert get_letter(database, salt).filed_as == kind


def test_a_letter_becomes_a_question_and_another_one_joins_it(nora, database, newsroom):
    salt, figures = send_letter(database, newsroom, SALT), send_letter(database, newsroom, FIGURES)
    led = nora.post(f"/letters/{salt}/file", kind="question", version="1")
    assert led == f"{nora.base_path}/letters/{figures}"  # something else is to be read
    [question] = nora.get(led).attributes(f'[role=status] a[href^="{nora.base_path}/questions/"]', "href")
    assert SALT in nora.get(question)
    led = nora.post(
        f"/letters/{figures}/file", kind="question", question_id=f"https://ask.newsroom.example{question}", version="1"
    )
    assert led == f"{nora.base_path}/letters"
    assert "2 readers are waiting." in nora.get(question)
    assert {get_letter(database, salt).question_id} == {get_letter(database, figures).question_id}
    nora.post(f"/letters/{figures}/file", kind="comment", version=get_letter(database, figures).version)
    assert "One reader is waiting." in nora.get(question)
    led = nora.post(f"/letters/{figures}/file", kind="question", version=get_letter(database, figures).version)
    assert FIGURES in nora.get(led)  # nothing else is: the new question comes next


def test_a_letter_joins_no_question_that_is_not_there_or_not_open(nora, database, newsroom):
    salt = send_letter(database, newsroom, SALT)
    nora.post(f"/letters/{salt}/file", 404, kind="question", question_id="0123456789AB", version="1")
    for unseen in ({}, {"version": ""}, {"version": "one"}, {"version": "-1"}, {"version": "9" * 40}):
        nora.post(f"/letters/{salt}/file", 409, kind="spam", **unseen)
        nora.post(f"/letters/{salt}/end", 409, reason="outside", **unseen)
    nora.post(f"/letters/{salt}/file", 404, kind="question", question_id="the one about salt", version="1")
    nora.post(f"/letters/{salt}/file", 400, kind="answer", version="1")
    assert (get_letter(database, salt).state, get_letter(database, salt).version) == ("received", 1)


def test_a_kind_ending_is_mailed_without_the_words_and_can_be_undone(nora, database, newsroom):
    salt = send_letter(database, newsroom, SALT, hear_back="while", email="dana@post.example")
    database.write(lambda session: create_answered_question(session, newsroom, "Salt"))
    nora.post(f"/letters/{salt}/end", 409, reason="because", version="1")
    nora.post(f"/letters/{salt}/end", reason="outside", version="1")
    assert (get_letter(database, salt).state, get_letter(database, salt).end_reason) == ("ended", "outside")
    with database.read() as session:
        mail = session.scalars(select(OutboxMail).filter_by(letter_id=get_letter(database, salt).id)).one()
        text = outbox.read(session, mail).text
    assert "outside what this newsletter can look into" in text
    assert "orchard" not in text
    nora.post(f"/letters/{salt}/reopen", version="2")
    assert get_letter(database, salt).state == "received"


def test_a_held_letter_is_released(nora, database, newsroom):
    held = send_letter(database, newsroom, "?! ?! …12345678 1")
    assert "Held: no words" in nora.get(f"/letters/{held}")
    nora.post(f"/letters/{held}/release", version="1")
    assert get_letter(database, held).state == "received"


def test_somebody_elses_filing_is_not_overwritten(nora, database, newsroom):
    salt = send_letter(database, newsroom, SALT)
    seen = get_version(nora.get(f"/letters/{salt}"))
    change_letter(database, salt, lambda session, letter: filing.file(session, newsroom.ilya, letter, "tip"))
    nora.post(f"/letters/{salt}/file", 409, kind="spam", version=seen)
    nora.post(f"/letters/{salt}/file", 409, kind="question", version=seen)
    nora.post(f"/letters/{salt}/end", 409, reason="later", version=seen)
    assert get_letter(database, salt).filed_as == "tip"
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Question)) == 0


def test_several_become_one_question(nora, database, newsroom):
    send_letter(database, newsroom, SALT)
    send_letter(database, newsroom, FIGURES)
    question = nora.post("/letters", act="question", letter=list_checkbox_values(nora.get("/letters")))
    page = nora.get(question)
    assert "2 letters belong to one question now." in page
    assert "2 readers are waiting." in page


@pytest.mark.parametrize("name", [name for name, action in OF_LETTERS.actions.items() if action.choose != "topic"])
def test_a_bulk_press_needs_the_acts_that_its_row_says_and_no_other(ilya, database, newsroom, monkeypatch, name):
    needed = {"read", TAKES_LETTERS, OF_LETTERS.actions[name].act or TAKES_LETTERS}
    send_letter(database, newsroom, SALT)
    for one in needed:
        monkeypatch.setitem(ROLES, "assistant", Role("few", frozenset(needed - {one} | {"read"})))
        assert (name in ilya.get("/letters").values("act")) == (one == "read")
    monkeypatch.setitem(ROLES, "assistant", Role("few", frozenset(needed)))
    led = ilya.post("/letters", act=name, reason="later", letter=list_checkbox_values(ilya.get("/letters")))
    said = {"question": "One letter belongs to the question now."}.get(name, "One letter is done.")
    assert said in ilya.get(led).notice


def test_letters_that_moved_meanwhile_are_left_alone_and_counted(nora, database, newsroom):
    salt, figures, wind = (send_letter(database, newsroom, body) for body in (SALT, FIGURES, WIND))
    ticked = list_checkbox_values(nora.get("/letters"))
    change_letter(database, figures, lambda session, letter: filing.file(session, newsroom.ilya, letter, "tip"))
    change_letter(database, wind, lambda session, letter: withdraw(session, receipts.reader_of(letter), letter))
    led = nora.post("/letters", act="spam", letter=ticked)
    page = nora.get(led)
    assert (
        "One letter is done. One stays as it is: A reader took their letter back, and its words were erased. " in page
    )
    assert "One stays as it is: Ilya Brandt filed the letter as: Tip." in page
    found = {
        public_id: (get_letter(database, public_id).state, get_letter(database, public_id).filed_as)
        for public_id in (salt, figures, wind)
    }
    assert found == {salt: ("filed", "spam"), figures: ("filed", "tip"), wind: ("withdrawn", None)}


def test_a_bulk_press_without_letters_or_with_a_strange_one_changes_nothing(nora, database, newsroom):
    salt = send_letter(database, newsroom, SALT)
    assert "Nothing was done. Select the letters first." in nora.get(nora.post("/letters", act="spam"))
    nora.post("/letters", act="question", letter=["0123456789AB.1", "nonsense", f"{salt}.x"])
    nora.post("/letters", 400, act="burn", letter=[f"{salt}.1"])
    assert (get_letter(database, salt).state, get_letter(database, salt).version) == ("received", 1)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Question)) == 0


def test_what_belongs_to_another_desk_is_not_there(nora, database, newsroom):
    def fn(session):
        coast = create_coast_newsletter(session)
        return receive.send(
            session, Reader(), coast, receive.Submission(SALT), form=receive.FormToken("coast", 1)
        ).public_id

    public_id = database.write(fn)
    nora.get(f"/letters/{public_id}", 404)
    nora.get("/desk/coast/letters", 404)
    nora.post(f"/letters/{public_id}/file", 404, kind="spam", version="1")
    nora.post("/letters", act="spam", letter=[f"{public_id}.1"])
    assert get_letter(database, public_id).state == "received"


def test_a_question_heard_at_an_event_is_written_down(nora, database, newsroom):
    led = nora.post(
        "/letters/new", body=SALT, channel="event", given_on="2022-10-20", credit="first", name="Timur", place="Osh", agreed="1",
        hear_back="number", language="",
    )  # fmt: skip
    page = nora.get(led)
    assert "Event" in page
    assert "“Timur, Osh”" in page
    letter = get_letter(database, led.rpartition("/")[2])
    assert (letter.channel, f"{letter.received_at:%Y-%m-%d}") == ("event", "2022-10-20")
    with database.read() as session:
        consent = session.scalars(select(Credit.consent_text)).one()
        assert session.scalar(select(func.count()).select_from(Contact)) == 0
    assert consent == "Agreed to be named, says Nora Lind, who wrote the question down."


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"body": ""}, "Write down the question"),
        ({"body": "no"}, "A question has at least two words or eight letters"),
        ({"body": "who? " * 500}, "A question has 2,000 characters at most"),
        ({"channel": "web"}, "Say how it came"),
        ({"given_on": "2999-01-01"}, "Give the day as a date that isn’t in the future"),
        ({"given_on": "soon"}, "Give the day as a date that isn’t in the future"),
        ({"hear_back": "once", "email": "dana at post"}, "This isn’t a valid e-mail address"),
        ({"credit": "full", "name": ""}, "Add the name, or choose not to name them"),
        ({"hear_back": "pigeon"}, "Choose one of the listed ways"),
    ],
)
def test_what_cannot_be_written_down_comes_back_with_all_that_was_typed(nora, database, newsroom, typed, said):
    whole = {
        "body": SALT, "background": "Heard in Osh.", "channel": "phone", "given_on": "2022-10-20", "credit": "none",
        "hear_back": "number", **typed,
    }  # fmt: skip
    page = nora.post("/letters/new", 422, **whole)
    assert said in page
    assert ">\nHeard in Osh.</textarea>" in page
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Letter)) == 0


@pytest.mark.both_databases
def test_the_list_takes_no_more_queries_for_sixty_letters_than_for_three(nora, app, database, newsroom):
    def fill(start: int, end: int) -> None:
        def fn(session):
            newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
            for number in range(start, end):
                ask = receive.Submission(f"{SALT} {number}")
                receive.send(session, Reader(), newsletter, ask, form=receive.FormToken(f"form {number}", 1))

        database.write(fn)

    fill(0, 3)
    few = count_queries(nora.database, lambda: nora.get("/letters"))
    fill(3, 60)
    assert (
        0 < count_queries(nora.database, lambda: nora.get("/letters")) <= few
    )  # what is held is asked for behind the rest
    page = nora.get("/letters")
    assert len(list_letter_ids(page)) == 40
    older = nora.get(page.attributes("[rel=next]", "href")[0])
    assert len(list_letter_ids(older)) == 20
    assert set(list_letter_ids(older)) & set(list_letter_ids(page)) == set()


def test_a_press_from_a_page_without_the_token_does_nothing(nora, database, newsroom):
    salt = send_letter(database, newsroom, SALT)
    response = nora.client.post(
        f"{nora.base_path}/letters/{salt}/file", data={"kind": "spam", "seen": encode_token({"version": 1})}
    )
    assert response.status_code == 400
    assert get_letter(database, salt).state == "received"


def test_whoever_is_not_signed_in_is_led_to_the_way_in(app, database, newsroom):
    salt = send_letter(database, newsroom, SALT)
    stranger = app.test_client()
    for path in ("/letters", f"/letters/{salt}", "/questions"):
        response = stranger.get(f"/desk/{newsroom.slug}{path}")
        assert (response.status_code, response.location.partition("?")[0]) == (303, "/sign-in")


def test_looking_changes_nothing(nora, database, newsroom):
    salt = send_letter(database, newsroom, SALT)
    public_id = database.write(
        lambda session: actions.open_question(session, newsroom.nora, [], headline="Salt", body=SALT).public_id
    )
    with database.read() as session:
        before = session.scalar(select(func.count()).select_from(Event))
    for path in (
        "/letters",
        f"/letters/{salt}",
        "/letters/new",
        "/questions",
        f"/questions/{public_id}",
        f"/questions/{public_id}/ask",
    ):
        nora.get(path)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == before


def test_a_letter_that_keeps_its_day_alone_is_as_old_as_the_calendar_says(
    nora: Desk, database: Database, newsroom: Newsroom
) -> None:
    letter = send_letter(database, newsroom, "Who measures the salt in the wind?")
    day = utc_now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)
    database.write(lambda s: s.execute(update(Letter).filter_by(public_id=letter).values(received_at=day)))
    assert nora.get("/letters").texts("li.row time") == ["3 days"]


def test_a_letter_of_today_is_of_today_on_every_page(nora: Desk, database: Database, newsroom: Newsroom) -> None:
    """Only its day is stored, so no page may count the hours since midnight."""
    letter = send_letter(database, newsroom, "Who measures the salt in the wind?")
    same = send_letter(database, newsroom, "Who measures the salt in this wind?")
    while index_due(database):
        pass
    home = nora.get("")
    assert [line.texts("time") for line in home.parts("li") if "Read 2 new letters" in line.main_text] == [["today"]]
    assert nora.get("letters").texts("li.row time") == ["today", "today"]
    assert nora.get_text("search?q=salt").count("To file, today") == 2
    assert "To file, today." in nora.get_text(f"letters/{letter}")
    nora.post(f"/letters/{same}/file", kind="question", version="1")
    question = next(href for _words, href in nora.get("questions").links if "/desk/steppe/questions/" in href)
    assert "A waiting letter: today." in nora.get(question.removeprefix("/desk/steppe")).main_text
