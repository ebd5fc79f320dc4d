"""What comes in by mail gives away nothing that the product hides elsewhere, and a copy of a mail holds back no honest one."""

from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.actors import Clock, Reader
from app.db.engine import Database
from app.db.session import now
from app.letters.models import Letter
from app.mail import inbound, outbox
from app.mail.mail_templates import render_mail
from app.mail.mail_values import LetterMail
from app.mail.message import Sender
from app.mail.models import Inbound, InboundRaw, OutboxMail
from app.mail.reply_address import bounce_address
from app.mailroom import retention
from app.mailroom.placing import place_due
from app.newsletters.models import Newsletter
from app.workflows.letters.withdrawal import withdraw
from tests.support.incoming_mails import DESK_ADDRESS, QUESTION, bounce_mail, dmarc_pass, mail, vacation_mail
from tests.support.mailroom import LEYLAS_ADDRESS, NewsletterMailroom, get_time_after_newest_mail, start_mail_reader
from tests.support.mailroom import SETTINGS as HOUSE
from tests.support.sample_newsroom import Newsroom

WORDS = "We measure it at the station, every morning at six."


@pytest.fixture
def room(database: Database, newsroom: Newsroom) -> NewsletterMailroom:
    return NewsletterMailroom(database, newsroom)


def read_of(room: NewsletterMailroom, key: int) -> inbound.MailContent | None:
    with room.database.read() as session:
        return inbound.get_reading(session, room.get_mail(key)) if inbound.has_bytes(session, key) else None


def send_mail(room: NewsletterMailroom, **about: object) -> OutboxMail:
    """A mail to a reader or to the desk, which a server has taken."""

    def send(session: Session) -> OutboxMail:
        message = render_mail(
            "reader.news", Sender("Steppe"), "timur.aliev@post.example", "", LetterMail(sentence="It ran.")
        )
        one = outbox.put(session, message, newsletter_id=room.newsroom.newsletter_id, **about)
        assert one is not None
        outbox.move(session, Clock(), one, "send", sent_at=now(session))
        return one

    return room.database.write(send)


def letter_of(room: NewsletterMailroom) -> Letter:
    row = room.receive(mail())
    with room.database.read() as session:
        return session.get_one(Letter, row.letter_id)


@pytest.mark.threat("forged expert")
def test_what_an_expert_quotes_of_the_invitation_opens_nothing_for_the_desk(room: NewsletterMailroom) -> None:
    _, address = room.invite_expert()
    with room.database.read() as session:
        invitation = outbox.read(session, session.scalars(select(OutboxMail)).one())
    link = next(word for word in invitation.text.split() if "/a/" in word)
    quoted = "".join(f"> {line}\n" for line in invitation.text.splitlines())
    body = f"{WORDS} Is {link} still right?\n\nOn Monday Nora Lind wrote:\n{quoted}"
    row = room.receive(mail(LEYLAS_ADDRESS, address, body=body, Authentication_Results=dmarc_pass(LEYLAS_ADDRESS)))
    found = read_of(room, row.id)
    assert row.state == "letter" and found is not None
    assert (found.text, found.rest.count("/a/…")) == (f"{WORDS} Is {link.rpartition('/')[0]}/… still right?", 1)
    assert link not in found.text + found.rest + str(room.list_letters()[0].body)


def test_a_notice_that_comes_back_tells_the_desk_no_address(room: NewsletterMailroom) -> None:
    mail_out = send_mail(room, letter_id=letter_of(room).id)
    said = "550 5.1.1 Timur Aliev, Nukus: mailbox disabled"
    row = room.receive(bounce_mail(DESK_ADDRESS, "timur.aliev@post.example", mail_out.message_id, diagnostic=said))
    away = room.receive(vacation_mail("timur.aliev@post.example", DESK_ADDRESS, mail_out.message_id))
    assert [(one.state, one.outbox_id, read_of(room, one.id)) for one in (row, away)] == [
        ("bounce", mail_out.id, None), ("automatic", mail_out.id, None),
    ]  # fmt: skip
    with room.database.read() as session:
        back = session.get_one(OutboxMail, mail_out.id)
        assert (back.state, back.said) == ("failed", "5.1.1 550 5.1.1")


@pytest.mark.threat("erased words")
def test_what_is_withdrawn_leaves_nothing_of_it_in_mails_about_it(room: NewsletterMailroom) -> None:
    letter = letter_of(room)
    mail_out = send_mail(room, letter_id=letter.id)
    room.receive(bounce_mail(DESK_ADDRESS, "timur.aliev@post.example", mail_out.message_id))
    room.database.write(lambda s: withdraw(s, Reader(letter.id), s.get_one(Letter, letter.id)))
    with room.database.read() as session:
        assert (session.get_one(OutboxMail, mail_out.id).said, list(session.scalars(select(InboundRaw)))) == (None, [])


@pytest.mark.threat("erased words")
def test_what_an_expert_quotes_goes_with_the_question(room: NewsletterMailroom) -> None:
    salt, address = room.invite_expert()
    room.receive(mail(LEYLAS_ADDRESS, address, body=WORDS, Authentication_Results=dmarc_pass(LEYLAS_ADDRESS)))
    room.receive(mail("evil@evil.example", address, body="I am Leyla"))
    assert room.list_states() == ["letter", "pen"]
    with room.database.read() as session:
        asker = session.scalars(select(Letter).filter_by(question_id=salt.question_id)).one()
    room.database.write(lambda s: withdraw(s, Reader(asker.id), s.get_one(Letter, asker.id)))
    with room.database.read() as session:
        assert list(session.scalars(select(InboundRaw))) == []


@pytest.mark.parametrize(
    ("marks", "location"),
    [({"X_Spam_Flag": "YES"}, "spam"), ({"List_Id": "<friends.lists.example>"}, "automatic"), ({"Auto_Submitted": "auto-replied"}, "automatic")],
)  # fmt: skip
def test_a_copy_that_went_elsewhere_holds_back_no_honest_mail(
    room: NewsletterMailroom, marks: dict[str, str], location: str
) -> None:
    for more in (marks, {}, {}, marks):
        room.receive(mail(Message_ID="<1@post.example>", **more))
    assert room.list_states() == [location, "letter", "duplicate", "duplicate"]


def test_an_unchecked_copy_in_the_pen_holds_back_no_answer_and_can_be_put_away(room: NewsletterMailroom) -> None:
    _, address = room.invite_expert()
    copies = [{}, {}, {"Authentication_Results": dmarc_pass(LEYLAS_ADDRESS)}]
    rows = [
        room.receive(mail(LEYLAS_ADDRESS, address, body=WORDS, Message_ID="<1@field.example>", **more))
        for more in copies
    ]
    assert [row.state for row in rows] == ["pen", "duplicate", "letter"]
    room.database.write(lambda s: inbound.sort(s, room.newsroom.nora, s.get_one(Inbound, rows[0].id), "spam"))
    assert room.receive(mail(LEYLAS_ADDRESS, address, body=WORDS, Message_ID="<1@field.example>")).state == "duplicate"


def test_the_same_words_with_another_file_are_another_mail(room: NewsletterMailroom) -> None:
    for content in (b"one", b"two", b"one"):
        room.receive(mail(Message_ID="<1@post.example>", attachments=[("a.pdf", content)]))
    assert room.list_states() == ["letter", "letter", "duplicate"]


def river(room: NewsletterMailroom) -> int:
    """A second newsletter of the house."""

    def create_other_newsletter(session: Session) -> int:
        first = session.get_one(Newsletter, room.newsroom.newsletter_id)
        columns = {
            c.key: getattr(first, c.key)
            for c in Newsletter.__table__.columns
            if c.key not in ("id", "public_id", "slug")
        }
        second = Newsletter(**columns | {"slug": "river", "address": "ask@river.example", "inbox": "ask@river.example", "list_address": ""})  # fmt: skip
        session.add(second)
        session.flush()
        return second.id

    return room.database.write(create_other_newsletter)


def test_a_mail_to_two_newsletters_is_a_letter_to_each(room: NewsletterMailroom) -> None:
    second = river(room)
    raw = mail(to=f"{DESK_ADDRESS}, ask@river.example", Message_ID="<1@post.example>")
    keys = [room.receive(raw, newsletter_id=key).id for key in (room.newsroom.newsletter_id, second, second)]
    assert [(room.get_mail(key).state, room.get_mail(key).newsletter_id) for key in keys] == [
        ("letter", room.newsroom.newsletter_id), ("letter", second), ("duplicate", second),
    ]  # fmt: skip


def test_what_an_expert_asks_the_other_newsletter_is_not_shown_to_the_first(room: NewsletterMailroom) -> None:
    room.invite_expert()
    second = river(room)
    row = room.receive(mail(LEYLAS_ADDRESS, "ask@river.example", body="A question of my own."))
    assert (row.state, row.newsletter_id, row.assignment_id) == ("letter", second, None)


@pytest.mark.threat("forged expert")
def test_a_bounce_is_believed_by_the_token_of_its_return_path_where_there_is_one(room: NewsletterMailroom) -> None:
    room.invite_expert()
    with room.database.read() as session:
        invitation = session.scalars(select(OutboxMail)).one()
        token = outbox.read(session, invitation).return_token or ""
    house = replace(HOUSE, return_path="back@steppe.example")
    places = []
    for to in (DESK_ADDRESS, bounce_address("back@steppe.example", token)):
        key = room.store_mail(bounce_mail(to, LEYLAS_ADDRESS, invitation.message_id))
        place_due(room.database, start_mail_reader(), house)
        with room.database.read() as session:
            places.append((room.get_mail(key).state, session.get_one(OutboxMail, invitation.id).state))
    assert places == [("bounce", "queued"), ("bounce", "failed")]


def test_an_old_bounce_that_is_read_again_fails_nothing_that_was_tried_since(room: NewsletterMailroom) -> None:
    room.invite_expert()
    with room.database.read() as session:
        invitation = session.scalars(select(OutboxMail)).one()
    row = room.receive(bounce_mail(DESK_ADDRESS, LEYLAS_ADDRESS, invitation.message_id))
    after = get_time_after_newest_mail(room, 10)
    room.database.write(lambda s: outbox.retry(s, room.newsroom.nora, s.get_one(OutboxMail, invitation.id)), at=after)
    room.database.write(lambda s: inbound.read_again(s, Clock(), s.get_one(Inbound, row.id)), at=after)
    room.place_mails(now=after)
    with room.database.read() as session:
        assert (room.get_mail(row.id).state, session.get_one(OutboxMail, invitation.id).state) == ("bounce", "queued")


def test_a_report_that_hangs_on_a_letter_makes_no_bounce_of_it(room: NewsletterMailroom) -> None:
    room.invite_expert()
    with room.database.read() as session:
        invitation = session.scalars(select(OutboxMail)).one()
    report = bounce_mail(DESK_ADDRESS, LEYLAS_ADDRESS, invitation.message_id)
    head = b"From: timur@post.example\r\nTo: ask@steppe.example\r\nSubject: look\r\nMIME-Version: 1.0\r\n"
    inside = report[report.index(b"Content-Type: multipart/report") :]
    raw = head + b'Content-Type: multipart/mixed; boundary="xyz"\r\n\r\n--xyz\r\n\r\n' + QUESTION.encode() + b"\r\n--xyz\r\n" + inside + b"\r\n--xyz--\r\n"  # fmt: skip
    assert (room.receive(raw).state, room.list_letters()[0].body[: len(QUESTION)]) == ("letter", QUESTION)


def test_no_mail_is_kept_for_longer_than_readers_addresses(room: NewsletterMailroom) -> None:
    pen = room.receive(mail(body="", attachments=[("a.jpg", b"x")]))
    assert (pen.state, read_of(room, pen.id) is None) == ("pen", False)
    with room.database.read() as session:
        days = session.get_one(Newsletter, room.newsroom.newsletter_id).keep_days
    for minutes, gone in ((days * 24 * 60 - 60, False), (days * 24 * 60 + 60, True)):
        room.database.write(retention.destroy_old, at=get_time_after_newest_mail(room, minutes))
        assert (read_of(room, pen.id) is None) is gone
