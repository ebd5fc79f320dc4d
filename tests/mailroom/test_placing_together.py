"""Mails that are placed together come to what each would come to by itself, whatever others of the batch are to it."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import event, make_url, select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from app.core.actors import Mailroom
from app.core.clock import utc_now
from app.crypto.seal import Keys
from app.db.declarative import Base
from app.db.engine import Database
from app.db.session import get_keyring
from app.editions import locking
from app.editions.models import Edition
from app.letters.models import Contact, Letter
from app.mail import inbound, leases
from app.mail.models import Inbound, OutboxMail
from app.mail.reading import NotStarted, ParserClient
from app.mailroom import placing, routing
from app.mailroom.placing import place_due
from app.mailtext.incoming import Mail, TrimContext, Trimmed
from app.newsletters.models import Newsletter
from app.typesetting.renderers import to_text
from tests.support.app import BASE_URL, SECRETS
from tests.support.databases import ON_SQLITE, postgres_copy, postgres_url
from tests.support.incoming_mails import (
    DESK_ADDRESS,
    READER_ADDRESS,
    add_trace_headers,
    bounce_mail,
    complaint_mail,
    dmarc_pass,
    forward_mail,
    mail,
    reply_mail,
    vacation_mail,
)
from tests.support.mailroom import (
    LEYLAS_ADDRESS,
    LIST_ADDRESS,
    MAREKS_ADDRESS,
    SETTINGS,
    NewsletterMailroom,
    start_mail_reader,
)
from tests.support.reply_mails import list_replies
from tests.support.sample_newsroom import Newsroom

SALT = "Why is there salt on our windows after a storm, and who counts it?"
LATER = utc_now().replace(microsecond=0) + timedelta(hours=1)  # than all that happens in the newsroom before
MAILS = 300
# What is drawn anew each time, or sealed: what is sealed is opened and compared by itself.
DRAWN = {"public_id", "form_mac", "receipt_mac", "return_mac", "token_mac", "version", "message_id"}
DRAWN_KEYS = {"audit", "spent", "contacts", "erasures", "links"}
CHANGED = ("inbound", "letters", "contacts", "spent", "outbox", "audit", "editions", "erasures", "links")


@pytest.fixture
def room(database: Database, newsroom: Newsroom) -> NewsletterMailroom:
    made = NewsletterMailroom(database, newsroom)
    database.write(lambda session: setattr(session.get_one(Newsletter, newsroom.newsletter_id), "acknowledges", True))
    return made


def mails(room: NewsletterMailroom) -> Iterator[bytes]:
    """What comes to a desk on a busy day, in an order in which mails rest on those before them."""
    _, address = room.invite_expert()
    key = room.run_edition(SALT)
    with room.database.read() as session:
        ours = session.scalars(select(OutboxMail.message_id).order_by(OutboxMail.id)).first()
        block = to_text(locking.blocks(session, session.get_one(Edition, key))[0])
    assert ours is not None
    quoted = "".join(f"> {line}\n" for line in block.splitlines())
    shown = dmarc_pass(LEYLAS_ADDRESS)
    replies = list_replies()
    for day in range(MAILS):
        reader = f"reader{day}@post.example"
        raw = mail(f"Reader {day} <{reader}>", body=f"Who looks after well number {day}, and who pays for it?",
                   Message_ID=f"<{day}@post.example>", Authentication_Results=dmarc_pass(reader))  # fmt: skip
        yield from (raw, add_trace_headers(raw, hop=day % 60), raw.replace(b"\r\n", b"\n"))
        yield mail(READER_ADDRESS, body=f"And number {day}?", Authentication_Results=dmarc_pass("timur@post.example"))
        yield reply_mail(
            f"<{day}@post.example>", "aigerim@post.example", DESK_ADDRESS, f"I read what reader {day} asked."
        )
        yield mail(LEYLAS_ADDRESS, address, body=f"Our {day} plates say so.", Authentication_Results=shown)
        yield mail(MAREKS_ADDRESS, address, body="I know better.")
        away = vacation_mail(LEYLAS_ADDRESS, address, ours, Message_ID=f"<away{day}@field.example>")
        yield from (away, add_trace_headers(away, hop=1))
        yield from (bounce_mail(DESK_ADDRESS, LEYLAS_ADDRESS, ours), complaint_mail(DESK_ADDRESS, ours))
        lottery = mail(subject="You won", body=f"{day} million", X_Spam_Flag="YES")
        yield from (lottery, add_trace_headers(lottery, hop=2))
        yield mail(body="", attachments=[(f"plate {day}.jpg", b"\xff\xd8\xff" + bytes([day]))])
        yield forward_mail("gmail", question=f"What is in well {day}?", author=f"Ask {day} <asker{day}@post.example>")
        if day == 2:
            yield mail(LIST_ADDRESS, DESK_ADDRESS, "60", f"Dear readers,\n\n{block}\n\nUnsubscribe.",
                       Message_ID="<60@list.example>", List_Id="<steppe.example>",
                       Authentication_Results=dmarc_pass(LIST_ADDRESS))  # fmt: skip
        yield reply_mail(
            "<60@list.example>", f"late{day}@post.example", DESK_ADDRESS, f"The {day} plates in it are wrong."
        )
        yield mail(subject="Re: 60", body=f"Is it {day}?\n\nOn 4 Nov 2026, The Steppe Letter wrote:\n{quoted}")
        written = next(replies).mail
        yield mail(f"r{day}@post.example", body=written.plain or "", html=written.html)


@contextmanager
def copy_of(database: Database) -> Iterator[Database]:
    """The same newsroom once more."""
    database.close()  # a copy is made of files
    if database.is_sqlite:
        file = Path(str(make_url(database.url).database))
        other = file.with_name("copy.db")
        shutil.copy(file, other)
        with closing(Database(f"sqlite:///{other}", Keys(SECRETS), BASE_URL)) as copy:
            yield copy
        return
    with (
        postgres_copy(str(make_url(database.url).database)) as name,
        closing(Database(postgres_url(name), Keys(SECRETS), BASE_URL)) as copy,
    ):
        yield copy


def place_all(database: Database, limit: int) -> Counter[str]:
    done = Counter[str]()
    lease = timedelta(hours=1)  # however busy this machine is
    while some := place_due(database, start_mail_reader(), SETTINGS, limit, lease=lease, now=LATER):
        done += some
    return done


def all_of(database: Database) -> dict[str, list[Any]]:
    """All that placing may change, as it stands there."""
    with database.read() as session:
        found = {name: _rows(session, name) for name in CHANGED}
        found["readings"] = [
            inbound.get_reading(session, row) for row in session.scalars(select(Inbound).order_by(Inbound.id))
        ]
        contacts = select(Contact, Letter).join(Letter, Letter.id == Contact.letter_id).order_by(Letter.id)
        found["addresses"] = [
            get_keyring(session).open(f"contacts.email.{letter.public_id}", contact.email_sealed)
            for contact, letter in session.execute(contacts)
        ]
    return found


def _rows(session: Session, name: str) -> list[str]:
    table = Base.metadata.tables[name]
    left_out = DRAWN | ({"id"} if name in DRAWN_KEYS else set())
    columns = [
        column for column in table.columns
        if column.name not in left_out - ({"message_id"} if name == "editions" else set())
        and not column.name.endswith("_sealed")
    ]  # fmt: skip
    return sorted(repr(tuple(row)) for row in session.execute(select(*columns)))


def test_300_mails_in_batches_come_to_what_they_come_to_one_by_one(room: NewsletterMailroom) -> None:
    """On PostgreSQL the first hundred of them: what is ours is the same."""
    most = MAILS if room.database.is_sqlite else MAILS // 3
    for _, raw in zip(range(most), mails(room), strict=False):
        room.store_mail(raw, now=LATER)
    with copy_of(room.database) as other:
        together, one_by_one = place_all(room.database, 100), place_all(other, 1)
        assert all_of(room.database) == all_of(other)
    assert together == one_by_one
    assert together.total() == most
    assert set(together) == {"letter", "pen", "edition", "automatic", "bounce", "duplicate", "spam"}


def test_a_mail_that_fails_in_a_batch_holds_back_no_other(
    room: NewsletterMailroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is wrong with making its letter: the others are placed in the same round, and it is tried again."""
    make = routing.mailed_letters.take_all

    def fails(session: Session, actor: Any, taken: Any) -> Any:
        if any("poison" in mailed.words for _, mailed, _ in taken):
            raise ValueError("it is poison")
        return make(session, actor, taken)

    monkeypatch.setattr(routing.mailed_letters, "take_all", fails)
    poisoned = {3, 7}
    for number in range(10):
        room.store_mail(
            mail(body="It is poison." if number in poisoned else f"Who looks after well {number}?"), now=LATER
        )
    assert room.place_mails(LATER) == Counter(letter=8, again=2)
    assert [number for number, place in enumerate(room.list_states()) if place == "stored"] == sorted(poisoned)
    monkeypatch.undo()
    room.place_mails(LATER + timedelta(hours=1))
    assert len(room.list_letters()) == 10


class Watching:
    """Reads as the process does, and does something before each mail."""

    def __init__(self, before: Callable[[str], object]) -> None:
        self.before = before

    def parse(self, raw: bytes) -> Mail:
        self.before("parse")
        return start_mail_reader().parse(raw)

    def trim(self, mail: Mail, known: TrimContext) -> Trimmed:
        self.before("trim")
        return start_mail_reader().trim(mail, known)


def place_watched(room: NewsletterMailroom, before: Callable[[str], object]) -> Counter[str]:
    return place_due(room.database, cast(ParserClient, Watching(before)), SETTINGS, now=LATER)


def test_nobody_looks_at_the_database_while_mails_are_read(room: NewsletterMailroom) -> None:
    """However long that takes: meanwhile nothing erased would leave SQLite's files."""
    for number in range(5):
        room.store_mail(mail(body=f"Who looks after well {number}?"), now=LATER)
    looks = []
    engines = (room.database.reader, room.database.writer)
    assert place_watched(room, lambda _: looks.append([engine.pool.checkedout() for engine in engines])) == Counter(
        letter=5
    )
    assert looks == [[0, 0]] * 10


@ON_SQLITE
def test_a_mail_that_is_read_slowly_holds_back_none_before_it(
    room: NewsletterMailroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read before it, or with it, has its place before the next one is looked at."""
    monkeypatch.setattr(placing, "MAX_PARSE_SECONDS", -1.0)  # each of them takes longer
    for number in range(4):
        room.store_mail(mail(body=f"Who looks after well {number}?"), now=LATER)
    seen: list[tuple[str, int]] = []
    assert place_watched(room, lambda step: seen.append((step, len(room.list_letters())))) == Counter(letter=4)
    assert seen == [(step, number) for number in range(4) for step in ("parse", "trim")]


def test_mails_that_somebody_changed_meanwhile_are_not_placed(room: NewsletterMailroom) -> None:
    """Whoever places them has locked them; were that ever forgotten, none would be overwritten unseen."""
    keys_of = [room.store_mail(mail(body=f"Who looks after well {number}?"), now=LATER) for number in range(2)]

    def place(session: Session) -> None:
        rows = [session.get_one(Inbound, key) for key in keys_of]
        session.execute(update(Inbound.__table__).where(Inbound.id == keys_of[1]).values(version=Inbound.version + 1))  # type: ignore[arg-type]
        inbound.place_all(session, Mailroom(), [inbound.Placement(row, "spam", ["spam filter"], {}) for row in rows])

    connect = room.database.writer.connect
    with connect() as line, room.database.session_for(line) as session, pytest.raises(StaleDataError):
        place(session)
    assert room.list_states() == ["stored", "stored"]


@ON_SQLITE
def test_a_process_that_does_not_start_is_no_try_of_any_mail(room: NewsletterMailroom) -> None:
    """The machine is at fault: once it works again, the mails are placed at once and together."""

    def fail(_step: str) -> None:
        raise NotStarted

    for number in range(3):
        room.store_mail(mail(body=f"Who looks after well {number}?"), now=LATER)
    for _ in range(leases.MAX_ATTEMPTS + 1):
        with pytest.raises(NotStarted):
            place_watched(room, fail)
    with room.database.read() as session:
        rows = session.execute(select(Inbound.attempts, Inbound.leased_until, Inbound.state)).all()
    assert rows == [(0, None, "stored")] * 3
    assert room.place_mails(LATER) == Counter(letter=3)


@ON_SQLITE
def test_a_mail_that_failed_by_itself_before_the_process_did_not_start_has_had_its_try(
    room: NewsletterMailroom,
) -> None:
    """Else one that always fails would never be shown as failed on a machine that is short of memory."""
    for number in range(3):
        room.store_mail(mail(body=f"Who looks after well {number}?"), now=LATER)
    steps = iter((ValueError("a flaw of ours"), NotStarted()))

    def fail(_step: str) -> None:
        if fault := next(steps, None):
            raise fault

    with pytest.raises(NotStarted):
        place_watched(room, fail)
    with room.database.read() as session:
        assert session.scalars(select(Inbound.attempts).order_by(Inbound.id)).all() == [1, 0, 0]


@ON_SQLITE
def test_what_was_tried_before_is_placed_by_itself(room: NewsletterMailroom) -> None:
    """One of them may have killed the worker that had them all."""
    first, second, third = (
        room.store_mail(mail(body=f"Who looks after well {number}?"), now=LATER) for number in range(3)
    )

    def claim_mails(minutes: int) -> list[int]:
        at = LATER + timedelta(minutes=minutes)
        return [claim.inbound_id for claim in room.database.write(lambda s: leases.claim(s, 10), at)]

    assert claim_mails(0) == [first, second, third]
    fourth = room.store_mail(mail(), now=LATER)
    assert [claim_mails(3) for _ in range(4)] == [[fourth], [first], [second], [third]]


@contextmanager
def counting(database: Database) -> Iterator[list[str]]:
    """Every statement that is sent meanwhile."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    engines = (database.reader, database.writer)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield statements
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


@ON_SQLITE
def test_a_batch_takes_few_statements(room: NewsletterMailroom, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many for ten mails as for fifty."""
    monkeypatch.setattr(placing, "MAX_READ_SECONDS", 60.0)  # a slow machine looks no oftener
    counted = []
    for number in (10, 50):
        for at in range(number):
            room.store_mail(
                mail(f"r{number}.{at}@post.example", body=f"Who looks after well {number}, {at}?"), now=LATER
            )
        with counting(room.database) as statements:
            assert room.place_mails(LATER) == Counter(letter=number)
        counted.append(len(statements))
    assert counted[0] == counted[1] <= 32
