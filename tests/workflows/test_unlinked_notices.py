"""One e-mail, then forget me: who has the mail server's log, the whole database and its keys finds no letter by a notice.

The log is that of a server that took the mails: when, from which return path, to whom, under which Message-ID, of what size.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import Event
from app.core.clock import utc_now
from app.db.declarative import Base
from app.db.engine import Database
from app.editions.models import Edition
from app.letters.filing import ENDINGS
from app.letters.models import Letter
from app.letters.receive import Submission
from app.mail import inbound
from app.mail.delivery import deliver_due
from app.mail.models import Inbound, OutboxMail
from app.mail.sending import transport
from app.newsletters.models import Newsletter
from app.people.models import Link
from app.server import worker
from app.workflows.letters import endings
from app.workflows.publishing import publication
from app.workflows.retention import erase_letters
from tests.support.letters import send_letters
from tests.support.reader_pages import answer_letters, lock_edition
from tests.support.sample_newsroom import Newsroom
from tests.support.smtp_servers import SmtpServer, create_mail_app, get_message_id, run_smtp_server

NOW = utc_now()
MIDNIGHT = NOW.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
ASKERS = (8, 7, 6)  # who asked each of three questions of one edition
ENDED = 8  # letters that came to an end on that day


@dataclass(frozen=True)
class Logged:
    """A line of the server's log."""

    at: datetime
    sender: str
    recipient: str
    message_id: str
    size: int

    @property
    def token(self) -> str:
        return self.sender.partition("@")[0].removeprefix("b-")


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with run_smtp_server() as one:
        yield one


def create_submission(name: str, language: str = "en") -> Submission:
    return Submission(f"What does {name} ask?", hear_back="once", email=f"{name}@post.example", language=language)


def goes_out(database: Database, server: SmtpServer, newsroom: Newsroom) -> list[Logged]:
    """An edition with three questions is sent, eight letters end, and all notices leave; gives the log."""
    for number, many in enumerate(ASKERS):
        asks = [create_submission(f"asker{number}.{one}", ("en", "fa")[one % 2]) for one in range(many)]
        keys = database.write(lambda s, asks=asks: [letter.id for letter in send_letters(s, newsroom, *asks)])
        answer_letters(
            database, newsroom, keys, headline=f"Question {number}", body=f"Who knows the answer to {number}?"
        )
    lock_edition(database, newsroom)

    def end(session: Session) -> None:
        session.get_one(Newsletter, newsroom.newsletter_id).languages = ["en", "fa"]
        letters = send_letters(
            session, newsroom, *[create_submission(f"ended.{one}", ("en", "fa")[one % 2]) for one in range(ENDED)]
        )
        for letter, reason in zip(letters, [*ENDINGS, *ENDINGS], strict=False):
            endings.end_letter(session, newsroom.nora, letter, reason)
        edition = session.scalars(select(Edition).filter_by(state="locked")).one()
        publication.send(session, newsroom.nora, edition)

    database.write(end)
    send, log = transport(create_mail_app(MAIL_PORT=server.port, MAIL_RETURN_PATH="*@bounce.newsroom.example")), []
    moments = [NOW + minutes * MINUTE for minutes in range(15)] + [MIDNIGHT + n * MINUTE for n in range(301)]
    for at in sorted(moments):
        before = len(server.mails)
        deliver_due(database, send, after_send=worker.forget_contact_after_notice, now=at)
        log += [Logged(at, one[0], one[1], get_message_id(one[2]), len(one[2])) for one in server.mails[before:]]
    return [one for one in log if one.recipient.endswith("@post.example")]


def everything(database: Database) -> list[tuple[str, dict[str, object]]]:
    with database.read() as session:
        tables = list(Base.metadata.sorted_tables)
        return [(table.name, dict(row)) for table in tables for row in session.execute(table.select()).mappings()]


def happened_at(row: dict[str, object], time: datetime) -> bool:
    """Return whether something of a row happened at that moment."""
    return any(isinstance(value, datetime) and abs(value - time) < timedelta(seconds=1) for value in row.values())


def subjects(table: str, row: dict[str, object]) -> set[tuple[str, object]]:
    """The letters and questions that a row is, or names."""
    own = {(table, row["id"])} if table in ("letters", "questions") else set()
    return own | {
        (noun, row[key]) for noun, key in (("letters", "letter_id"), ("questions", "question_id")) if row.get(key)
    }


@pytest.mark.threat("mail provider", "stolen database and keys", "court order")
def test_no_notice_leads_to_a_letter_or_a_question(database: Database, newsroom: Newsroom, server: SmtpServer) -> None:
    log = goes_out(database, server, newsroom)
    assert len(log) == sum(ASKERS) + ENDED == 29
    by_id = {mail.message_id: mail.letter_id for mail in outbox(database)}
    assert all(by_id[one.message_id] for one in log)  # while a server may still send one back
    while database.write(erase_letters.erase_due, MIDNIGHT + 8 * DAY):
        pass
    rows = everything(database)
    times = {one.at for one in log}
    # By a name: the Message-ID, the return path and its keyed hash, the address.
    named = {name for one in log for name in (one.message_id, one.message_id[1:-1].partition(".")[0], one.recipient)}
    dump = repr(rows).lower()
    assert [name for name in named if name in dump] == []
    macs = {mac for one in log for mac in database.keyring.macs("outbox.return", one.token)}
    assert [value for _table, row in rows for value in row.values() if isinstance(value, bytes) and value in macs] == []
    # By the time: thanks leave with the notices of an edition, and name all of its questions.
    named_then = {
        at: {key for table, row in rows if happened_at(row, at) for key in subjects(table, row)} for at in times
    }
    assert [one for one in log if len(named_then[one.at]) == 1] == []
    # By the size.
    assert len({one.size for one in log}) == 1
    # By the order: letters as they came, question by question, against mails as they were written or as they left.
    truth = [one.recipient.partition(".")[0].partition("@")[0] for one in log if one.recipient.startswith("asker")]
    guess = [f"asker{number}" for number, many in enumerate(ASKERS) for _one in range(many)]
    written = [row["noun_id"] for table, row in rows if table == "audit" and row["action"] == "mail.send"]
    assert len(written) >= len(log)
    assert sum(one == other for one, other in zip(truth, guess, strict=True)) < 17  # by chance it is 7
    ends = [one.recipient for one in log if one.recipient.startswith("ended")]
    assert ends != sorted(ends)


def outbox(database: Database) -> list[OutboxMail]:
    with database.read() as session:
        return list(session.scalars(select(OutboxMail)))


@pytest.mark.threat("mail provider")
def test_a_bounce_finds_its_mail_for_a_week_and_no_address_comes_back(
    database: Database, newsroom: Newsroom, server: SmtpServer
) -> None:
    goes_out(database, server, newsroom)

    def receive_report(session: Session) -> None:
        mail = session.scalars(select(OutboxMail).where(OutboxMail.letter_id.is_not(None)).limit(1)).one()
        raw = f"From: <>\r\n\r\nreport of {mail.message_id}\r\n".encode()
        row = inbound.store(session, raw, source="lmtp", mailbox="desk")
        row.outbox_id = mail.id

    database.write(receive_report)
    database.write(erase_letters.erase_due, MIDNIGHT + 6 * DAY)
    assert len([mail for mail in outbox(database) if mail.letter_id]) == 29
    database.write(erase_letters.erase_due, MIDNIGHT + 8 * DAY)
    assert [mail for mail in outbox(database) if mail.letter_id] == []
    with database.read() as session:
        assert session.scalars(select(Inbound.outbox_id)).all() == [None]
        assert session.scalars(select(Link).where(Link.letter_id.is_not(None))).all() == []
        assert len(session.scalars(select(Letter.id)).all()) == 29
        assert session.scalars(select(Event.facts).where(Event.action == "mail.send")).first() is None
