"""What would become of a message, told without storing anything."""

from app.db.engine import Database
from app.mailroom.batch import Settings
from app.mailroom.routing import inspect
from tests.support.database_checks import count_rows
from tests.support.incoming_mails import DESK_ADDRESS, bounce_mail, dmarc_pass, mail, vacation_mail
from tests.support.mailroom import LEYLAS_ADDRESS, SETTINGS, NewsletterMailroom, start_mail_reader
from tests.support.sample_newsroom import Newsroom

RAW = mail(
    "Тимур Алиев <timur@post.example>", f"The desk <{DESK_ADDRESS}>, other@post.example", "Соль", "Кто её измеряет?\n\n-- \nТимур",
    attachments=[("карта.pdf", b"%PDF-")], Message_ID="<1@post.example>",
)  # fmt: skip
INSPECTED = {
    "from_name": "Тимур Алиев",
    "from_address": "timur@post.example",
    "to": [DESK_ADDRESS, "other@post.example"],
    "subject": "Соль",
    "date": "2026-10-12T10:00:00+00:00",
    "message_id": "<1@post.example>",
    "body": "Кто её измеряет?\n\n-- \nТимур",
    "text": "Кто её измеряет?",
    "attachments": [{"name": "карта.pdf", "bytes": 5}],
    "place": "letter",
    "reasons": [],
}


def test_it_tells_all_and_stores_nothing(database: Database, newsroom: Newsroom) -> None:
    room = NewsletterMailroom(database, newsroom)
    _, address = room.invite_expert()
    before = count_rows(database)
    hers = mail(LEYLAS_ADDRESS, address, body="Yes.", Authentication_Results=dmarc_pass(LEYLAS_ADDRESS))
    with database.read() as session:
        assert inspect(RAW, start_mail_reader(), session, SETTINGS) == INSPECTED
        found = [
            inspect(raw, start_mail_reader(), session, SETTINGS)
            for raw in (hers, mail(LEYLAS_ADDRESS, address, body="Yes."))
        ]
    assert [(one["place"], one["reasons"]) for one in found] == [("letter", []), ("pen", ["not checked"])]
    assert count_rows(database) == before


def test_without_a_database_the_message_alone_says_where_it_goes() -> None:
    messages = (
        RAW,
        vacation_mail("timur@post.example", DESK_ADDRESS),
        bounce_mail(DESK_ADDRESS, LEYLAS_ADDRESS, "<1@ask.newsroom.example>"),
        mail(X_Spam_Flag="YES"),
        mail(body="", attachments=[("a.jpg", b"x")]),
        b"",
    )
    found = [inspect(raw, None, None, Settings()) for raw in messages]
    assert found[0] == INSPECTED
    assert [one["place"] for one in found] == ["letter", "automatic", "bounce", "spam", "pen", "pen"]
