"""Where a mail goes: a token that fits and a sender who is shown make a letter on an assignment, and nothing less does."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning
from app.crypto.seal import Keys
from app.db.engine import Database
from app.editions import locking
from app.editions.models import Edition
from app.mail import inbound
from app.mail.models import Inbound, OutboxMail
from app.mail.reply_address import address_for, bounce_address
from app.newsletters.models import Newsletter
from app.people import links
from app.people.models import Link
from app.typesetting.renderers import to_text
from app.workflows.back_issues import received_editions
from app.workflows.publishing import publication
from tests.support.assignments import ExpertAssignment
from tests.support.incoming_mails import (  # fmt: skip
    DESK_ADDRESS,
    QUESTION,
    RECEIVED_LINE,
    add_trace_headers,
    bounce_mail,
    complaint_mail,
    dmarc_pass,
    mail,
    reply_mail,
    vacation_mail,
)
from tests.support.mailroom import LEYLAS_ADDRESS, LIST_ADDRESS, MAREKS_ADDRESS, NewsletterMailroom
from tests.support.sample_newsroom import Newsroom
from tests.support.translations import SHIRIN, ask_translator

WORDS = "We measure it at the station, every morning at six."
SALT = "Who measures the salt in the wind, and where can a village read the figures of last year?"


@pytest.fixture
def room(database: Database, newsroom: Newsroom) -> NewsletterMailroom:
    return NewsletterMailroom(database, newsroom)


def place(room: NewsletterMailroom, raw: bytes) -> tuple[str | None, list[str]]:
    row = room.receive(raw)
    return row.state, row.reasons


def test_a_reply_to_her_own_address_from_her_own_server_is_a_letter_on_the_assignment(room: NewsletterMailroom) -> None:
    salt, address = room.invite_expert()
    row = room.receive(mail(LEYLAS_ADDRESS, address, body=WORDS, Authentication_Results=dmarc_pass(LEYLAS_ADDRESS)))
    (letter,) = room.list_letters()
    assert (row.state, row.reasons, row.letter_id, row.assignment_id) == ("letter", [], letter.id, salt.assignment_id)
    assert (letter.author, letter.state, letter.body, letter.assignment_id, letter.hear_back, letter.question_id) == (
        "expert", "received", WORDS, salt.assignment_id, "number", None,
    )  # fmt: skip
    assert salt.state() == "invited"  # a mail settles nothing


def expire(room: NewsletterMailroom, salt: ExpertAssignment) -> None:
    def change(session: Session) -> None:
        for link in session.scalars(select(Link).filter_by(kind="reply")):
            link.ends_at = datetime(2020, 1, 1, tzinfo=UTC)

    room.database.write(change)


def revoke(room: NewsletterMailroom, salt: ExpertAssignment) -> None:
    room.database.write(lambda session: links.revoke_links(session, salt.assignment_id))


def cancel(room: NewsletterMailroom, salt: ExpertAssignment) -> None:
    room.database.write(lambda session: assigning.cancel(session, room.newsroom.nora, salt.assignment(session)))


# What is done to the letter of the control case, and the reasons for which it then waits in the holding pen.
ATTACKS: dict[str, tuple[dict[str, object], list[str]]] = {
    "right token, wrong sender": (
        {"sender": MAREKS_ADDRESS, "Authentication_Results": dmarc_pass(MAREKS_ADDRESS)}, ["other sender"],
    ),
    "right token, her name on another address": (
        {"sender": f'"{LEYLAS_ADDRESS}" <{MAREKS_ADDRESS}>', "Authentication_Results": dmarc_pass(MAREKS_ADDRESS)},
        ["other sender"],
    ),
    "wrong token, right sender": ({"to": address_for(DESK_ADDRESS, "a" * 16)}, ["unknown token"]),
    "another expert's token": ({"to": "marek's"}, ["other sender"]),
    "expired token": ({"before": expire}, ["expired token"]),
    "revoked token": ({"before": revoke}, ["revoked token"]),
    "token in Cc": ({"to": DESK_ADDRESS, "Cc": "hers"}, ["token in Cc"]),
    "token in Cc, and delivered there": ({"to": DESK_ADDRESS, "Cc": "hers", "Delivered_To": "hers"}, ["token in Cc"]),
    "forged results, with another server's name": (
        {"Authentication_Results": dmarc_pass(LEYLAS_ADDRESS, "mx.elsewhere.example")}, ["forged or foreign results"],
    ),
    "forged results, below those of our server": (
        {"Authentication_Results": [
            "mx.desk.example; dmarc=fail header.from=field.example", dmarc_pass(LEYLAS_ADDRESS),
        ]},
        ["results disagree"],
    ),
    "forged results, below our server's Received": (
        {
            "Authentication_Results": None, "Received": RECEIVED_LINE,
            "authentication_results": dmarc_pass(LEYLAS_ADDRESS),
        },
        ["forged or foreign results"],
    ),
    "forged results, and no Received": ({"Received": None}, ["forged or foreign results"]),
    "no results": ({"Authentication_Results": None}, ["not checked"]),
    "two From headers": ({"From": [LEYLAS_ADDRESS, MAREKS_ADDRESS]}, ["two senders"]),
    "two From headers, hers last": ({"From": [MAREKS_ADDRESS, LEYLAS_ADDRESS]}, ["two senders"]),
    "homograph domain": (
        {"sender": "leyla@fi\u0435ld.example", "Authentication_Results": dmarc_pass("leyla@xn--fild-f3d.example")},
        ["unreadable sender"],
    ),
    "homograph domain, in ASCII": (
        {"sender": "leyla@xn--fild-f3d.example", "Authentication_Results": dmarc_pass("leyla@xn--fild-f3d.example")},
        ["other sender"],
    ),
    "cancelled": ({"before": cancel}, ["revoked token", "cancelled"]),
    "nothing said": ({"body": "", "attachments": [("answer.pdf", b"%PDF")]}, ["no words"]),
    "our spam filter": ({"X_Spam_Flag": "YES"}, ["spam filter"]),
}  # fmt: skip


@pytest.mark.parametrize("attack", [None, *ATTACKS])
def test_anything_less_waits_in_the_holding_pen_and_nobody_is_told(
    room: NewsletterMailroom, attack: str | None
) -> None:
    salt, hers = room.invite_expert()
    mareks = room.invite_expert("marek", SALT)[1]
    changed, reasons = ATTACKS[attack] if attack else ({}, [])
    before: Callable[[NewsletterMailroom, ExpertAssignment], None] = changed.get("before", lambda *_: None)  # type: ignore[assignment]
    before(room, salt)
    outgoing_before = room.count_outgoing()
    letter: dict[str, object] = {
        "sender": LEYLAS_ADDRESS,
        "to": hers,
        "body": WORDS,
        "Authentication_Results": dmarc_pass(LEYLAS_ADDRESS),
    }
    letter |= {name: value for name, value in changed.items() if name != "before"}
    real = {"hers": hers, "marek's": mareks}
    row = room.receive(mail(**{name: real.get(str(value), value) for name, value in letter.items()}))  # type: ignore[arg-type]
    assert (row.state, row.reasons) == ("letter" if attack is None else "pen", reasons)
    assert len(room.list_letters()) == (1 if attack is None else 0)
    assert room.count_outgoing() == outgoing_before
    assert row.newsletter_id == room.newsroom.newsletter_id
    assert (row.assignment_id is None) == ("unknown token" in reasons)


def test_the_exact_reasons_stand_on_a_mail_that_is_wrong_in_three_ways(room: NewsletterMailroom) -> None:
    salt, address = room.invite_expert()
    revoke(room, salt)
    row = room.receive(mail(MAREKS_ADDRESS, address, body="", attachments=[("a.pdf", b"%PDF")]))
    assert (row.state, row.reasons) == ("pen", ["revoked token", "other sender", "no words"])


def test_an_address_that_exchange_wrapped_is_still_hers(room: NewsletterMailroom) -> None:
    _, address = room.invite_expert()
    wrapped = "IMCEASMTP-" + address.replace("+", "+2B").replace("@", "+40").replace(".", "+2E") + "@field.example"
    row = room.receive(
        mail(LEYLAS_ADDRESS, wrapped.upper(), body=WORDS, Authentication_Results=dmarc_pass(LEYLAS_ADDRESS))
    )
    assert (row.state, row.reasons) == ("letter", [])


def test_an_answer_without_its_token_and_an_experts_other_mail_wait_with_a_suggestion(room: NewsletterMailroom) -> None:
    salt, _ = room.invite_expert()
    with room.database.read() as session:
        invitation = session.scalars(select(OutboxMail).filter_by(kind="expert.invitation")).one().message_id
    answers = room.receive(reply_mail(invitation, "leyla.home@post.example", DESK_ADDRESS, WORDS))
    other = room.receive(mail(LEYLAS_ADDRESS, DESK_ADDRESS, body=WORDS))
    assert [(row.state, row.reasons, row.assignment_id) for row in (answers, other)] == [
        ("pen", ["answers our mail without its token"], salt.assignment_id),
        ("pen", ["an expert's address"], salt.assignment_id),
    ]


def test_an_answer_to_our_mail_to_a_translator_is_no_readers_letter(room: NewsletterMailroom) -> None:
    salt, _ = room.invite_expert()
    ask_translator(salt)
    with room.database.read() as session:
        to_shirin = session.scalars(select(OutboxMail).filter_by(kind="translator.invitation")).one().message_id
    row = room.receive(reply_mail(to_shirin, SHIRIN[1], DESK_ADDRESS, WORDS))
    assert (row.state, row.reasons) == ("pen", ["answers our mail to a translator"])
    assert room.list_letters() == []


def test_a_readers_mail_is_a_letter_with_its_address_sealed(room: NewsletterMailroom) -> None:
    row = room.receive(mail(subject="Salt", Content_Language="en"))
    (letter,) = room.list_letters()
    assert (row.state, row.reasons, row.newsletter_id) == ("letter", [], room.newsroom.newsletter_id)
    assert (letter.author, letter.body, letter.hear_back, letter.about_edition_id) == ("reader", QUESTION, "once", None)


@pytest.mark.parametrize(
    ("raw", "location", "reasons"),
    [
        (mail(body="", attachments=[("wells.jpg", b"\xff\xd8")]), "pen", ["no words"]),
        (mail(From=["timur@post.example", "aigerim@post.example"]), "pen", ["two senders"]),
        (vacation_mail("timur@post.example", DESK_ADDRESS), "automatic", ["auto-submitted", "away"]),
        (mail("news@shop.example", List_Id="<news.shop.example>", Precedence="bulk"), "automatic", ["list", "precedence"]),
        (mail(X_Spam_Flag="YES"), "spam", ["spam filter"]),
        (mail(X_Spam_Status="Yes, score=9.1 required=5.0"), "spam", ["spam filter"]),
        (mail(X_Spam_Flag="NO", X_Spam_Status="No, score=0.1"), "letter", []),
        (mail(X_Auto_Response_Suppress="All"), "letter", []),
        (mail(DESK_ADDRESS, DESK_ADDRESS), "automatic", ["ours", "own address"]),
        (mail(to="somebody@elsewhere.example"), "letter", []),
        (b"From: timur@post.example\r\n\r\n" + b"a" * 10_500_000, "letter", []),
        (
            bounce_mail(DESK_ADDRESS, "x@y.example", "<unknown@ask.newsroom.example>"),
            "bounce",
            ["permanent", "unknown mail", "delivery report", "mail server", "auto-submitted", "null return path"],
        ),
    ],
    ids=[
        "no words", "two senders", "vacation", "list", "spam flag", "spam status", "no spam", "no auto-replies please",
        "our own", "to another address", "too large", "bounce",
    ],
)  # fmt: skip
def test_every_kind_has_its_place(room: NewsletterMailroom, raw: bytes, location: str, reasons: list[str]) -> None:
    state, found = place(room, raw)
    assert (state, sorted(found)) == (location, sorted(reasons))


def test_mail_to_nobody_here_waits_with_the_oldest_of_several_newsletters(room: NewsletterMailroom) -> None:
    second = second_newsletter(room)
    stray = room.receive(mail(to="somebody@elsewhere.example"))
    theirs = room.receive(mail(to="Ask <ask@river.example>"))
    by_mailbox = room.receive(mail(to="undisclosed@elsewhere.example"), newsletter_id=second)
    by_address = room.receive(mail(to=DESK_ADDRESS), newsletter_id=second)
    first = room.newsroom.newsletter_id
    assert [(row.state, row.reasons, row.newsletter_id) for row in (stray, theirs, by_mailbox, by_address)] == [
        ("pen", ["to nobody here"], first), ("letter", [], second), ("letter", [], second), ("letter", [], first),
    ]  # fmt: skip


def test_what_was_for_nobody_is_for_nobody_when_it_is_read_again(room: NewsletterMailroom) -> None:
    second_newsletter(room)
    stray = room.receive(mail(to="somebody@elsewhere.example"), source="imap", mailbox="box", uidvalidity=1, uid=1)
    room.database.write(lambda s: inbound.read_again(s, room.newsroom.nora, s.get_one(Inbound, stray.id)))
    room.place_mails()
    row = room.get_mail(stray.id)
    assert (row.state, row.reasons, row.newsletter_id) == ("pen", ["to nobody here"], room.newsroom.newsletter_id)


def second_newsletter(room: NewsletterMailroom) -> int:
    def create_other_newsletter(session: Session) -> int:
        first = session.get_one(Newsletter, room.newsroom.newsletter_id)
        same = ("publisher", "editor", "language", "section", "zone", "rule", "rule_start", "at")
        values = {name: getattr(first, name) for name in same}
        river = Newsletter(
            slug="river", name="The River", address="ed@river.example", inbox="ask@river.example", **values
        )
        session.add(river)
        session.flush()
        return river.id

    return room.database.write(create_other_newsletter)


def test_a_bounce_finds_our_mail_by_its_return_path_or_by_its_message_id(room: NewsletterMailroom) -> None:
    salt, _ = room.invite_expert()
    token = "b" * 16

    def mark(session: Session) -> str:
        sent = session.scalars(select(OutboxMail).filter_by(kind="expert.invitation")).one()
        sent.return_mac = session.info["keys"].mac("outbox.return", token)
        return sent.message_id

    message_id = room.database.write(mark)
    delayed = room.receive(
        bounce_mail(
            DESK_ADDRESS, LEYLAS_ADDRESS, message_id, status="4.4.1", action="delayed", diagnostic="421 try later"
        )
    )
    with room.database.read() as session:
        waits = session.scalars(select(OutboxMail).filter_by(kind="expert.invitation")).one()
        assert (delayed.state, delayed.outbox_id, waits.bounced_at) == ("bounce", waits.id, None)
    ended = room.receive(bounce_mail(bounce_address(DESK_ADDRESS, token), LEYLAS_ADDRESS, "<lost@x.example>"))
    with room.database.read() as session:
        sent = session.scalars(select(OutboxMail).filter_by(kind="expert.invitation")).one()
        assert (ended.state, ended.outbox_id, ended.assignment_id) == ("bounce", sent.id, salt.assignment_id)
        assert sent.bounced_at is not None and sent.said == "5.1.1 550 5.1.1 no such user here"


def test_a_complaint_and_a_vacation_notice_are_filed_with_what_they_are_about(room: NewsletterMailroom) -> None:
    salt, address = room.invite_expert()
    with room.database.read() as session:
        sent = session.scalars(select(OutboxMail).filter_by(kind="expert.invitation")).one()
    complains = room.receive(complaint_mail(DESK_ADDRESS, sent.message_id))
    away = room.receive(vacation_mail(LEYLAS_ADDRESS, address))
    away_by_reference = room.receive(vacation_mail(LEYLAS_ADDRESS, DESK_ADDRESS, sent.message_id))
    assert [(row.state, row.outbox_id, row.assignment_id) for row in (complains, away, away_by_reference)] == [
        ("automatic", sent.id, salt.assignment_id),
        ("automatic", None, salt.assignment_id),
        ("automatic", sent.id, salt.assignment_id),
    ]
    assert "complaint" in complains.reasons and room.list_letters() == []


def test_an_expert_who_answers_through_a_mailing_list_is_no_robot(room: NewsletterMailroom) -> None:
    _, address = room.invite_expert()
    row = room.receive(mail(LEYLAS_ADDRESS, address, body=WORDS, List_Id="<station.field.example>", Authentication_Results=dmarc_pass(LEYLAS_ADDRESS)))  # fmt: skip
    assert (row.state, row.reasons) == ("letter", [])


def test_a_reply_is_tied_to_its_edition_by_message_id_address_or_text(room: NewsletterMailroom) -> None:
    key = room.run_edition(SALT)
    with room.database.read() as session:
        edition = session.get_one(Edition, key)
        token = received_editions.reply_token(session, edition)
        block = to_text(locking.blocks(session, edition)[0])
    quoted = "".join(f"> {line}\n" for line in block.splitlines())
    room.database.write(lambda s: setattr(s.get_one(Edition, key), "message_id", "<60@steppe.example>"))
    by_id = room.receive(reply_mail("<60@steppe.example>", "timur@post.example", DESK_ADDRESS, QUESTION))
    by_address = room.receive(mail(to=address_for(DESK_ADDRESS, token)))
    by_text = room.receive(
        mail(subject="Re: 60", body=f"{QUESTION}\n\nOn 4 Nov 2026, The Steppe Letter wrote:\n{quoted}")
    )
    by_nothing = room.receive(mail(subject="Re: 60"))
    assert [row.state for row in (by_id, by_address, by_text, by_nothing)] == ["letter"] * 4
    assert [(letter.about_edition_id, letter.body) for letter in room.list_letters()] == [
        (key, QUESTION), (key, QUESTION), (key, QUESTION), (None, QUESTION),
    ]  # fmt: skip


def test_an_editions_reply_address_is_known_under_an_older_key_too(room: NewsletterMailroom) -> None:
    key = room.run_edition(SALT)
    with room.database.read() as session:
        token = received_editions.reply_token(session, session.get_one(Edition, key))
        old = session.info["keys"]._secrets
    newer = Database(room.database.url, Keys({**old, 2: b"n" * 32}), "https://ask.newsroom.example")
    with newer.read() as session:
        found = received_editions.find_by_reply_tokens(session, [token])
        assert found is not None and found.id == key
        assert received_editions.reply_token(session, found) != token
    newer.close()


def test_the_edition_that_arrives_gives_its_message_id_and_marks_nothing_as_sent(room: NewsletterMailroom) -> None:
    key = room.run_edition(SALT)
    with room.database.read() as session:
        block = to_text(locking.blocks(session, session.get_one(Edition, key))[0])
    ran = f"Dear readers,\n\n{block.replace('count', 'weigh')}\n\nUnsubscribe here."
    raw = mail(
        LIST_ADDRESS,
        "nora@steppe.example",
        "The Steppe Letter 60",
        ran,
        Message_ID="<60@list.example>",
        List_Id="<steppe.example>",
    )
    shown = f"Authentication-Results: {dmarc_pass(LIST_ADDRESS)}\r\n".encode()
    row = room.receive(shown + add_trace_headers(raw, "nora@steppe.example"))
    assert (row.state, row.edition_id, row.reasons) == ("edition", key, ["our edition"])
    edition = room.get_edition(key)
    assert (edition.state, edition.message_id, edition.arrived_at is not None) == ("locked", "<60@list.example>", True)
    with room.database.read() as session:
        listed = received_editions.changes(session, session.get_one(Edition, key))
    assert [(change.before, change.after, change.kind) for change in listed] == [
        ("in 2009 and count what falls on", "in 2009 and weigh what falls on", "changed")
    ]
    room.database.write(lambda s: publication.send(s, room.newsroom.nora, s.get_one(Edition, key)))
    assert (room.get_edition(key).state, room.get_edition(key).message_id) == ("sent", "<60@list.example>")


def test_what_only_claims_to_be_the_edition_is_a_robots_mail(room: NewsletterMailroom) -> None:
    key = room.run_edition(SALT)
    with room.database.read() as session:
        block = to_text(locking.blocks(session, session.get_one(Edition, key))[0])
    forged = room.receive(
        mail("letter@steppe.example.evil.example", DESK_ADDRESS, "60", block, List_Id="<steppe.example>")
    )
    unlike = room.receive(
        mail(
            LIST_ADDRESS,
            DESK_ADDRESS,
            "60",
            "Buy our carpets, while they last, at half the price.",
            List_Id="<x.example>",
        )
    )
    assert [row.state for row in (forged, unlike)] == ["automatic", "automatic"]
    assert room.get_edition(key).message_id is None


def test_a_second_mail_of_an_edition_changes_nothing(room: NewsletterMailroom) -> None:
    key = room.run_edition(SALT)
    with room.database.read() as session:
        block = to_text(locking.blocks(session, session.get_one(Edition, key))[0])
    rows = [
        room.receive(
            mail(
                LIST_ADDRESS,
                DESK_ADDRESS,
                "60",
                text,
                Message_ID=message_id,
                List_Id="<steppe.example>",
                Authentication_Results=dmarc_pass(LIST_ADDRESS),
            )
        )
        for message_id, text in (("<1@list.example>", block), ("<2@list.example>", f"{block}\n\nAnd a correction."))
    ]
    assert [(row.state, row.edition_id) for row in rows] == [("edition", key), ("edition", key)]
    assert room.get_edition(key).message_id == "<1@list.example>"
