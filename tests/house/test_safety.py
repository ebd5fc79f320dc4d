"""What readers rely on: their words, names and minutes stay where they were given, and go when they take them back."""

import logging
import re
import shutil
import socket
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.answers import assigning
from app.answers.assigning import Brief
from app.answers.models import Assignment
from app.core.actors import Clock, Reader
from app.core.clock import utc_now
from app.core.domain_errors import MissingPrecondition
from app.db.declarative import Base
from app.db.engine import Database
from app.db.session import now
from app.editions.models import Edition, EditionItem
from app.editions.queries import list_editions_to_run
from app.letters import blurred_time, contacts, receipts, receive
from app.letters.models import Contact, Letter
from app.mail import outbox
from app.mail.mail_templates import render_mail
from app.mail.mail_values import LetterMail
from app.mail.message import Sender
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.people.models import Expert
from app.questions import actions, notes, queries, wording
from app.questions.models import Note, Question, QuestionText
from app.server import worker
from app.typesetting.exports import EXPORTS
from app.workflows import invitations
from app.workflows.letters import withdrawal
from tests.support import reader_pages
from tests.support.assignments import ANSWER, ExpertAssignment, ask_expert, send_queued_mails
from tests.support.desk import Desk
from tests.support.pages import Browser
from tests.support.processes import run_site
from tests.support.sample_newsroom import Newsroom
from tests.support.waiting import WAIT_TIMEOUT

TODAY = utc_now().replace(hour=9, minute=0, second=0, microsecond=0)
# When the reader is at the keyboard: hours away from now, when the newsroom was founded.
AWAY = 10 if 12 <= utc_now().hour < 17 else 5
MINUTE = TODAY + timedelta(hours=AWAY, minutes=23, seconds=45, microseconds=678)
OWN_WORDS = "My cousin Zarina in Moynaq coughs from the salt. Who measures it?"


def write_in(database: Database, newsroom: Newsroom, nonce: str, body: str = OWN_WORDS, **more: Any) -> int:
    """A reader writes at `MINUTE`. Returns the letter's key."""

    def work(session: Session) -> int:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        form = receive.FormToken(nonce, 1)
        return receive.send(session, Reader(), newsletter, receive.Submission(body, **more), form=form).id

    return database.write(work, at=MINUTE)


def word_letter(database: Database, newsroom: Newsroom, letter: int, *, body: str = "", clear: bool = True) -> int:
    """Nora makes a question of a letter; without `body` its words are still the reader's own."""

    def work(session: Session) -> int:
        question = actions.open_question(session, newsroom.nora, [session.get_one(Letter, letter)], body=body)
        if clear:
            wording.clear(session, newsroom.nora, question, question.text_id or 0, reason="They want it so.")
        return question.id

    return database.write(work, at=TODAY)


def reword(database: Database, newsroom: Newsroom, question: int, body: str, *, clear: bool = False) -> None:
    def work(session: Session) -> None:
        one = session.get_one(Question, question)
        made = wording.reword(session, newsroom.ilya, one, headline="The salt", body=body)
        if clear:
            wording.clear(session, newsroom.nora, one, made.id, reason="They want it so.")

    database.write(work, at=TODAY)


def invite_leyla(database: Database, newsroom: Newsroom, question: int, brief: str = "") -> None:
    def work(session: Session) -> None:
        leyla = session.get_one(Expert, newsroom.leyla.expert_id)
        row = assigning.assign(session, newsroom.nora, session.get_one(Question, question), leyla, Brief(brief))
        invitations.invite(session, newsroom.nora, row)
        send_queued_mails(session)

    database.write(work, at=TODAY)


def take_back(database: Database, letter: int) -> None:
    def work(session: Session) -> None:
        row = session.get_one(Letter, letter)
        withdrawal.withdraw(session, receipts.reader_of(row), row)

    database.write(work, at=MINUTE)


def rows_of(database: Database) -> str:
    """Every value of every row."""
    with database.read() as session:
        return "\n".join(str(row) for table in Base.metadata.sorted_tables for row in session.execute(select(table)))


def mails_kept(database: Database) -> str:
    """What is in the mails whose contents are kept, sealed."""
    with database.read() as session:
        mails = [mail for mail in session.scalars(select(OutboxMail)) if outbox.has_contents(session, mail)]
        return "\n".join(str(outbox.read(session, mail)) for mail in mails)


def dump(database: Database) -> str:
    return f"{rows_of(database)}\n{mails_kept(database)}"


def list_question_texts(database: Database) -> list[str | None]:
    with database.read() as session:
        return list(session.scalars(select(QuestionText.body).order_by(QuestionText.id)))


# --- The words, the name and the address of who asked ---

PLANTED = ("Bakhtiyar", "Karasai", "bakhtiyar@post.example", "silver kettle", "cousin weighs", "lid is cracked")


@pytest.mark.threat("curious expert")
def test_what_readers_wrote_is_on_no_page_in_no_mail_no_export_no_trail_and_no_log(
    app: Flask, client: FlaskClient, database: Database, newsroom: Newsroom, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("sqlalchemy.engine").setLevel(logging.WARNING)
    receipt = reader_pages.read_receipt(reader_pages.send_question(
        client, body="What became of the silver kettle?", background="My cousin weighs it.", hear_back="while",
        email_while="bakhtiyar@post.example", credit="first", first="Bakhtiyar", place="Karasai",
    ).text)  # fmt: skip
    state = client.post("/steppe/receipt/add", data={"receipt": receipt, "more": "The lid is cracked."})
    reader_pages.send_question(client, body="Who took the silver kettle from the mill?")
    with database.read() as session:
        both = list(session.scalars(select(Letter.id).order_by(Letter.received_at, Letter.id)))
    public_id = reader_pages.publish_answer(database, newsroom, both)
    with database.read() as session:
        question = reader_pages.get_question(session, public_id)
        edition = session.get_one(Edition, question.edition_id).public_id
        mails = [(mail.kind, str(outbox.read(session, mail))) for mail in session.scalars(select(OutboxMail))]
        trail = "\n".join(str(tuple(row)) for row in session.execute(select(Base.metadata.tables["audit"])))
        link = next(found[0] for _, mail in mails if (found := re.search(r"/a/[\w-]+", mail)))
    assert [kind for kind, _ in mails] == ["expert.invitation", "desk.answer", "expert.published", "reader.news"]
    nora = Desk(app, newsroom.nora)
    pages = {address: client.get(address) for address in (
        "/steppe/", "/steppe/ask", "/steppe/answers", "/steppe/editions", f"/steppe/editions/{edition}",
        f"/steppe/q/{public_id}/the-silos", f"/steppe/report/{public_id}", "/steppe/feed.xml", "/steppe/calendar.ics",
        "/steppe/protection", "/steppe/receipt", "/steppe/nothing", link,
    )}  # fmt: skip
    exports = [nora.open(f"editions/{edition}/export.{export.suffix}") for export in EXPORTS.values()]
    assert {page.status_code for page in exports} == {200}
    texts = [page.data.decode(errors="replace") for page in (state, *pages.values(), *exports)]
    out = "\n".join([*texts, *(mail for kind, mail in mails if not kind.startswith("reader.")), trail, caplog.text])
    assert (len(caplog.records) > 0, [word for word in PLANTED if word in out]) == (True, [])
    assert [word for word in (*PLANTED[:2], *PLANTED[3:]) if word in mails[-1][1]] == []


@pytest.mark.threat("hosting provider")
def test_no_fault_of_the_database_tells_a_readers_words(
    client: FlaskClient, database: Database, newsroom: Newsroom, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(DBAPIError) as fault, database.writer.begin() as connection:
        connection.execute(text("SELECT :words FROM there_is_no_such_table"), {"words": OWN_WORDS})
    assert "Zarina" not in str(fault.value)
    with database.writer.begin() as connection:
        connection.execute(text("DROP TABLE contacts"))
    page = reader_pages.send_question(client, body=OWN_WORDS, hear_back="once", email_once="timur@post.example")
    assert page.status_code in (500, 503)
    assert [record.levelname for record in caplog.records if record.name == "app.web.errors"][-1:] == ["ERROR"]
    assert [word for word in ("Zarina", "timur@post") if word in caplog.text] == []


@pytest.mark.threat("hosting provider")
def test_the_servers_own_log_names_no_caller_and_no_address(
    tmp_path: Path, sqlite_template: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'newsroom.db')}"
    with run_site(url, tmp_path / "mail") as site:
        capfd.readouterr()
        for request in (b"GET / HTTP/1.1\r\nBad Header: y\r\n\r\n", b"G@T /a/secret HTTP/1.1\r\nHost: x\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", int(site.rpartition(":")[2])), timeout=WAIT_TIMEOUT) as line:
                line.sendall(request)
                assert line.recv(12) == b"HTTP/1.0 400"
        said = "".join(capfd.readouterr())
    assert [word for word in ("127.0.0.1", "secret") if word in said] == []


# --- The minute ---


@pytest.mark.threat("stolen database")
def test_of_a_reader_without_an_address_no_row_knows_the_minute(database: Database, newsroom: Newsroom) -> None:
    letter = write_in(database, newsroom, "a", credit="full", name="Timur Aliev", consent="Print it.")
    question = word_letter(database, newsroom, letter)
    invite_leyla(database, newsroom, question)

    def change(session: Session) -> None:
        row = session.get_one(Letter, letter)
        receipts.add(session, receipts.reader_of(row), row, "And since when?")
        withdrawal.change_credit(session, receipts.reader_of(row), row, "first", "Timur", "Osh", "Print it.")

    database.write(change, at=MINUTE)
    take_back(database, letter)
    with database.read() as session:
        known = [
            (table.name, column)
            for table in Base.metadata.sorted_tables
            for row in session.execute(select(table)).mappings()
            for column, value in row.items()
            if isinstance(value, datetime) and abs(value - MINUTE) < timedelta(hours=1)
        ]
        mail = session.scalars(select(OutboxMail).filter_by(kind="expert.cancelled")).one()
        assert (known, mail.due_at) == ([], TODAY.replace(hour=0) + timedelta(days=1))


@pytest.mark.threat("stolen database")
@pytest.mark.parametrize("zone", ["Asia/Bishkek", "Europe/Prague", "America/New_York"])
@pytest.mark.parametrize("hour", [2, 10, 20, 23])
def test_the_day_that_is_kept_has_begun_and_is_not_over(
    database: Database, newsroom: Newsroom, zone: str, hour: int
) -> None:
    """What is kept never lies ahead, and what waits for the end of that day still waits, wherever the newsletter is."""
    moment = TODAY.replace(hour=hour, minute=30)
    letter = write_in(database, newsroom, "a")

    def change(session: Session) -> datetime:
        session.get_one(Newsletter, newsroom.newsletter_id).zone = zone
        return blurred_time.stored_time(session, session.get_one(Letter, letter))

    kept = database.write(change, at=moment)
    assert (kept, kept <= moment < kept + timedelta(days=1)) == (TODAY.replace(hour=0), True)


# --- Taking back ---


@pytest.mark.threat("erased words")
def test_a_merged_question_loses_its_words_with_its_own_asker(database: Database, newsroom: Newsroom) -> None:
    zarina, dana = write_in(database, newsroom, "a"), write_in(database, newsroom, "b", "Who measures the salt?")
    hers = word_letter(database, newsroom, zarina)
    lead = word_letter(database, newsroom, dana, body="Who measures the salt in the wind?")
    database.write(
        lambda s: actions.merge(s, newsroom.nora, s.get_one(Question, hers), s.get_one(Question, lead)), at=TODAY
    )
    take_back(database, zarina)
    assert list_question_texts(database) == [None, "Who measures the salt in the wind?"]
    assert "Zarina" not in dump(database)


@pytest.mark.threat("erased words")
def test_a_wording_that_was_a_readers_own_goes_also_when_others_ask(database: Database, newsroom: Newsroom) -> None:
    zarina, dana = write_in(database, newsroom, "a"), write_in(database, newsroom, "b", "Who measures the salt?")
    question = word_letter(database, newsroom, zarina)
    reword(database, newsroom, question, "Who measures the salt in the wind?", clear=True)
    database.write(
        lambda s: actions.join(s, newsroom.nora, s.get_one(Question, question), [s.get_one(Letter, dana)]), at=TODAY
    )
    take_back(database, zarina)
    assert list_question_texts(database) == [None, "Who measures the salt in the wind?"]


@pytest.mark.threat("erased words")
def test_own_words_that_nobody_cleared_give_way_to_the_next_askers(database: Database, newsroom: Newsroom) -> None:
    zarina, dana = write_in(database, newsroom, "a"), write_in(database, newsroom, "b", "Who measures the salt?")
    question = word_letter(database, newsroom, zarina, clear=False)
    database.write(
        lambda s: actions.join(s, newsroom.nora, s.get_one(Question, question), [s.get_one(Letter, dana)]), at=TODAY
    )
    take_back(database, zarina)
    assert list_question_texts(database) == ["Who measures the salt?"]
    assert "Zarina" not in dump(database)


@pytest.mark.threat("erased words")
def test_the_brief_the_notes_and_the_mails_go_with_the_last_asker(database: Database, newsroom: Newsroom) -> None:
    letter = write_in(database, newsroom, "a")
    question = word_letter(database, newsroom, letter, body="Who measures the salt at the cannery?")
    database.write(
        lambda s: notes.note(s, newsroom.nora, s.get_one(Question, question), "She works at the cannery."), at=TODAY
    )
    invite_leyla(database, newsroom, question, brief="Think of the cannery.")
    assert dump(database).count("cannery") > 3
    take_back(database, letter)
    assert "cannery" not in rows_of(database)
    with database.read() as session:
        kept = [(mail.kind, mail.state) for mail in session.scalars(select(OutboxMail).order_by(OutboxMail.id))]
        assert kept == [
            ("expert.invitation", "sent"), ("expert.cancelled", "queued"), ("desk.letter_withdrawn", "queued")
        ]  # fmt: skip
        assert (session.scalars(select(Note)).all(), session.scalars(select(Assignment.brief)).all()) == ([], [""])

    def send_cancellation(session: Session) -> None:
        mail = session.scalars(select(OutboxMail).filter_by(state="queued", kind="expert.cancelled")).one()
        outbox.move(session, Clock(), mail, "send", sent_at=now(session))

    assert "cannery" in mails_kept(database)  # Leyla has to be told what it is that she need not answer
    database.write(send_cancellation, at=TODAY + timedelta(days=1))
    assert "cannery" not in mails_kept(database)


@pytest.mark.threat("stolen database and keys")
def test_an_address_does_not_outlive_its_day_in_a_mail_that_failed(database: Database, newsroom: Newsroom) -> None:
    letter = write_in(database, newsroom, "a", hear_back="while", email="timur@post.example")

    def fail(session: Session) -> None:
        about = LetterMail(opening="answered")
        message = render_mail("reader.news", Sender("The Steppe Letter"), "timur@post.example", "", about)
        mail = outbox.put(session, message, newsletter_id=newsroom.newsletter_id, letter_id=letter)
        outbox.move(session, Clock(), mail, "fail", said="550 no such mailbox")  # type: ignore[arg-type]

    database.write(fail, at=TODAY)
    assert "timur@post.example" in dump(database)
    database.write(worker.forget_overdue, at=TODAY + timedelta(days=91))
    assert "timur@post.example" not in dump(database)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Contact)) == 0


# --- The name ---


@pytest.fixture
def named_reader(client: FlaskClient, database: Database, newsroom: Newsroom) -> tuple[str, str]:
    """Timur's receipt, and the address of his answer, which ran under his full name."""
    receipt = reader_pages.read_receipt(reader_pages.send_question(client, credit="full", name="Timur Aliev").text)
    with database.read() as session:
        letter = session.scalars(select(Letter.id)).one()
    database.write(lambda s: contacts.verify_credit(s, newsroom.nora, s.get_one(Letter, letter), "called him"))
    public_id = reader_pages.publish_answer(database, newsroom, [letter])
    return receipt, f"/steppe/q/{public_id}/the-silos"


@pytest.mark.threat("erased words")
def test_a_longer_name_does_not_stay_where_it_ran_when_a_shorter_one_is_wanted(
    client: FlaskClient, named_reader: tuple[str, str]
) -> None:
    receipt, address = named_reader
    assert "Timur Aliev" in client.get(address).text
    same = {"receipt": receipt, "credit": "full", "name": "Timur Aliev"}
    assert client.post("/steppe/receipt/credit", data=same).status_code == 200
    assert "Timur Aliev" in client.get(address).text
    client.post(
        "/steppe/receipt/credit", data={"receipt": receipt, "credit": "first", "first": "Timur", "place": "Osh"}
    )
    assert "Timur" not in client.get(address).text + client.get("/steppe/feed.xml").text


@pytest.mark.threat("erased words")
def test_the_desk_can_unname_a_reader_where_it_ran(
    nora: Desk, client: FlaskClient, database: Database, named_reader: tuple[str, str]
) -> None:
    address = named_reader[1]
    with database.read() as session:
        letter = session.scalars(select(Letter.public_id)).one()
    nora.press(f"questions/{address.split('/')[3]}/askers/{letter}/unname")
    assert "Timur" not in client.get(address).text + client.get("/steppe/feed.xml").text


# --- What nobody has cleared ---


def test_new_words_are_not_public_before_an_editor_has_cleared_them(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    letter = write_in(database, newsroom, "a")
    question = word_letter(database, newsroom, letter, clear=False)

    def show(session: Session) -> None:
        actions.show(session, newsroom.nora, session.get_one(Question, question), True)

    with pytest.raises(MissingPrecondition) as refused:
        database.write(show)
    assert (refused.value.code, "Zarina" in client.get("/steppe/").text) == ("precondition.text_not_cleared", False)
    reword(database, newsroom, question, "Who measures the salt?", clear=True)
    database.write(show)
    assert "Who measures the salt?" in client.get("/steppe/").text
    reword(database, newsroom, question, "Who measures the salt in Moynaq?")
    assert "Who measures the salt" not in client.get("/steppe/").text
    with database.read() as session:
        assert queries.list_public_questions(session, newsroom.newsletter_id) == []


@pytest.mark.threat("curious expert")
def test_words_that_nobody_cleared_are_neither_exported_nor_locked(
    nora: Desk, client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    reader_pages.send_question(client)
    with database.read() as session:
        letter = session.scalars(select(Letter.id)).one()
    public_id = reader_pages.answer_letters(database, newsroom, [letter])
    with database.read() as session:
        key = reader_pages.get_question(session, public_id).id
        edition = list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
    reword(database, newsroom, key, "Who built the silos for Zarina?")
    exported = nora.open(f"editions/{edition.public_id}/export.txt").text
    assert ("Zarina" in exported, "Who built the silos, and who owns them now?" in exported) == (False, True)
    with pytest.raises(MissingPrecondition) as refused:
        reader_pages.lock_edition(database, newsroom)
    assert refused.value.code == "precondition.text_not_cleared"
    reword(database, newsroom, key, "Who built the silos?", clear=True)
    reader_pages.lock_edition(database, newsroom)
    reader_pages.send_edition(database, newsroom)
    with database.read() as session:
        assert session.scalars(select(EditionItem)).one().input["piece"]["question"] == "Who built the silos?"


@pytest.mark.threat("curious expert")
def test_the_expert_is_asked_in_cleared_words_only(database: Database, newsroom: Newsroom) -> None:
    salt: ExpertAssignment = ask_expert(database, newsroom)
    reword(database, newsroom, salt.question_id, "Who measures it in Orynbay?")

    def ask_marek(session: Session) -> None:
        marek = session.get_one(Expert, newsroom.marek.expert_id)
        row = assigning.assign(session, newsroom.nora, session.get_one(Question, salt.question_id), marek)
        invitations.invite(session, newsroom.nora, row)

    with pytest.raises(MissingPrecondition) as refused:
        database.write(ask_marek)
    assert refused.value.code == "precondition.text_not_cleared"


# --- The door ---


@pytest.mark.threat("flood", "guessed number")
def test_wrong_numbers_from_a_shared_address_keep_nobody_from_their_own(
    newsroom: Newsroom, limited_client: FlaskClient
) -> None:
    receipt = reader_pages.read_receipt(reader_pages.send_question(limited_client).text)
    guesses = [limited_client.post("/steppe/receipt", data={"receipt": f"{n:020d}"}).status_code for n in range(22)]
    assert guesses == [422] * 20 + [429] * 2
    assert limited_client.post("/steppe/receipt", data={"receipt": receipt}).status_code == 200
    assert "You took it back" in limited_client.post("/steppe/receipt/withdraw", data={"receipt": receipt}).text


@pytest.mark.threat("stranger at the door")
@pytest.mark.parametrize("path", ["/steppe", "/mails", "/expert", "//evil.example/steppe", "/steppe//receipt"])
def test_a_forged_host_leads_nowhere(path: str, client: FlaskClient, newsroom: Newsroom) -> None:
    page = client.get(path, headers={"Host": "evil.example"})
    assert (page.status_code, "Location" in page.headers, "evil" in page.text) == (421, False, False)
    assert "evil.example" not in client.get("/steppe/feed.xml").text


@pytest.mark.threat("network observer", "another site")
def test_every_answer_is_dressed_and_none_of_a_form_is_kept(client: FlaskClient, newsroom: Newsroom) -> None:
    answers = [
        client.get("/steppe/ask"), client.get("/nothing/"), client.get("/steppe/receipt/add"), client.get("/steppe"),
        client.post("/steppe/ask", data={"body": "x" * 300_000}), client.post("/sign-in"), client.get("/a/unknown"),
        client.post("/steppe/receipt", data={"receipt": "1"}),
    ]  # fmt: skip
    assert [page.status_code for page in answers] == [200, 404, 405, 308, 413, 400, 404, 422]
    for page in (*answers, client.get("/static/proof.js"), client.get("/static/nothing.css")):
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
    sheet = client.get("/static/reader.css").headers
    wanted = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
    assert {name: sheet.get(name) for name in wanted} == wanted, "a sheet runs and loads nothing"
    # An empty form of readers is found again by Back, with its words (docs/adr/0003).
    assert [page.headers["Cache-Control"] for page in answers] == ["private, max-age=0", *["no-store"] * 7]
    assert {page.headers.get("ETag") for page in answers} == {None}


@pytest.mark.threat("hostile words")
def test_a_nul_at_the_desk_is_a_clear_page(nora: Desk) -> None:
    for path in ("questions/%00", "letters/%00", "editions/%00", "questions?before=%00"):
        assert nora.open(path).status_code in (400, 404), path
    nora.press("letters", 400, act="question\0")


@pytest.mark.threat("curious expert", "another desk")
def test_a_link_of_one_assignment_opens_no_other_at_any_address(
    app: Flask, database: Database, newsroom: Newsroom
) -> None:
    leylas = ask_expert(database, newsroom)
    mareks = ask_expert(database, newsroom, "Is the lake coming back?", expert="marek")
    leyla = Browser(app)
    leyla.open(leylas.link)
    for act in ("draft", "send", "accept", "decline", "suggest", "ask", "take-back", "check", "report", "preview"):
        answer = leyla.press(f"/expert/assignments/{mareks.public_id}/{act}", answer=ANSWER, note="x", reason="no time")
        assert answer.status_code == 403
        leyla.open(leylas.link)
    assert mareks.state() == "invited"
