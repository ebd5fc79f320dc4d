"""A reader's mail is a letter like any other: sealed, filed with one key, taken back for good. R4, S1, M1."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.audit import Event
from app.core.actors import Clock
from app.core.domain_errors import InvalidTransition, MissingPrecondition, PermissionDenied, VersionConflict
from app.crypto.seal import Keys
from app.db.engine import Database
from app.letters import contacts, filing, mailed_letters, receipts
from app.letters.models import Letter
from app.mail import erasing, inbound, usage
from app.mail.models import Inbound, InboundRaw, Spent
from app.mailroom import integrity, retention
from app.newsletters.models import Newsletter
from app.workflows.key_rotation import rotate
from app.workflows.letters.withdrawal import withdraw
from tests.support.app import BASE_URL, SECRETS
from tests.support.database_checks import find_in_files, find_unerased
from tests.support.incoming_mails import DESK_ADDRESS, QUESTION, add_trace_headers, mail, vacation_mail
from tests.support.mailroom import NewsletterMailroom, get_time_after_newest_mail
from tests.support.sample_newsroom import Newsroom

PLANTED = ("salt in the wells", "timur@post.example", "Timur Aliev", "cannery")


@pytest.fixture
def room(database: Database, newsroom: Newsroom) -> NewsletterMailroom:
    return NewsletterMailroom(database, newsroom)


def newsletter_of(room: NewsletterMailroom, session: Session) -> Newsletter:
    return session.get_one(Newsletter, room.newsroom.newsletter_id)


def list_stored_raws(room: NewsletterMailroom) -> list[int]:
    """The mails whose bytes are there."""
    with room.database.read() as session:
        return list(session.scalars(select(InboundRaw.inbound_id).order_by(InboundRaw.inbound_id)))


def take_back(room: NewsletterMailroom, letter_id: int) -> None:
    def change(session: Session) -> None:
        letter = session.get_one(Letter, letter_id)
        withdraw(session, receipts.reader_of(letter), letter)

    room.database.write(change)


def from_pen(room: NewsletterMailroom, key: int, version: int | None = None) -> int:
    def change(session: Session) -> int:
        row = session.get_one(Inbound, key)
        return mailed_letters.take_from_pen(session, room.newsroom.ilya, newsletter_of(room, session), row, version).id

    return room.database.write(change)


@pytest.mark.threat("stolen database")
def test_a_letter_keeps_the_words_and_the_language_and_seals_the_address(room: NewsletterMailroom) -> None:
    row = room.receive(mail(body="Кто измеряет соль в ветре?\n\n-- \nТимур", Content_Language="ru"))
    (letter,) = room.list_letters()
    assert (letter.body, letter.language, letter.channel, letter.hear_back, letter.receipt_mac) == (
        "Кто измеряет соль в ветре?", "ru", "mail", "once", None,
    )  # fmt: skip
    assert (letter.received_at, letter.receipt_mailed) == (row.stored_at, False)
    with room.database.read() as session:
        assert contacts.email_of(session, session.get_one(Letter, letter.id)) == "timur@post.example"
        found = inbound.get_reading(session, session.get_one(Inbound, row.id))
        assert found is not None
        assert (found.from_name, found.subject, found.text, found.rest) == (
            "Timur Aliev", "A question", "Кто измеряет соль в ветре?", "--\nТимур",
        )  # fmt: skip


@pytest.mark.threat("stolen database")
def test_nothing_of_a_mail_stands_in_the_clear_but_the_letters_words(room: NewsletterMailroom) -> None:
    row = room.receive(mail(subject="Salt at Moynaq", attachments=[("kitchen-of-zarina.jpg", b"\xff\xd8")]))
    with room.database.read() as session:
        tables = [table for table in Letter.metadata.sorted_tables if table.name != "letters"]
        dump = "\n".join(str(values) for table in tables for values in session.execute(table.select()))
    words = (*PLANTED, "Moynaq", "kitchen-of-zarina", row.public_id)
    assert [word for word in words if word in dump] == [row.public_id]


def test_a_mail_from_no_usable_address_is_a_letter_without_one(room: NewsletterMailroom) -> None:
    room.receive(mail("Somebody <nobody@localhost>"))
    (letter,) = room.list_letters()
    assert (letter.hear_back, letter.state) == ("number", "received")
    with room.database.read() as session:
        assert contacts.email_of(session, session.get_one(Letter, letter.id)) is None


def test_a_long_letter_is_cut_and_an_empty_looking_one_is_held(room: NewsletterMailroom) -> None:
    room.receive(mail(body="Why is it so? " * 3_000))
    room.receive(mail(body="???"))
    assert [(len(letter.body or ""), letter.state, letter.held_reason) for letter in room.list_letters()] == [
        (20_000, "received", None),
        (3, "held", "no text"),
    ]


def test_the_desk_takes_a_mail_from_the_holding_pen_as_a_readers_letter_once(room: NewsletterMailroom) -> None:
    row = room.receive(mail(to="somebody@elsewhere.example", From=["timur@post.example", "a@b.example"]))
    assert row.state == "pen"
    with pytest.raises(VersionConflict):
        from_pen(room, row.id, version=row.version - 1)
    assert room.list_letters() == []
    key = from_pen(room, row.id, version=row.version)
    taken = room.get_mail(row.id)
    assert (taken.state, taken.letter_id, room.list_letters()[0].body) == ("letter", key, QUESTION)
    with pytest.raises(InvalidTransition):
        from_pen(room, row.id)
    assert (len(room.list_letters()), room.count_outgoing()) == (1, 0)


def test_a_mail_with_nothing_but_a_subject_says_that(room: NewsletterMailroom) -> None:
    row = room.receive(mail(subject="Who measures the salt?", body="", attachments=[("map.pdf", b"%PDF")]))
    assert (row.state, row.reasons) == ("pen", ["no words"])
    from_pen(room, row.id)
    assert room.list_letters()[0].body == "Who measures the salt?"


def test_a_mail_whose_bytes_are_gone_is_no_letter_any_more(room: NewsletterMailroom) -> None:
    row = room.receive(mail(body=""))
    room.database.write(lambda session: erasing.destroy(session, [row.id]))
    with pytest.raises(MissingPrecondition):
        from_pen(room, row.id)


@pytest.mark.threat("erased words")
def test_a_letter_that_was_taken_back_does_not_return(room: NewsletterMailroom) -> None:
    """The mail is delivered again by other servers, before and after; then from a mailbox that was made anew."""
    raw = mail()
    room.receive(raw)
    room.receive(add_trace_headers(raw, hop=1))
    room.store_mail(add_trace_headers(raw, hop=2))  # it waits while its reader takes the letter back
    take_back(room, room.list_letters()[0].id)
    room.place_mails()
    for number in range(3, 6):
        room.store_mail(add_trace_headers(raw, hop=number), source="imap", mailbox="box", uidvalidity=number, uid=1)
    room.place_mails()
    assert room.list_states() == ["letter"] + ["duplicate"] * 5
    assert [(letter.state, letter.body) for letter in room.list_letters()] == [("withdrawn", None)]
    assert list_stored_raws(room) == []
    with room.database.read() as session:
        assert integrity.check(session) == []
        tables = Letter.metadata.sorted_tables
        dump = "\n".join(str(values) for table in tables for values in session.execute(table.select()))
    assert [word for word in PLANTED if word in dump] == []


@pytest.mark.threat("erased words")
def test_the_bytes_of_a_letter_that_was_taken_back_are_in_no_file_of_the_database(room: NewsletterMailroom) -> None:
    row = room.receive(mail())
    with room.database.read() as session:
        sealed = bytes(session.get_one(InboundRaw, row.id).raw_sealed)[20:60]
    assert find_in_files(room.database, "salt in the wells") == ["salt in the wells"]
    take_back(room, room.list_letters()[0].id)
    assert find_unerased(room.database, sealed, "salt in the wells") == []


@pytest.mark.threat("stolen database and keys")
def test_when_a_readers_address_has_had_its_time_the_mail_goes_with_it(room: NewsletterMailroom) -> None:
    row = room.receive(mail())
    (letter,) = room.list_letters()
    room.database.write(lambda session: contacts.forget(session, Clock(), letter.id))
    assert (list_stored_raws(room), room.list_letters()[0].body, room.get_mail(row.id).state) == (
        [],
        QUESTION,
        "letter",
    )


@pytest.mark.threat("stolen database and keys")
def test_mails_are_destroyed_some_days_after_they_were_filed(room: NewsletterMailroom) -> None:
    letter_row = room.receive(mail())
    robot = room.receive(vacation_mail("timur@post.example", DESK_ADDRESS))
    again = room.receive(mail(body="", subject="nothing"))  # stays in the pen
    unfiled = room.receive(mail("aigerim@post.example", body="And who pays for it?"))
    at = get_time_after_newest_mail(room, 0)
    destroy = lambda days: room.database.write(retention.destroy_old, at + timedelta(days=days))  # noqa: E731
    assert (destroy(15), list_stored_raws(room)) == (1, [letter_row.id, again.id, unfiled.id])
    key = room.list_letters()[0].id
    room.database.write(
        lambda s: filing.file(s, room.newsroom.ilya, s.get_one(Letter, key), "tip"), at + timedelta(days=20)
    )
    assert (destroy(33), destroy(35)) == (0, 1)
    assert list_stored_raws(room) == [again.id, unfiled.id]
    assert room.get_mail(robot.id).state == "automatic"


def test_another_number_of_days_holds_for_what_is_there(room: NewsletterMailroom) -> None:
    room.receive(vacation_mail("timur@post.example", DESK_ADDRESS))
    room.database.write(lambda s: setattr(newsletter_of(room, s), "raw_days", 2))
    at = get_time_after_newest_mail(room, 0)
    assert room.database.write(retention.destroy_old, at + timedelta(days=1)) == 0
    assert room.database.write(retention.destroy_old, at + timedelta(days=3)) == 1


@pytest.mark.threat("stolen database and keys")
def test_what_was_counted_for_a_day_is_forgotten_after_it(room: NewsletterMailroom) -> None:
    room.receive(mail())
    at = get_time_after_newest_mail(room, 0)
    count = select(func.count()).select_from(Spent)
    with room.database.read() as session:
        assert session.scalar(count) == 1
    room.database.write(retention.destroy_old, at + timedelta(days=2))
    with room.database.read() as session:
        assert session.scalar(count) == 0


def test_counting_stops_at_the_most_and_tells_people_apart(room: NewsletterMailroom) -> None:
    def count(name: str) -> bool:
        return room.database.write(
            lambda s: usage.spend(s, "kind", name, get_time_after_newest_mail(room, 0).date(), limit=2)
        )

    room.receive(mail())
    assert [count("timur"), count("timur"), count("timur"), count("aigerim")] == [True, True, False, True]


def test_mails_are_sealed_again_with_the_newest_key(room: NewsletterMailroom) -> None:
    raw = mail()
    row = room.receive(raw)
    waits = room.store_mail(mail(body="It waits."))
    newer = Database(room.database.url, Keys({**SECRETS, 2: b"n" * 32}), BASE_URL)
    sum(rotate(newer))
    newest_only = Database(room.database.url, Keys({2: b"n" * 32}), BASE_URL)
    with newest_only.read() as session:
        found = session.get_one(Inbound, row.id)
        reading = inbound.get_reading(session, found)
        assert (inbound.get_raw(session, found), reading and reading.text) == (raw, QUESTION)
        assert inbound.get_raw(session, session.get_one(Inbound, waits)).endswith(b"It waits.")
    # A copy that comes after the change is known by the hash of the older key.
    with newer.read() as session:
        assert session.get_one(Inbound, row.id).content_mac is not None
    newer.close()
    newest_only.close()


@pytest.mark.threat("another desk")
def test_another_desk_and_a_reader_take_nothing_from_the_pen(room: NewsletterMailroom) -> None:
    row = room.receive(mail(body=""))

    def take(session: Session) -> None:
        mailed_letters.take_from_pen(session, Clock(), newsletter_of(room, session), session.get_one(Inbound, row.id))  # type: ignore[arg-type]

    with pytest.raises(PermissionDenied):
        room.database.write(take)
    assert room.get_mail(row.id).state == "pen"


def test_sorting_a_mail_says_what_it_is_and_stands_in_the_trail(room: NewsletterMailroom) -> None:
    row = room.receive(mail(body=""))
    room.database.write(lambda s: inbound.sort(s, room.newsroom.ilya, s.get_one(Inbound, row.id), "spam", row.version))
    with room.database.read() as session:
        events = session.scalars(select(Event).filter_by(noun="inbound", action="inbound.sort"))
        assert [(event.actor, event.old, event.new) for event in events] == [(room.newsroom.ilya.ref, "pen", "spam")]
