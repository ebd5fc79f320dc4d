"""Nora forwards a reader's mail to the desk's own address: it becomes that reader's letter, and in any doubt it waits."""

from itertools import product

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.core.actors import Clock
from app.db.engine import Database
from app.letters import contacts, mailed_letters, receipts
from app.letters.models import Letter
from app.mail import inbound
from app.mail.models import Inbound
from app.mail.reply_address import forward_address, is_forward
from app.newsletters.models import Newsletter
from app.people import directory
from app.workflows.letters.withdrawal import withdraw
from app.workflows.newsletters import pausing
from tests.support.desk import Desk
from tests.support.desk_people import create_delta_newsletter
from tests.support.incoming_mails import (
    DESK_ADDRESS,
    FORWARD_ADDRESS,
    FORWARD_LANGUAGES,
    FORWARD_PROGRAMS,
    FORWARDED_ADDRESS,
    MX,
    NORAS_ADDRESS,
    dmarc_pass,
    forward_as_attachments,
    forward_mail,
    forwarded_mail,
    mail,
)
from tests.support.mailroom import LEYLAS_ADDRESS, LIST_ADDRESS, NewsletterMailroom
from tests.support.sample_newsroom import Newsroom


@pytest.fixture
def room(database: Database, newsroom: Newsroom) -> NewsletterMailroom:
    return NewsletterMailroom(database, newsroom)


def email_of(room: NewsletterMailroom, letter: Letter) -> str | None:
    with room.database.read() as session:
        return contacts.email_of(session, session.get_one(Letter, letter.id))


def get_reasons(room: NewsletterMailroom, raw: bytes) -> tuple[str | None, list[str]]:
    row = room.receive(raw)
    return row.state, list(row.reasons)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # where the database makes no difference
@pytest.mark.parametrize("program", FORWARD_PROGRAMS)
def test_what_each_program_forwards_is_the_readers_letter_in_every_language(
    room: NewsletterMailroom, program: str
) -> None:
    for language, page in product(FORWARD_LANGUAGES, (True, False)):
        row = room.receive(forward_mail(program, language, with_html=page))
        letter, tongue = room.list_letters()[-1], FORWARD_LANGUAGES[language]
        assert (row.state, list(row.reasons)) == ("letter", []), (language, page, row.reasons)
        assert (letter.body, letter.desk_note, letter.author) == (tongue.question, tongue.comment, "reader"), (
            language,
            page,
        )
        assert email_of(room, letter) == FORWARDED_ADDRESS
        assert letter.forwarded_by_id == room.newsroom.nora.person_id


def test_a_page_without_plain_text_is_read_too(room: NewsletterMailroom) -> None:
    for program in ("gmail", "outlook", "apple"):
        raw = forward_mail(program).replace(b"Content-Type: text/plain", b"Content-Type: text/x-nothing", 1)
        assert get_reasons(room, raw) == ("letter", []), program
    assert {letter.body for letter in room.list_letters()} == {FORWARD_LANGUAGES["en"].question}


def test_without_a_comment_there_is_no_note(room: NewsletterMailroom) -> None:
    room.receive(forward_mail("thunderbird", comment=""))
    assert [(letter.body, letter.desk_note) for letter in room.list_letters()] == [
        (FORWARD_LANGUAGES["en"].question, None)
    ]


def test_a_mail_that_hangs_on_it_is_read_like_any_other(room: NewsletterMailroom) -> None:
    inner = mail(body="Who weighs the salt?\n\n-- \nTimur\ncannery worker", to="nora@desk.example")
    assert get_reasons(room, forward_as_attachments(inner)) == ("letter", [])
    [letter] = room.list_letters()
    assert (letter.body, letter.desk_note) == ("Who weighs the salt?", "Please take this one.")
    assert email_of(room, letter) == FORWARDED_ADDRESS


def test_what_the_reader_quotes_of_the_newsletter_is_cut(room: NewsletterMailroom) -> None:
    words = (
        f"Who weighs it?\n\nOn Mon, 12 Oct 2026 at 10:00, The Steppe Letter <{LIST_ADDRESS}> wrote:\n"
        "> We asked about salt.\n"
    )
    room.receive(forward_mail("gmail", question=words, with_html=False))
    outlook = (
        f"Who counts it?\n\nFrom: The Steppe Letter <{LIST_ADDRESS}>\nSent: Monday, October 12, 2026 9:00 AM\n"
        f"To: Timur <{FORWARDED_ADDRESS}>\nSubject: Salt\n\nWe asked about salt.\n"
    )
    room.receive(forward_mail("outlook", question=outlook, with_html=False))
    assert [letter.body for letter in room.list_letters()] == ["Who weighs it?", "Who counts it?"]


ANOTHER = "Dana Orlova <dana@post.example>"
TWICE = "\n---------- Forwarded message ---------\nFrom: Dana Orlova <dana@post.example>\nDate: Mon, Oct 12, 2026\nSubject: Salt\nTo: <timur@post.example>\n\nWho weighs it?"
DOUBTS = {
    "nothing forwarded": (lambda: forwarded_mail("Look at this."), ["no forward"]),
    "an author without an address": (lambda: forward_mail("outlook", author="Timur Aliev", with_html=False), ["no author"]),
    "an author with two addresses": (
        lambda: forward_mail("gmail", author=f"Timur <{FORWARDED_ADDRESS}>, Dana <dana@post.example>", with_html=False),
        ["no author"],
    ),
    "a forward of a forward": (lambda: forward_mail("gmail", question=f"See below.{TWICE}", with_html=False), ["two forwards"]),
    "a forward of a forward by Outlook": (
        lambda: forward_mail("outlook", question=(
            "From: Dana Orlova <dana@post.example>\nSent: Monday, October 12, 2026 9:00 AM\nTo: Timur Aliev\nSubject: Salt\n\nWho?"
        ), with_html=False), ["two forwards"],
    ),
    "two that hang on it": (lambda: forward_as_attachments(mail(), mail(ANOTHER)), ["two forwards"]),
    "one that hangs on it and holds another": (
        lambda: forward_as_attachments(mail(body=f"See below.\n{TWICE}")), ["two forwards"],
    ),
    "words below what Apple Mail quotes": (
        lambda: forwarded_mail(forward_text("apple") + "\nI am not sure about this one.\n"), ["own words mixed"],
    ),
    "words below Gmail's container": (
        lambda: forwarded_mail("", forward_page("gmail") + "<div>I am not sure about this one.</div>"),
        ["own words mixed"],
    ),
    "Nora's own mail": (lambda: forward_mail("gmail", author=NORAS_ADDRESS, with_html=False), ["forwarded from the desk"]),
    "the newsletter itself": (lambda: forward_mail("gmail", author=f"Letter <{LIST_ADDRESS}>", with_html=False), ["forwarded from the desk"]),
}  # fmt: skip


def forward_text(program: str) -> str:
    tongue = FORWARD_LANGUAGES["en"]
    return FORWARD_PROGRAMS[program](tongue, f"Timur <{FORWARDED_ADDRESS}>", tongue.question, tongue.comment)[0]


def forward_page(program: str) -> str:
    tongue = FORWARD_LANGUAGES["en"]
    return FORWARD_PROGRAMS[program](tongue, f"Timur <{FORWARDED_ADDRESS}>", tongue.question, tongue.comment)[1] or ""


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_in_doubt_it_waits_with_its_reason(room: NewsletterMailroom) -> None:
    found = {name: get_reasons(room, make()) for name, (make, _reasons) in DOUBTS.items()}
    assert found == {name: ("pen", reasons) for name, (_make, reasons) in DOUBTS.items()}
    assert room.list_letters() == []


FORGED = {
    "nobody checked it": (lambda: forward_mail("gmail", authentication_results="none"), ["forged or foreign results"]),
    "it fails": (
        lambda: forward_mail("gmail", authentication_results=f"{MX}; dmarc=fail header.from=desk.example"),
        ["failed"],
    ),
    "it is of another house": (
        lambda: forward_mail("gmail", authentication_results=dmarc_pass("nora@evil.example")),
        ["not aligned"],
    ),
    "a reader": (lambda: forward_mail("gmail", sender="Dana <dana@post.example>"), ["forwarded by a stranger"]),
    "an expert": (lambda: forward_mail("gmail", sender=f"Leyla <{LEYLAS_ADDRESS}>"), ["forwarded by a stranger"]),
}


def test_a_forged_colleague_and_a_stranger_make_no_letter(room: NewsletterMailroom) -> None:
    found = {name: get_reasons(room, make()) for name, (make, _reasons) in FORGED.items()}
    assert {name: place for name, (place, _) in found.items()} == dict.fromkeys(FORGED, "pen")
    for name, (_make, reasons) in FORGED.items():
        assert set(reasons) <= set(found[name][1]), found[name]
    assert room.list_letters() == []


def test_proof_below_our_received_proves_nothing(room: NewsletterMailroom) -> None:
    proof = f"Authentication-Results: {dmarc_pass('nora@desk.example')}\r\n".encode()
    raw = forward_mail("gmail")
    head, _, rest = raw.partition(proof)
    moved = head + rest
    end = moved.index(b"\r\n", moved.index(b"Received:")) + 2
    assert get_reasons(room, moved[:end] + proof + moved[end:])[0] == "pen"
    assert room.list_letters() == []


def test_whoever_left_the_desk_or_is_of_another_forwards_nothing(room: NewsletterMailroom) -> None:
    room.database.write(create_delta_newsletter)
    room.database.write(
        lambda s: directory.give_role(
            s, Clock(), directory.add_person(s, Clock(), "Olga", "olga@desk.example"), 2, "admin"
        )
    )
    assert get_reasons(room, forward_mail("gmail", sender="Olga <olga@desk.example>")) == (
        "pen",
        ["forwarded by a stranger"],
    )
    room.database.write(lambda s: s.execute(text("UPDATE memberships SET disabled_at = joined_at")))
    assert get_reasons(room, forward_mail("outlook")) == ("pen", ["forwarded by a stranger"])


def test_an_experts_mail_waits_with_what_they_were_asked(room: NewsletterMailroom) -> None:
    asked, _address = room.invite_expert()
    row = room.receive(forward_mail("gmail", author=f"Leyla Aydın <{LEYLAS_ADDRESS}>", question="We put up plates."))
    assert (row.state, list(row.reasons), row.assignment_id) == ("pen", ["an expert's address"], asked.assignment_id)
    with room.database.read() as session:
        reading = inbound.get_reading(session, session.get_one(Inbound, row.id))
        assert reading is not None
        assert (reading.text, reading.from_address, reading.comment) == (
            "We put up plates.",
            LEYLAS_ADDRESS,
            FORWARD_LANGUAGES["en"].comment,
        )


def test_a_doubtful_one_taken_from_the_pen_never_has_the_editors_address(room: NewsletterMailroom) -> None:
    rows = [
        room.receive(raw)
        for raw in (forwarded_mail("Look at this."), forward_mail("outlook", author="Timur Aliev", with_html=False))
    ]

    def take(session: Session, key: int) -> int:
        newsletter = session.get_one(Newsletter, room.newsroom.newsletter_id)
        return mailed_letters.take_from_pen(session, room.newsroom.ilya, newsletter, session.get_one(Inbound, key)).id

    for row in rows:
        room.database.write(lambda session, key=row.id: take(session, key))
    assert [(letter.body, email_of(room, letter), letter.hear_back) for letter in room.list_letters()] == [
        ("Look at this.", None, "number"), (FORWARD_LANGUAGES["en"].question, None, "number"),
    ]  # fmt: skip


def test_a_reader_takes_it_back_with_the_note(room: NewsletterMailroom) -> None:
    room.receive(forward_mail("gmail"))
    [letter] = room.list_letters()
    room.database.write(
        lambda s: withdraw(s, receipts.reader_of(s.get_one(Letter, letter.id)), s.get_one(Letter, letter.id))
    )
    [gone] = room.list_letters()
    assert (gone.body, gone.desk_note, gone.state) == (None, None, "withdrawn")


def test_it_is_not_acknowledged_and_comes_once(room: NewsletterMailroom) -> None:
    room.database.write(lambda s: setattr(s.get_one(Newsletter, room.newsroom.newsletter_id), "acknowledges", True))
    raw = forward_mail("gmail")
    assert [room.receive(raw).state, room.receive(raw).state, room.count_outgoing()] == ["letter", "duplicate", 0]


def test_a_closed_newsletter_takes_none(room: NewsletterMailroom) -> None:
    room.database.write(lambda s: pausing.close(s, Clock(), s.scalars(select(Newsletter)).one(), ""))
    assert get_reasons(room, forward_mail("gmail")) == ("pen", ["newsletter closed"])


def test_a_domain_of_tokens_has_its_address_too(database: Database, newsroom: Newsroom) -> None:
    room = NewsletterMailroom(database, newsroom, inbox="*@reply.steppe.example")
    assert get_reasons(room, forward_mail("gmail", to="forward@reply.steppe.example")) == ("letter", [])


def test_the_address_is_known_in_what_servers_make_of_it() -> None:
    assert (forward_address(DESK_ADDRESS), forward_address("*@reply.steppe.example")) == (
        FORWARD_ADDRESS,
        "forward@reply.steppe.example",
    )
    for written in (
        FORWARD_ADDRESS,
        FORWARD_ADDRESS.upper(),
        f"<{FORWARD_ADDRESS}>",
        "ask%2Bforward@steppe.example",
        "IMCEASMTP-ask+2Bforward+40steppe+2Eexample@x.example",
    ):
        assert is_forward([written], DESK_ADDRESS), written
    for other in (
        DESK_ADDRESS,
        "ask+forwards@steppe.example",
        "forward@steppe.example",
        f"{FORWARD_ADDRESS}.evil.example",
        "",
    ):
        assert not is_forward([other], DESK_ADDRESS), other


def test_the_desk_sees_the_note_and_who_forwarded_it_and_where_to(nora: Desk, ilya: Desk, newsroom: Newsroom) -> None:
    assert "Forward their mail to this address" not in nora.get_text("letters")
    room = NewsletterMailroom(nora.database, newsroom)
    room.receive(forward_mail("gmail"))
    page = ilya.get(f"letters/{room.list_letters()[0].public_id}")
    assert FORWARD_LANGUAGES["en"].comment in page.main_text and "forwarded by Nora Lind" in page.main_text
    assert FORWARDED_ADDRESS not in page.main_text
    for path in ("letters", "settings/mail"):
        assert nora.get(path).attributes(".public button[data-text]", "data-text") == [FORWARD_ADDRESS], path
    row = room.receive(forward_mail("gmail", author=NORAS_ADDRESS, with_html=False))
    assert "The author of the forwarded mail is somebody of this desk" in nora.get_text(f"pen/{row.public_id}")
